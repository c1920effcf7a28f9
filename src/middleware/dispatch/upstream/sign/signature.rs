//! The signature of requests to an upstream: HTTP Message Signatures (RFC 9421).

use std::fmt::Write;

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Request, header::CONTENT_TYPE};
use sha2::{Digest, Sha256};

use crate::middleware::dispatch::upstream::headers::OURS;

/// A shared secret, and the name under which signatures give it.
#[derive(Clone)]
pub(in super::super) struct SigningKey {
    hmac: Hmac<Sha256>,
    id: Box<str>,
}

impl SigningKey {
    pub(in super::super) fn new(secret: &[u8]) -> Self {
        Self {
            hmac: Hmac::new_from_slice(secret).expect("a key of any length is one"),
            id: HEXLOWER.encode(&Sha256::digest(secret)[..4]).into(),
        }
    }

    fn sign(&self, base: &[u8]) -> String {
        let mac = self.hmac.clone().chain_update(base).finalize();
        BASE64.encode(&mac.into_bytes())
    }
}

/// Signs a request with each key, if there is one. `created` is in seconds since 1970.
///
/// What is signed: method, path, query, the body's digest (RFC 9530), its type, and every header of
/// ours. All of them are there, if need be empty, so that a verifier finds whatever was added.
pub(in super::super) fn sign<B>(
    request: &mut Request<B>,
    body: &Bytes,
    keys: &[SigningKey],
    created: u64,
) {
    if keys.is_empty() {
        return;
    }
    let digest = format!("sha-256=:{}:", BASE64.encode(&Sha256::digest(body)));
    let digest = HeaderValue::try_from(digest).expect(ASCII);
    request.headers_mut().insert(CONTENT_DIGEST, digest);

    let (mut base, components) = components(request);
    let covered = base.len();
    let (mut inputs, mut signatures) = (String::new(), String::new());
    for (index, key) in keys.iter().enumerate() {
        let parameters = format!(
            "{components};created={created};keyid=\"{}\";alg=\"hmac-sha256\";tag=\"web-connection\"",
            key.id
        );
        base.truncate(covered);
        base.extend_from_slice(b"\"@signature-params\": ");
        base.extend_from_slice(parameters.as_bytes());
        let signature = key.sign(&base);
        let (comma, label) = match index {
            0 => ("", "wcs".to_owned()),
            _ => (", ", format!("wcs{}", index + 1)),
        };
        write!(inputs, "{comma}{label}={parameters}").expect(MEMORY);
        write!(signatures, "{comma}{label}=:{signature}:").expect(MEMORY);
    }
    let headers = request.headers_mut();
    headers.insert(SIGNATURE_INPUT, inputs.try_into().expect(ASCII));
    headers.insert(SIGNATURE, signatures.try_into().expect(ASCII));
}

/// Writes the lines of what is covered, and the list of their names (RFC 9421 §2.5).
fn components<B>(request: &Request<B>) -> (Vec<u8>, String) {
    let mut base = Vec::with_capacity(1_024);
    let mut names = String::with_capacity(320);
    let mut line = |name: &str, value: &[u8]| {
        names.push(if names.is_empty() { '(' } else { ' ' });
        names.extend(["\"", name, "\""]);
        base.push(b'"');
        base.extend_from_slice(name.as_bytes());
        base.extend_from_slice(b"\": ");
        base.extend_from_slice(value);
        base.push(b'\n');
    };
    let uri = request.uri();
    line("@method", request.method().as_str().as_bytes());
    line("@path", uri.path().as_bytes());
    // RFC 9421 §2.2.7: the question mark belongs to it, also where there is no query.
    let query = uri.query().unwrap_or_default();
    line("@query", format!("?{query}").as_bytes());
    let headers = request.headers();
    for name in [CONTENT_DIGEST, CONTENT_TYPE].iter().chain(&OURS) {
        let value = headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        line(name.as_str(), value);
    }
    names.push(')');
    (base, names)
}

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

const ASCII: &str = "it is made of visible ASCII";
const MEMORY: &str = "a string takes what is written to it";

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9421, B.1.5 and B.2.5: what is signed and with which key.
    #[test]
    fn a_key_signs_as_in_the_rfcs_example() {
        let secret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
        let key = SigningKey::new(&BASE64.decode(secret.as_bytes()).unwrap());
        let base = concat!(
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n",
            "\"@authority\": example.com\n",
            "\"content-type\": application/json\n",
            "\"@signature-params\": (\"date\" \"@authority\" \"content-type\")",
            ";created=1618884473;keyid=\"test-shared-secret\"",
        );
        assert_eq!(
            key.sign(base.as_bytes()),
            "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
        );
    }

    fn request() -> Request<()> {
        let mut request = Request::post("/shop/__WebSocket.wwd?x=%20");
        for name in OURS {
            request = request.header(name, "");
        }
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header("cookie", "session=1");
        let mut request = request.body(()).unwrap();
        let headers = request.headers_mut();
        headers.insert("websocket-user-id", HeaderValue::from_static("ann"));
        request
    }

    #[test]
    fn the_base_has_each_component_once_and_in_order() {
        let mut signed = request();
        let body = Bytes::from("{}");
        sign(
            &mut signed,
            &body,
            &[SigningKey::new(b"secret")],
            1_700_000_000,
        );
        let (base, names) = components(&signed);
        let base = String::from_utf8(base).unwrap();
        assert!(
            base.starts_with(concat!(
                "\"@method\": POST\n\"@path\": /shop/__WebSocket.wwd\n\"@query\": ?x=%20\n",
                "\"content-digest\": ",
                "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:\n",
                "\"content-type\": application/json\n\"websocket-broadcast-url\": \n",
            )),
            "{base}"
        );
        assert!(base.ends_with("\"websocket-state\": \n\"websocket-user-id\": ann\n"));
        assert_eq!(
            signed.headers()[SIGNATURE_INPUT],
            format!(
                "wcs={names};created=1700000000;keyid=\"2bb80d53\";alg=\"hmac-sha256\";\
                 tag=\"web-connection\""
            )
        );
        assert!(names.ends_with("\"websocket-state\" \"websocket-user-id\")"));
    }

    #[test]
    fn several_keys_sign_side_by_side_and_none_at_all_leaves_no_trace() {
        let keys = ["new", "old"].map(|key| SigningKey::new(key.as_bytes()));
        let body = Bytes::from("{}");
        let mut both = request();
        sign(&mut both, &body, &keys, 1);
        let mut alone = request();
        sign(&mut alone, &body, &keys[1..], 1);
        let text = |request: &Request<()>| {
            let signature = request.headers()[SIGNATURE].to_str().unwrap();
            signature.to_owned()
        };
        let old = text(&alone);
        let old = old.strip_prefix("wcs=").unwrap();
        assert!(text(&both).ends_with(&format!(", wcs2={old}")));

        let mut unsigned = request();
        sign(&mut unsigned, &body, &[], 1);
        assert_eq!(unsigned.headers(), request().headers());
    }
}
