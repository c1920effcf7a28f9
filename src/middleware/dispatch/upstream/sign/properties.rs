//! Signatures in random cases, against a verifier that was written from the RFC alone.

use bytes::Bytes;
use data_encoding::BASE64;
use http::{HeaderValue, Request};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::{SigningKey, sign};
use crate::middleware::dispatch::upstream::headers::OURS;

/// RFC 2104, without the crate that signs.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let [inner, outer] = [0x36, 0x5c].map(|pad| block.map(|byte| byte ^ pad));
    let inner = Sha256::new().chain_update(inner).chain_update(message);
    let outer = Sha256::new().chain_update(outer);
    outer.chain_update(inner.finalize()).finalize().into()
}

/// Reads the list of what is covered, and signs it again: RFC 9421 §3.2.
fn is_right(request: &Request<Bytes>, key: &[u8]) -> bool {
    let text = |name: &str| {
        let mut values = request.headers().get_all(name).iter();
        let only = values.next().filter(|_| values.next().is_none());
        only.map(|value| value.to_str().unwrap().to_owned())
    };
    let (Some(input), Some(signature)) = (text("signature-input"), text("signature")) else {
        return false;
    };
    let input = input.strip_prefix("wcs=").unwrap();
    let (names, _) = input[1..].split_once(')').unwrap();
    let mut base = String::new();
    let mut covered = Vec::new();
    for name in names.split(' ').map(|name| name.trim_matches('"')) {
        let value = match name {
            "@method" => Some(request.method().to_string()),
            "@path" => Some(request.uri().path().to_owned()),
            "@query" => Some(format!("?{}", request.uri().query().unwrap_or_default())),
            _ => text(name),
        };
        let Some(value) = value else { return false };
        base.push_str(&format!("\"{name}\": {value}\n"));
        covered.push(name);
    }
    base.push_str(&format!("\"@signature-params\": {input}"));
    let digest = BASE64.encode(&Sha256::digest(request.body()));
    let names = request.headers().keys().map(|name| name.as_str());
    let mut ours = names.filter(|name| name.starts_with("websocket-"));
    ours.all(|name| covered.contains(&name))
        && text("content-digest") == Some(format!("sha-256=:{digest}:"))
        && signature == format!("wcs=:{}:", BASE64.encode(&hmac(key, base.as_bytes())))
}

/// What may happen to a request on its way.
type Change<'a> = &'a dyn Fn(&mut Request<Bytes>);

/// What a header value may be, as it arrives.
fn value() -> impl Strategy<Value = String> {
    "([!-~]([ -~]{0,20}[!-~])?)?"
}

proptest! {
    #[test]
    fn what_was_signed_is_verified_and_every_change_is_found(
        path in "(/[a-zA-Z0-9%._~;-]{0,8}){1,3}",
        query in prop::option::of("[a-z0-9=&%]{0,12}"),
        values in prop::collection::vec(value(), OURS.len()),
        body in prop::collection::vec(any::<u8>(), 0..200),
        key in prop::collection::vec(any::<u8>(), 1..100),
        changed in 0..OURS.len(),
    ) {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut request = Request::post(format!("{path}{query}"))
            .header("content-type", "application/json");
        for (name, value) in OURS.iter().zip(&values) {
            request = request.header(name, value);
        }
        let body = Bytes::from(body);
        let mut request = request.body(body.clone()).unwrap();
        sign(&mut request, &body, &[SigningKey::new(&key)], 1_700_000_000);
        prop_assert!(is_right(&request, &key), "{request:?}");
        prop_assert!(!is_right(&request, b"another key of another application"));

        let changes: [Change<'_>; 5] = [
            &|request| {
                let value = format!("{}x", values[changed]);
                let value = HeaderValue::try_from(value).unwrap();
                request.headers_mut().insert(&OURS[changed], value);
            },
            &|request| drop(request.headers_mut().remove(&OURS[changed])),
            &|request| {
                let added = HeaderValue::from_static("");
                request.headers_mut().insert("websocket-added", added);
            },
            &|request| *request.uri_mut() = "/another".parse().unwrap(),
            &|request| *request.body_mut() = [request.body(), &b"x"[..]].concat().into(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = request.clone();
            change(&mut changed);
            prop_assert!(!is_right(&changed, &key), "change {number}: {changed:?}");
        }
    }
}
