//! The signature as a backend reads it, by RFC 9421 and RFC 9530 alone.

use data_encoding::{BASE64, HEXLOWER};
use http::Request;
use sha2::{Digest, Sha256};
use web_connection_socket::{Config, Upstream, WebConnectionSocketLayer};

use super::backend::{Asked, Backend, reply};
use crate::support::{join, news, serve, text};

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    if key.len() > 64 {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new()
        .chain_update(padded(0x36))
        .chain_update(message);
    let outer = Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

/// What a verifier does that knows some keys: it takes the first signature by one of them, and builds
/// the list of what must be covered from the headers that are there.
fn verify(asked: &Asked, keys: &[&str]) -> Result<String, &'static str> {
    let (method, rest) = asked.line.split_once(' ').ok_or("no method")?;
    let (target, _) = rest.split_once(' ').ok_or("no target")?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let digest = BASE64.encode(&Sha256::digest(&asked.body));
    if only(asked, "content-digest")? != format!("sha-256=:{digest}:") {
        return Err("another body");
    }
    let mut covered = vec![
        ("@method".to_owned(), method.to_owned()),
        ("@path".to_owned(), path.to_owned()),
        ("@query".to_owned(), format!("?{query}")),
    ];
    for name in ["content-digest", "content-type"] {
        covered.push((name.to_owned(), only(asked, name)?.to_owned()));
    }
    let like = |name: &str| name.replace('_', "-").starts_with("websocket-");
    let mut ours: Vec<_> = asked
        .headers
        .iter()
        .filter(|(name, _)| like(name))
        .cloned()
        .collect();
    ours.sort();
    covered.extend(ours);
    let names: Vec<_> = covered
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    let names = format!("({})", names.join(" "));

    let inputs = only(asked, "signature-input")?;
    let signatures = only(asked, "signature")?;
    for (input, signature) in inputs.split(", ").zip(signatures.split(", ")) {
        let (label, input) = input.split_once('=').ok_or("no label")?;
        let signature = signature
            .strip_prefix(&format!("{label}=:"))
            .ok_or("no signature")?;
        let signature = signature.strip_suffix(':').ok_or("no end")?;
        let parameters = input
            .strip_prefix(&names)
            .ok_or("something else is covered")?;
        for key in keys {
            let id = &HEXLOWER.encode(&Sha256::digest(key.as_bytes()))[..8];
            if !parameters.contains(&format!(";keyid=\"{id}\";")) {
                continue;
            }
            let lines = covered
                .iter()
                .map(|(name, value)| format!("\"{name}\": {value}\n"));
            let base = format!(
                "{}\"@signature-params\": {input}",
                lines.collect::<String>()
            );
            let expected = BASE64.encode(&hmac(key.as_bytes(), base.as_bytes()));
            let is_right = expected == signature
                && parameters.ends_with(";alg=\"hmac-sha256\";tag=\"web-connection\"");
            return if is_right {
                Ok(label.to_owned())
            } else {
                Err("wrong")
            };
        }
    }
    Err("no key")
}

fn only<'a>(asked: &'a Asked, name: &str) -> Result<&'a str, &'static str> {
    let mut all = asked.all(name);
    match (all.next(), all.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err("missing"),
        (Some(_), Some(_)) => Err("twice"),
    }
}

fn signing(backend: &Backend, directory: &str, keys: &[&str]) -> WebConnectionSocketLayer {
    let url = format!("{}{directory}", backend.url());
    let upstream = Upstream::new(&url).expect("a URL").signing_keys(keys);
    WebConnectionSocketLayer::new(Config::new().lifecycle_events(true)).upstream(upstream)
}

