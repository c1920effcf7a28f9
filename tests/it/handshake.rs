//! What may become a socket: the opening handshake, byte by byte.

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tower::{Layer, ServiceExt};
use web_connection_socket::{Config, RejectionKind, WebConnectionSocketLayer, testing::Server};

use crate::support::{app::Visits, news, raw::Raw, serve_app, wire::Wire};

/// A server around an application that remembers, its layer, and that memory.
fn site(config: Config) -> (Server, WebConnectionSocketLayer, Visits) {
    let layer = WebConnectionSocketLayer::new(config);
    let visits = Visits::default();
    (serve_app(&layer, visits.app()), layer, visits)
}

#[tokio::test]
async fn a_whole_handshake_is_answered_as_the_rfc_says() {
    let (server, layer, visits) = site(Config::new());
    let mut answer = Raw::handshake("/anywhere").ask(&server).await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade"), Some("websocket"));
    assert_eq!(answer.header("connection"), Some("Upgrade"));
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    assert_eq!(answer.header("sec-websocket-accept"), Some(accept));
    assert_eq!(answer.header("sec-websocket-protocol"), None);

    layer.hub().broadcast(&news("hello"));
    assert!(answer.wire.text().await.contains("hello"));
    assert!(visits.take().is_empty());
}

#[tokio::test]
async fn a_handshake_that_is_not_whole_is_refused_with_what_it_lacks() {
    let (server, layer, visits) = site(Config::new());
    let good = || Raw::handshake("/");
    let host = || good().without("Host");
    let key = |key| good().set("Sec-WebSocket-Key", key);
    let version = |version| good().set("Sec-WebSocket-Version", version);
    for (request, status, code) in [
        (good().line("POST / HTTP/1.1"), 405, "method_not_allowed"),
        (good().line("PUT / HTTP/1.1"), 405, "method_not_allowed"),
        (good().line("OPTIONS / HTTP/1.1"), 405, "method_not_allowed"),
        (version("8"), 426, "unsupported_version"),
        (version("13, 8"), 426, "unsupported_version"),
        (version("013"), 426, "unsupported_version"),
        (
            good().without("Sec-WebSocket-Version"),
            426,
            "unsupported_version",
        ),
        (
            good().with("Sec-WebSocket-Version", "13"),
            426,
            "unsupported_version",
        ),
        (
            good().with("Content-Length", "5"),
            400,
            "malformed_handshake",
        ),
        (
            good().with("Transfer-Encoding", "chunked"),
            400,
            "malformed_handshake",
        ),
        (key("AAAA"), 400, "malformed_handshake"),
        (key("dGhlIHNhbXBsZSBub25jZQAA"), 400, "malformed_handshake"),
        (
            good().without("Sec-WebSocket-Key"),
            400,
            "malformed_handshake",
        ),
        (
            good().with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            400,
            "malformed_handshake",
        ),
        (good().line("GET / HTTP/1.0"), 400, "malformed_handshake"),
        (host(), 400, "malformed_handshake"),
        (good().with("Host", "localhost"), 400, "malformed_handshake"),
        (
            good().with("Host", "other.example"),
            400,
            "malformed_handshake",
        ),
        (
            host().with("Host", "user@localhost"),
            400,
            "malformed_handshake",
        ),
        (
            good().line("GET http://other.example/ HTTP/1.1"),
            400,
            "malformed_handshake",
        ),
        (
            good().line("GET http://localhost:81/ HTTP/1.1"),
            400,
            "malformed_handshake",
        ),
    ] {
        let answer = request.ask(&server).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (status, code),
            "{request}"
        );
        if status == 405 {
            assert_eq!(answer.header("allow"), Some("GET"));
        }
        if status == 426 {
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
            assert_eq!(answer.header("upgrade"), Some("websocket"));
        }
    }
    assert!(layer.hub().is_empty());
    assert!(visits.take().is_empty());
    let refusals = layer.hub().stats().refusals;
    assert_eq!(refusals[&RejectionKind::MethodNotAllowed], 3);
    assert_eq!(refusals[&RejectionKind::UnsupportedVersion], 5);
}

