//! What the log says of refusals: each kind for itself, with what helps to find its cause.

use std::time::Duration;

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use tokio::time::sleep;
use tower::Layer;
use tracing::Level;
use web_connection_socket::{
    Config, Rejection, RejectionKind, Socket, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config, error_of,
    http::{BROADCAST, WEB_SOCKET},
    join, log, news,
    raw::Raw,
    relay, serve, serve_app, until,
    wire::Wire,
};

#[tokio::test]
async fn each_says_where_for_which_client_and_what_would_help() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(Config::new()).relay();
    let server = serve(&layer).peer("192.0.2.7:50123".parse().unwrap());
    let foreign = |request: Raw| request.with("Origin", "https://evil.test");
    for (request, kind, path, helps) in [
        (
            foreign(Raw::handshake("/chat?token=hush")),
            "foreign_origin",
            "/chat",
            "Config::origins",
        ),
        (
            Raw::post("/__broadcastWebSocket.wc?token=hush", "{}"),
            "callers_not_configured",
            "/__broadcastWebSocket.wc",
            "Config::bearer_tokens",
        ),
        (
            Raw::handshake("/old?hush").set("Sec-WebSocket-Version", "8"),
            "unsupported_version",
            "/old",
            "must be 13",
        ),
    ] {
        assert_eq!(request.ask(&server).await.code(), kind);
        let line = log.of(Level::INFO).pop().expect("a line");
        for part in [
            &format!("kind=\"{kind}\""),
            &format!("path=\"{path}\""),
            "peer=192.0.2.7:50123",
            helps,
        ] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        assert!(!line.contains("hush"), "{line}");
    }
    assert_eq!(log.of(Level::INFO).len(), 3);

    // The probe, HTTP/2, a host that did the handshake itself, and the control service.
    let probe = foreign(Raw::new("GET /a/__initializeSocket.wc?hush HTTP/1.1"));
    let fresh = || WebConnectionSocketLayer::new(Config::new()).relay();
    let layer = fresh();
    probe.ask(&serve(&layer)).await;
    let visit = || {
        Request::get("/b?hush")
            .header("origin", "https://evil.test")
            .body(())
    };
    let layer = fresh();
    let refused = serve(&layer).http2().connect_with(visit().unwrap()).await;
    refused.unwrap_err();
    let (parts, ()) = visit().unwrap().into_parts();
    let (stream, far_end) = tokio::io::duplex(1024);
    let accepted = fresh()
        .layer(Router::new())
        .accept::<Body, _, _>(parts, stream);
    let mut wire = Wire::over(far_end);
    let (accepted, _) = tokio::join!(accepted, wire.closed());
    accepted.unwrap_err();
    let control = Server::new(fresh().control_service(Router::new()));
    Raw::new("GET /d?hush HTTP/1.1").ask(&control).await;
    let lines = log.of(Level::INFO).split_off(3);
    assert_eq!(lines.len(), 4, "{lines:?}");
    let paths = ["/a/__initializeSocket.wc", "/b", "/b", "/d"];
    let peers = [
        "127.0.0.1:49152",
        "127.0.0.1:49152",
        "unknown",
        "127.0.0.1:49152",
    ];
    for ((line, path), peer) in lines.iter().zip(paths).zip(peers) {
        assert!(line.contains(&format!("path=\"{path}\"")), "{line}");
        assert!(line.contains(&format!("peer={peer}")), "{line}");
        assert!(!line.contains("hush"), "{line}");
    }
}