#[tokio::test]
async fn every_request_is_signed_whatever_names_and_texts_it_carries() {
    let backend = Backend::start(|asked| match asked.header("websocket-event") {
        "message" => reply("heard"),
        _ => super::backend::answer(204, &[("WebSocket-State", "a, b;c=\"d\"  e")], ""),
    })
    .await;
    let layer = signing(
        &backend,
        "/a%20b",
        &["a long secret of more than sixty-four bytes, which is hashed before it is used"],
    );
    let server = serve(&layer);
    for (user, groups, said) in [
        ("", "", ""),
        ("ann", "&groupId=lobby", "x"),
        (
            "Zo%C3%AB%20%22",
            "&groupId=a,%20b&groupId=c%0d%0ax",
            "gr\u{fc}\u{df}e \"\\ \u{1f600}",
        ),
        ("%00%7f%25", "&groupId=%E2%80%A8", "{\"json\":true}"),
    ] {
        let path = format!("/__initializeSocket.wc?userId={user}{groups}");
        let request = Request::get(path)
            .header("signature", "wcs=:AAAA:")
            .header("signature_input", "wcs=()")
            .header("websocket_user_id", "boss")
            .header("cookie", "a=1");
        let mut client = server
            .connect_with(request.body(()).unwrap())
            .await
            .unwrap();
        client.send(&news(said)).await.unwrap();
        assert_eq!(text(&mut client).await, "heard");
    }
    let key = "a long secret of more than sixty-four bytes, which is hashed before it is used";
    // Four connects and messages, and by now some ends.
    assert!(backend.visits.len() >= 8);
    for asked in backend.visits.all() {
        assert_eq!(verify(&asked, &[key]), Ok("wcs".to_owned()), "{asked:?}");
        assert_eq!(verify(&asked, &["another"]), Err("no key"));
    }
}

#[tokio::test]
async fn whatever_is_changed_or_added_on_the_way_is_found() {
    let backend = Backend::start(|_| reply("heard")).await;
    let layer = signing(&backend, "", &["secret"]);
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["lobby"]).await;
    ann.send(&news("x")).await.unwrap();
    text(&mut ann).await;
    let asked = backend.visits.all().pop().unwrap();
    assert_eq!(verify(&asked, &["secret"]), Ok("wcs".to_owned()));

    type Change = (&'static str, fn(&mut Asked));
    let changes: [Change; 9] = [
        ("method", |asked| {
            asked.line = asked.line.replace("POST", "PUT")
        }),
        ("path", |asked| {
            asked.line = asked.line.replace("/__", "/x/__")
        }),
        ("query", |asked| {
            asked.line = asked.line.replace(" HTTP", "?x HTTP")
        }),
        ("body", |asked| asked.body.push(b' ')),
        ("an added header", |asked| {
            asked
                .headers
                .push(("websocket-extra".into(), String::new()));
        }),
        ("a look-alike", |asked| {
            asked
                .headers
                .push(("websocket_user_id".into(), "boss".into()));
        }),
        ("a second value", |asked| {
            asked
                .headers
                .push(("websocket-user-id".into(), "boss".into()));
        }),
        ("a removed header", |asked| {
            asked.headers.retain(|(name, _)| name != "websocket-state");
        }),
        ("another user", |asked| {
            for (name, value) in &mut asked.headers {
                if name == "websocket-user-id" {
                    *value = "boss".into();
                }
            }
        }),
    ];
    for (what, change) in changes {
        let mut changed = asked.clone();
        change(&mut changed);
        assert!(verify(&changed, &["secret"]).is_err(), "{what}");
    }
}

#[tokio::test]
async fn a_key_is_replaced_without_a_gap() {
    let backend = Backend::start(|_| reply("heard")).await;
    for (keys, old, new) in [
        (&["old"][..], Ok("wcs"), Err("no key")),
        (&["new", "old"], Ok("wcs2"), Ok("wcs")),
        (&["new"], Err("no key"), Ok("wcs")),
    ] {
        let layer = signing(&backend, "", keys);
        let server = serve(&layer);
        let mut ann = join(&server, "ann", &[]).await;
        ann.send(&news("x")).await.unwrap();
        text(&mut ann).await;
        let asked = backend.visits.all().pop().unwrap();
        let label = |keys| verify(&asked, keys);
        assert_eq!(label(&["old"]).as_deref().map_err(|error| *error), old);
        assert_eq!(label(&["new"]).as_deref().map_err(|error| *error), new);
    }
}