#[tokio::test]
async fn a_host_may_have_an_empty_port() {
    let (server, layer, _) = site(Config::new().hosts(["app.example:443"]));
    for (line, host) in [
        ("GET / HTTP/1.1", "app.example:"),
        ("GET / HTTP/1.1", "APP.example.:"),
        ("GET http://app.example:/ HTTP/1.1", "app.example"),
        ("GET http://app.example/ HTTP/1.1", "app.example:"),
    ] {
        let request = Raw::handshake("/").line(line).set("Host", host);
        assert_eq!(request.ask(&server).await.status, 101, "{request}");
    }
    assert_eq!(layer.hub().stats().refusals.len(), 0);

    let page = |host, origin| Raw::handshake("/").set("Host", host).with("Origin", origin);
    for (request, status) in [
        (page("app.example:", "https://app.example"), 101),
        (page("app.example:", "https://app.example:"), 403),
        (page("app.example", "https://app.example:"), 403),
        (page("app.example:", "https://app.example:8443"), 403),
        (page("app.example:", "https://evil.test"), 403),
        (page("app.example::", "https://app.example"), 400),
        (page(":", "https://app.example"), 400),
    ] {
        assert_eq!(request.ask(&server).await.status, status, "{request}");
    }
}

#[tokio::test]
async fn a_url_in_absolute_form_may_name_the_same_host() {
    let (server, _, _) = site(Config::new());
    for line in [
        "GET http://localhost/ HTTP/1.1",
        "GET http://LOCALHOST:80/ HTTP/1.1",
    ] {
        assert_eq!(
            Raw::handshake("/").line(line).ask(&server).await.status,
            101,
            "{line}"
        );
    }
}

#[tokio::test]
async fn nothing_that_a_handshake_needs_may_be_missing() {
    const NEEDED: [&str; 5] = [
        "Host",
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Key",
    ];
    let (server, layer, visits) = site(Config::new());
    for missing in 1_u32..1 << NEEDED.len() {
        let lacks = |at: &usize| missing & (1 << at) != 0;
        let without = (0..NEEDED.len()).filter(lacks).map(|at| NEEDED[at]);
        let request = without.fold(Raw::handshake("/"), Raw::without);
        let answer = request.ask(&server).await;
        // Without its tokens it is no upgrade at all.
        if lacks(&1) || lacks(&2) {
            assert_eq!(
                (answer.status, &*answer.body),
                (200, "the application"),
                "{request}"
            );
            assert!(visits.only().socket.is_none());
        } else {
            assert!(
                matches!(answer.status, 400 | 426),
                "{} {request}",
                answer.status
            );
        }
    }
    assert!(layer.hub().is_empty());
}

#[tokio::test]
async fn upgrade_tokens_may_stand_in_lists_on_several_lines_and_in_any_case() {
    let (server, _, _) = site(Config::new());
    let bare = || Raw::handshake("/").without("Connection").without("Upgrade");
    for request in [
        bare()
            .with("Connection", "keep-alive")
            .with("Connection", "Upgrade")
            .with("Upgrade", "websocket"),
        bare()
            .with("Connection", "keep-alive, UPGRADE")
            .with("Upgrade", "WebSocket"),
        bare()
            .with("Connection", "upgrade")
            .with("Upgrade", "h2c, websocket"),
        bare()
            .with("Upgrade", "h2c")
            .with("Upgrade", "websocket")
            .with("Connection", ", upgrade ,"),
    ] {
        assert_eq!(request.ask(&server).await.status, 101, "{request}");
    }
}

#[tokio::test]
async fn a_request_without_both_upgrade_tokens_is_the_applications() {
    let (server, layer, visits) = site(Config::new());
    let bare = || Raw::handshake("/").without("Connection").without("Upgrade");
    for request in [
        bare().with("Upgrade", "websocket"),
        bare()
            .with("Upgrade", "websocket")
            .with("Connection", "keep-alive"),
        bare().with("Connection", "Upgrade"),
        bare().with("Connection", "Upgrade").with("Upgrade", "h2c"),
        bare()
            .with("Connection", "no-upgrade")
            .with("Upgrade", "websocket"),
    ] {
        let answer = request.ask(&server).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (200, "the application"),
            "{request}"
        );
        let visit = visits.only();
        assert_eq!(visit.header("sec-websocket-version"), ["13"]);
        assert!(visit.socket.is_none());
    }
    assert!(layer.hub().is_empty());
}

