//! What a handshake's snapshot keeps, shows and forwards.

use http::{Request, Uri, request::Parts};

use super::{Handshake, HeaderPool};
use crate::{
    config::{Config, ForwardHeaders},
    protocol::{GroupId, UserId},
};

#[derive(Clone, Debug, PartialEq)]
struct Tenant(u8);

fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::get(uri).extension(Tenant(7));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn forwarded(
    uri: &str,
    headers: &[(&str, &str)],
    wanted: &ForwardHeaders,
) -> Vec<(String, String)> {
    let kept = Handshake::new(&request(uri, headers), None, None).forwarded(wanted);
    let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
    kept.headers()
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

fn names(headers: &[(&str, &str)]) -> Vec<String> {
    forwarded("/", headers, &ForwardHeaders::All)
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

fn claim(query: &str) -> (UserId, Vec<GroupId>) {
    let parts = request(&format!("/__initializeSocket.wc?{query}"), &[]);
    Handshake::new(&parts, None, None).claim()
}

#[test]
fn everything_is_there_again() {
    let headers = [
        ("Host", "app.example"),
        ("cookie", "a=1"),
        ("x-tag", "one"),
        ("X-Tag", "two"),
    ];
    let mut parts = request("/a%20b/c?x=1&Y=%C3%A9+z&x=2", &headers);
    let odd = http::HeaderValue::from_bytes(b"caf\xe9").unwrap();
    parts.headers.insert("x-odd", odd.clone());
    let peer = Some(([192, 0, 2, 1], 5).into());
    let handshake = Handshake::new(&parts, peer, None);

    assert_eq!(handshake.uri(), parts.uri);
    assert_eq!(handshake.path(), "/a%20b/c");
    assert_eq!(handshake.headers(), parts.headers);
    assert_eq!(handshake.header("COOKIE").unwrap(), "a=1");
    assert_eq!(handshake.header("x-odd"), Some(odd));
    assert_eq!(handshake.header("x-none"), None);
    assert_eq!(
        handshake.header_all("x-tag").collect::<Vec<_>>(),
        ["one", "two"]
    );
    assert_eq!(handshake.query("y").unwrap(), "é z");
    assert_eq!(handshake.query_all("X").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(handshake.query("z"), None);
    assert_eq!(handshake.extensions().get(), Some(&Tenant(7)));
    assert_eq!(handshake.peer_addr(), peer);
}

#[test]
fn cookies_that_were_split_are_joined() {
    for (lines, expected) in [
        (&["a=1"][..], "a=1"),
        (&["theme=dark", "session=ann1"], "theme=dark; session=ann1"),
        (&["a=1; b=2", "c=3", "d=4; e=5"], "a=1; b=2; c=3; d=4; e=5"),
    ] {
        let headers: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        let parts = request(
            "/",
            &[&[("x-a", "1")], &headers[..], &[("x-b", "2")]].concat(),
        );
        let handshake = Handshake::new(&parts, None, None);
        let kept = handshake.forwarded(&ForwardHeaders::All);
        for handshake in [handshake, kept] {
            let cookies: Vec<_> = handshake.header_all("Cookie").collect();
            assert_eq!(cookies, [expected]);
            assert_eq!(handshake.headers()["cookie"], expected);
            assert_eq!(handshake.headers().len(), 3);
        }
    }
    let handshake = Handshake::new(&request("/", &[("x-a", "1")]), None, None);
    assert_eq!(handshake.header("cookie"), None);
    // What is a list by other means stays as it came.
    let parts = request(
        "/",
        &[
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
        ],
    );
    let hops = Handshake::new(&parts, None, None);
    assert_eq!(hops.header_all("x-forwarded-for").count(), 2);
}

#[test]
fn every_form_of_url_survives() {
    for text in [
        "/",
        "*",
        "/?",
        "/a?b?c",
        "http://app.example",
        "https://u@app.example:1/x?y",
        "app.example:443",
    ] {
        let uri: Uri = text.parse().unwrap();
        let handshake = Handshake::new(&request(text, &[]), None, None);
        assert_eq!(handshake.uri(), uri, "{text}");
        assert_eq!(handshake.path(), uri.path(), "{text}");
        assert_eq!(
            handshake.forwarded(&ForwardHeaders::All).uri(),
            uri,
            "{text}"
        );
    }
}

#[test]
fn debug_shows_neither_headers_nor_query() {
    let handshake = Handshake::new(
        &request("/a?token=secret", &[("cookie", "secret")]),
        None,
        None,
    );
    let shown = format!("{handshake:?}");
    assert!(shown.contains("/a") && !shown.contains("secret"), "{shown}");
}

#[test]
fn what_is_forwarded_makes_sense_without_the_connection() {
    let kept = names(&[
        ("host", "app.example"),
        ("connection", "Upgrade, X-Hop"),
        ("connection", "x-other-hop"),
        ("x-hop", "1"),
        ("X-Other-Hop", "1"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "x"),
        ("accept-encoding", "br"),
        ("origin", "https://app.example"),
        ("content-length", "0"),
        ("websocket_user_id", "forged"),
        ("WebSocket-Identity", "verified"),
        ("authorization", "Bearer x"),
        ("cookie", "a=1"),
        ("user-agent", "x"),
    ]);
    assert_eq!(kept, ["host", "authorization", "cookie", "user-agent"]);
}

#[test]
fn sockets_keep_the_same_headers_whether_they_share_them_or_not() {
    let tags: Vec<String> = (0..40).map(|n| format!("the value of tag {n}")).collect();
    let mut headers = vec![
        ("host", "app.example"),
        ("cookie", "session=4f1c9ab0d27e43f5"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
    ];
    // More than are shared of one handshake.
    headers.extend(tags.iter().map(|tag| ("x-tag", tag.as_str())));
    let handshake = Handshake::new(&request("/a?b", &headers), None, None);
    let alone = handshake.forwarded(&ForwardHeaders::All);
    let pool = HeaderPool::default();
    let kept: Vec<_> = (0..3)
        .map(|_| handshake.kept(&ForwardHeaders::All, &pool))
        .collect();
    for kept in &kept {
        assert_eq!(kept.headers(), alone.headers());
        assert_eq!(kept.uri(), alone.uri());
        let seen: Vec<_> = kept.header_all("X-Tag").collect();
        assert_eq!(seen, tags);
    }
    let is_shared = |name| {
        let [one, other] = [&kept[1], &kept[2]].map(|kept| kept.header(name).expect("it is kept"));
        one.as_bytes().as_ptr() == other.as_bytes().as_ptr()
    };
    assert!(is_shared("user-agent"));
    assert!(!is_shared("cookie"));
}

#[test]
fn connection_cannot_take_the_host_away() {
    assert_eq!(
        names(&[("host", "app.example"), ("connection", "host")]),
        ["host"]
    );
}

#[test]
fn a_list_narrows_what_is_forwarded_and_never_widens_it() {
    let config = Config::new().forward_headers(["Cookie", "origin", "websocket-user-id"]);
    let headers = [
        ("host", "app.example"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("user-agent", "x"),
        ("origin", "https://app.example"),
        ("websocket-user-id", "forged"),
    ];
    let kept = forwarded("/", &headers, &config.forward_headers);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        kept,
        [pair("host", "app.example"), pair("cookie", "a=1; b=2")]
    );
}

#[test]
fn the_authority_of_http_2_becomes_the_host() {
    let kept = forwarded("https://app.example:8443/x", &[], &ForwardHeaders::All);
    assert_eq!(kept, [("host".to_owned(), "app.example:8443".to_owned())]);
    let both = [("host", "app.example")];
    assert_eq!(
        forwarded("https://app.example/", &both, &ForwardHeaders::All).len(),
        1
    );
}

#[test]
fn extensions_are_forwarded_without_those_of_the_request() {
    let mut parts = request("/", &[]);
    parts
        .extensions
        .insert(hyper::ext::Protocol::from_static("websocket"));
    #[cfg(feature = "axum")]
    parts
        .extensions
        .insert(axum::extract::OriginalUri(Uri::from_static("/")));
    let kept = Handshake::new(&parts, None, None).forwarded(&ForwardHeaders::All);
    assert_eq!(kept.extensions().get(), Some(&Tenant(7)));
    assert_eq!(kept.extensions().len(), 1);
}

#[test]
fn s09_the_query_claims_a_user_and_groups_in_any_case() {
    let groups = |names: &[&str]| {
        names
            .iter()
            .map(|name| GroupId::from(*name))
            .collect::<Vec<_>>()
    };
    assert_eq!(claim(""), (UserId::default(), groups(&[])));
    assert_eq!(
        claim("groupId=chat&userId=RickFox"),
        ("RickFox".into(), groups(&["chat"]))
    );
    assert_eq!(
        claim("GROUPID=a&groupid=&groupId=b+c&USERID=x%2Fy"),
        ("x/y".into(), groups(&["a", "b c"]))
    );
    assert_eq!(claim("userId=one&userId=two"), ("one".into(), groups(&[])));
    assert_eq!(
        claim("xuserId=ann&user=bob"),
        (UserId::default(), groups(&[]))
    );
}
