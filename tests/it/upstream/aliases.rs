//! Requests that are forwarded to another server: none of them looks as if we had made it.

use web_connection_socket::{Config, WebConnectionSocketLayer};

use crate::support::{app::Visits, config, raw::Raw, serve_app};

#[tokio::test]
async fn another_spelling_of_a_reserved_url_is_refused_and_counted() {
    let layer = WebConnectionSocketLayer::new(config().inner_is_proxy(true));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    for (path, status) in [
        ("/__WebSocket.wwd;x", 403),
        ("/__WebSocket.wwd/x", 403),
        ("/a%252f__WebSocket.wwd", 403),
        ("/__broadcastWebSocket.wc%20", 403),
        ("/__BROA~1.WC", 403),
        ("/x%2525252520", 400),
    ] {
        for method in ["GET", "POST", "PUT"] {
            let line = format!("{method} {path} HTTP/1.1");
            let answer = Raw::post("/", "{}").line(&line).ask(&server).await;
            assert_eq!(answer.status, status, "{line}");
        }
    }
    assert_eq!(visits.len(), 0);
    let refusals = layer.hub().stats().refusals;
    let by_name: Vec<_> = refusals
        .iter()
        .map(|(kind, n)| (kind.as_str(), *n))
        .collect();
    assert_eq!(by_name, [("alias", 18)]);
}

#[tokio::test]
async fn what_passes_arrives_as_it_was_but_for_headers_that_read_like_ours() {
    for (config, headers_pass) in [(config().inner_is_proxy(true), false), (config(), true)] {
        let layer = WebConnectionSocketLayer::new(config);
        let visits = Visits::default();
        let server = serve_app(&layer, visits.app());
        for path in [
            "/docs/__WebSocket.html",
            "/files/a;b",
            "/x%2520y",
            "/?/__WebSocket.wwd;",
        ] {
            let answer = Raw::post(path, "{}")
                .with("WebSocket-Event", "message")
                .with("websocket_user_id", "boss")
                .with("Signature_Input", "wcs=()")
                .with("Signature", "wcs=:AA==:")
                .with("X-Signature", "own")
                .ask(&server)
                .await;
            assert_eq!(answer.status, 200, "{path}");
            let visit = visits.only();
            assert_eq!(visit.uri, path);
            assert_eq!(visit.header("x-signature"), ["own"]);
            for name in [
                "websocket-event",
                "websocket_user_id",
                "signature",
                "signature_input",
            ] {
                assert_eq!(visit.headers.contains_key(name), headers_pass, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn messages_of_ours_are_not_taken_for_forgeries() {
    let config = Config::new().inner_is_proxy(true);
    let layer = WebConnectionSocketLayer::new(config);
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let mut ann = server.connect("/?userId=ann").await.unwrap();
    ann.send_text(r#"{"action":"x"}"#).await.unwrap();
    let visit = visits.next().await;
    assert_eq!(visit.header("websocket-user-id"), ["ann"]);
    assert!(visit.socket.is_some());
}

/// A POST to the dispatch path is a message for the application, which only an admitted caller may send.
#[tokio::test]
async fn no_header_and_no_method_carries_a_request_past_the_check_of_callers() {
    let config = Config::new()
        .inner_is_proxy(true)
        .dispatch_path("/chat/index.php");
    let layer = WebConnectionSocketLayer::new(config);
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let post = Raw::post("/chat/index.php", "{}");
    let upgrade = post
        .clone()
        .with("Connection", "Upgrade")
        .with("Upgrade", "websocket")
        .with("Sec-WebSocket-Protocol", "foreign");
    for request in [post.clone(), upgrade] {
        assert_eq!(request.ask(&server).await.status, 403);
    }
    for method in ["PUT", "PATCH", "DELETE"] {
        let request = post
            .clone()
            .line(&format!("{method} /chat/index.php HTTP/1.1"));
        assert_eq!(request.ask(&server).await.status, 403, "{method}");
    }
    assert_eq!(visits.len(), 0);
    let page = Raw::new("GET /chat/index.php HTTP/1.1").ask(&server).await;
    assert_eq!(page.status, 200);
}