/// What a client sent after its handshake are frames, not its next request.
#[tokio::test]
async fn a_refused_upgrade_ends_the_connection() {
    let (server, _, visits) = site(Config::new());
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (request, status, connection) in [
        (
            Raw::handshake("/").with("Origin", "http://evil.test"),
            403,
            "close",
        ),
        (
            Raw::handshake("/").without("Sec-WebSocket-Key"),
            400,
            "close",
        ),
        (
            Raw::handshake("/").set("Sec-WebSocket-Version", "8"),
            426,
            "Upgrade, close",
        ),
    ] {
        let mut answer = request.body(smuggled).ask(&server).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("connection"), Some(connection));
        assert_eq!(answer.wire.drain().await, 0);
    }
    assert_eq!(visits.len(), 0);
    // What no frames can follow stays open.
    let probe = Raw::probe("").with("Origin", "http://evil.test");
    let answer = probe.ask(&server).await;
    assert_eq!((answer.status, answer.header("connection")), (403, None));
    let over_http2 = server.http2().connect("/?x=1").await;
    assert!(over_http2.is_ok());
}

#[tokio::test]
async fn the_first_offered_subprotocol_that_is_ours_is_chosen() {
    let (server, _, _) = site(Config::new().subprotocols(["v1", "v2"]));
    let offer = |offers: &[&str]| {
        let add = |request: Raw, offer: &&str| request.with("Sec-WebSocket-Protocol", offer);
        offers.iter().fold(Raw::handshake("/"), add)
    };
    for (offers, chosen) in [
        (&[][..], None),
        (&["v1"], Some("v1")),
        (&["v9, v2, v1"], Some("v2")),
        (&["v9", "v2"], Some("v2")),
    ] {
        let answer = offer(offers).ask(&server).await;
        assert_eq!(answer.status, 101, "{offers:?}");
        assert_eq!(
            answer.header("sec-websocket-protocol"),
            chosen,
            "{offers:?}"
        );
    }
}

#[tokio::test]
async fn a_foreign_subprotocol_is_the_applications_with_a_working_upgrade() {
    let layer = WebConnectionSocketLayer::new(Config::new().subprotocols(["ours"]));
    let app = axum::Router::new().fallback(|mut request: Request| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        #[expect(
            clippy::disallowed_methods,
            reason = "the echo lives as long as its connection"
        )]
        tokio::spawn(async move {
            let stream = TokioIo::new(upgrade.await.expect("an upgraded connection"));
            let (mut read, mut write) = tokio::io::split(stream);
            tokio::io::copy(&mut read, &mut write).await
        });
        let answer = Response::builder()
            .status(101)
            .header("connection", "upgrade");
        answer
            .header("upgrade", "websocket")
            .body(Body::empty())
            .unwrap()
    });
    let server = serve_app(&layer, app);

    let theirs = Raw::handshake("/same").with("Sec-WebSocket-Protocol", "graphql-ws");
    let answer = theirs.ask(&server).await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-accept"), None);
    let mut echo = Wire::over(answer.wire.into_inner());
    echo.send(b"\x81\x02hi").await;
    assert_eq!(echo.frame().await.expect("an echo").text(), "hi");
    assert!(layer.hub().is_empty());

    let ours = Raw::handshake("/same").with("Sec-WebSocket-Protocol", "graphql-ws, ours");
    assert_eq!(
        ours.ask(&server).await.header("sec-websocket-protocol"),
        Some("ours")
    );
    assert_eq!(layer.hub().len(), 1);
}

#[tokio::test]
async fn a_server_that_hands_no_connection_over_is_told_so() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let request = http::Request::get("/")
        .header("host", "localhost")
        .header("upgrade", "websocket")
        .header("connection", "Upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = layer
        .layer(Visits::default().app())
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(response.status(), 500);
    assert_eq!(
        layer.hub().stats().refusals[&RejectionKind::NoUpgradeHandle],
        1
    );
    assert!(layer.hub().is_empty());
}

#[tokio::test]
async fn one_that_is_too_large_to_keep_is_refused() {
    let (server, layer, visits) = site(Config::new().max_handshake_size(1_000));
    let cookie = "x".repeat(1_000);
    for request in [
        Raw::handshake("/__initializeSocket.wc").with("Cookie", &cookie),
        Raw::new("GET /__initializeSocket.wc HTTP/1.1").with("Cookie", &cookie),
        Raw::handshake(&format!("/?userId={cookie}")),
    ] {
        let answer = request.ask(&server).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (431, "handshake_too_large")
        );
    }
    // What is not ours is not measured.
    let page = Raw::new("GET / HTTP/1.1").with("Cookie", &cookie);
    assert_eq!(page.ask(&server).await.status, 200);
    assert!(layer.hub().is_empty());
    assert_eq!(visits.take().len(), 1);
    assert_eq!(Raw::handshake("/").ask(&server).await.status, 101);
}