/// A layer's clones, its services, and those made before a hook was set share one log.
#[tokio::test(start_paused = true)]
async fn all_services_of_a_layer_write_one_line_of_a_kind_and_warn_once() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(Config::new().bearer_tokens(["right"]));
    // Reads the body by itself, so that no handler takes the socket out.
    let app = || Router::new().fallback(async || "seen");
    let servers = [
        serve_app(&layer, app()),
        serve_app(&layer, app()),
        serve_app(&layer.clone(), app()),
        Server::new(layer.control_service(app())),
        serve_app(&layer.upgrade_if(|_| true), app()),
    ];
    let post = |path: &str, token: &str| Raw::post(path, "{}").with("Authorization", token);
    for server in &servers {
        let refused = post(BROADCAST, "Bearer wrong").ask(server).await;
        assert_eq!(refused.code(), "token_wrong");
        let answer = post(WEB_SOCKET, "Bearer right").ask(server).await;
        assert_eq!((answer.status, &*answer.body), (200, "seen"));
    }
    let (refusals, warnings) = (log.of(Level::INFO), log.of(Level::WARN));
    assert_eq!((refusals.len(), warnings.len()), (1, 1), "{}", log.text());
    assert!(warnings[0].contains("no handler took the socket"));
    sleep(Duration::from_secs(1)).await;
    post(BROADCAST, "Bearer wrong").ask(&servers[1]).await;
    let last = log.of(Level::INFO).pop().expect("a line");
    assert!(last.contains("suppressed=4"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_one_kind_hides_no_other_and_is_counted() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(Config::new().bearer_tokens(["right"])).relay();
    let server = serve(&layer);
    let post = |token: &str| Raw::post(BROADCAST, "{}").with("Authorization", token);
    for _ in 0..20 {
        assert_eq!(
            post("Bearer wrong").ask(&server).await.code(),
            "token_wrong"
        );
    }
    assert_eq!(post("Basic x").ask(&server).await.code(), "token_missing");
    let foreign = Raw::handshake("/").with("Origin", "https://evil.test");
    assert_eq!(foreign.ask(&server).await.code(), "foreign_origin");
    let lines = log.of(Level::INFO);
    let kinds = ["token_wrong", "token_missing", "foreign_origin"];
    assert_eq!(lines.len(), kinds.len(), "{lines:?}");
    for (line, kind) in lines.iter().zip(kinds) {
        assert!(
            line.contains(kind) && !line.contains("suppressed"),
            "{line}"
        );
    }
    sleep(Duration::from_secs(1)).await;
    post("Bearer wrong").ask(&server).await;
    assert!(log.of(Level::INFO)[3].contains("suppressed=19"));
    assert_eq!(layer.hub().stats().refusals[&RejectionKind::TokenWrong], 21);
}

#[tokio::test]
async fn a_flood_of_failures_hides_no_other_failure() {
    let log = log::capture();
    let app = Router::new().fallback(async || {
        let headers = [("websocket-close", "200 fine"), ("websocket-join", "%ff")];
        (StatusCode::NOT_FOUND, headers)
    });
    let layer = WebConnectionSocketLayer::new(config())
        .on_action("fail", async |_: Socket| Err::<(), _>("it failed"))
        .on_action("panic", async |socket: Socket| {
            assert!(socket.id().is_none(), "a test's own panic");
        });
    let server = serve_app(&layer, app);
    let mut ann = join(&server, "ann", &[]).await;
    let actions = ["fail", "fail", "fail", "panic", "panic", "lost", "lost"];
    for action in actions {
        let mut message = news("");
        message.action = action.to_owned();
        ann.send(&message).await.unwrap();
        error_of(&mut ann).await;
    }
    let lines = log.of(Level::ERROR);
    let told = ["it failed", "panicked", "no handler read"];
    assert_eq!(lines.len(), told.len(), "{lines:?}");
    for (line, told) in lines.iter().zip(told) {
        assert!(line.contains(told), "{line}");
    }
}

/// A visitor can make the application answer as often as it likes.
#[tokio::test]
async fn a_wrong_header_of_the_application_s_answer_is_told_once_in_a_while() {
    let log = log::capture();
    let app = Router::new().fallback(async |socket: Socket| {
        drop(socket);
        [
            ("websocket-close", "200 fine"),
            ("websocket-join", "%ff"),
            ("websocket-leave", "%ff"),
        ]
    });
    let layer = WebConnectionSocketLayer::new(config());
    let server = serve_app(&layer, app);
    let mut ann = join(&server, "ann", &[]).await;
    let hub = layer.hub();
    for _ in 0..5 {
        ann.send(&news("")).await.unwrap();
    }
    until("all were handled", || {
        let stats = hub.stats();
        stats.messages_in == 5 && stats.dispatches_running == 0
    })
    .await;
    let lines = log.of(Level::WARN);
    let told = ["is not UTF-8", "WebSocket-Close"];
    assert_eq!(lines.len(), told.len(), "{lines:?}");
    for told in told {
        assert!(lines.iter().any(|line| line.contains(told)), "{lines:?}");
    }
}

#[tokio::test]
async fn a_path_and_a_text_stay_on_one_line_of_bounded_length() {
    let log = log::capture();
    let layer = relay().on_connect(async |_| {
        Err(Rejection::new(StatusCode::FORBIDDEN).detail("no\nERROR forged\u{2028}too"))
    });
    let server = serve(&layer);
    let path = format!("/{}?hush", "a%0Ab".repeat(200));
    assert_eq!(Raw::handshake(&path).ask(&server).await.status, 403);
    let line = log.of(Level::INFO).pop().expect("a line");
    assert!(line.contains("no\\nERROR forged\\u{2028}too"), "{line}");
    assert!(
        !line.contains(['\n', '\u{2028}']) && line.len() < 500,
        "{line}"
    );
}
