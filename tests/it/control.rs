//! The reserved URLs as a service of their own, for a private port.

use tower::Layer;
use web_connection_socket::{Config, Socket, WebConnectionSocketLayer, testing::Server};

use crate::support::{
    app::Visits,
    http::{BROADCAST, WEB_SOCKET},
    join,
    raw::Raw,
    text,
};

const MESSAGE: &str = r#"{"action":"news","message":"hello"}"#;

/// The same application behind a public and a private service.
fn services(config: Config) -> (Server, Server, Visits) {
    let layer = WebConnectionSocketLayer::new(config.control_service_only(true));
    let visits = Visits::default();
    let public = Server::new(layer.layer(visits.app()));
    let private = Server::new(layer.control_service(visits.app()));
    (public, private, visits)
}

#[tokio::test]
async fn any_program_that_reaches_it_may_broadcast_without_a_token() {
    let (public, private, visits) = services(Config::new());
    let mut ann = join(&public, "ann", &[]).await;
    let stranger = private.peer("192.0.2.7:50000".parse().unwrap());
    let answer = Raw::post(BROADCAST, MESSAGE).ask(&stranger).await;
    assert_eq!(
        (answer.status, &*answer.body),
        (
            200,
            r#"{"matched":1,"queued":1,"dropped":0,"forwarded":false}"#
        )
    );
    assert_eq!(text(&mut ann).await, "hello");

    let answer = Raw::post(WEB_SOCKET, MESSAGE).ask(&stranger).await;
    assert_eq!((answer.status, &*answer.body), (200, "the application"));
    assert!(visits.only().socket.is_some());
}

#[tokio::test]
async fn the_option_alone_closes_the_reserved_urls_of_the_layered_service() {
    for (only, broadcast, posted) in [
        (true, (404, "not_found"), (404, "not_found")),
        (false, (200, ""), (200, "")),
    ] {
        let config = Config::new().bearer_tokens(["secret"]);
        let layer = WebConnectionSocketLayer::new(config.control_service_only(only));
        let visits = Visits::default();
        let before = Server::new(layer.layer(visits.app()));
        // Building one changes nothing, for services made before and after.
        let _control = layer.control_service(visits.app());
        let after = Server::new(layer.layer(visits.app()));
        for server in [before, after] {
            for (path, expected) in [(BROADCAST, broadcast), (WEB_SOCKET, posted)] {
                let answer = Raw::post(path, MESSAGE)
                    .with("Authorization", "Bearer secret")
                    .ask(&server)
                    .await;
                let code = if only { answer.code() } else { String::new() };
                assert_eq!((answer.status, &*code), expected, "{path}");
                let get = Raw::new(&format!("GET {path} HTTP/1.1"));
                let expected = if only { 404 } else { 405 };
                assert_eq!(get.ask(&server).await.status, expected, "{path}");
            }
        }
        assert_eq!(visits.take().len(), if only { 0 } else { 2 });
    }
}

#[tokio::test]
async fn tokens_are_still_asked_for_where_there_are_some() {
    let config = Config::new()
        .bearer_tokens(["secret"])
        .trust_local_callers();
    let (_, private, _) = services(config);
    let post = || Raw::post(BROADCAST, MESSAGE);
    assert_eq!(post().ask(&private).await.code(), "token_missing");
    let wrong = post().with("Authorization", "Bearer Secret");
    assert_eq!(wrong.ask(&private).await.code(), "token_wrong");
    let right = post().with("Authorization", "Bearer secret");
    assert_eq!(right.ask(&private).await.status, 200);
}

#[tokio::test]
async fn pages_are_kept_out_even_of_a_rebound_host() {
    let (_, private, visits) = services(Config::new());
    for (name, value) in [
        ("Origin", "https://evil.test"),
        ("Origin", "null"),
        ("Origin", "http://localhost"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for path in [BROADCAST, WEB_SOCKET] {
            let answer = Raw::post(path, MESSAGE)
                .with(name, value)
                .ask(&private)
                .await;
            assert_eq!(
                (answer.status, &*answer.code()),
                (403, "caller_not_allowed"),
                "{name}: {value}"
            );
        }
    }
    assert!(visits.take().is_empty());
}

#[tokio::test]
async fn a_rebound_host_is_kept_out() {
    let (_, private, _) = services(Config::new().hosts(["localhost"]));
    let rebound = Raw::post(BROADCAST, MESSAGE).set("Host", "evil.test");
    assert_eq!(rebound.ask(&private).await.code(), "host_not_allowed");
    assert_eq!(
        Raw::post(BROADCAST, MESSAGE).ask(&private).await.status,
        200
    );
}

#[tokio::test]
async fn everything_else_is_not_there() {
    let (public, private, visits) = services(Config::new());
    for request in [
        Raw::handshake("/__initializeSocket.wc"),
        Raw::new("GET /__initializeSocket.wc HTTP/1.1"),
        Raw::new("GET / HTTP/1.1"),
        Raw::post("/__broadcastWebSocket.wc/x", MESSAGE),
    ] {
        let answer = request.ask(&private).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (404, "not_found"),
            "{request}"
        );
    }
    assert!(visits.take().is_empty());
    assert_eq!(Raw::new("GET / HTTP/1.1").ask(&public).await.status, 200);
}

#[tokio::test]
async fn methods_and_messages_are_checked_as_by_the_layered_service() {
    let layer = WebConnectionSocketLayer::new(Config::new())
        .on_web_socket(|_: Socket| async { Err::<(), _>("no") });
    let private = Server::new(layer.control_service(Visits::default().app()));
    let get = Raw::new("GET /__broadcastWebSocket.wc HTTP/1.1");
    let answer = get.ask(&private).await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    assert_eq!(
        Raw::post(BROADCAST, "{").ask(&private).await.code(),
        "bad_message"
    );
    assert_eq!(
        Raw::post(WEB_SOCKET, MESSAGE).ask(&private).await.status,
        500
    );
}
