//! Where the layer listens and what it leaves alone: its switch, directories, paths and predicates.

use axum::Router;
use http::Request;
use tower::Layer;
use web_connection_socket::{Config, WebConnectionSocketLayer, testing::Server};

use crate::support::{
    app::Visits,
    config, frame,
    http::{BROADCAST, WEB_SOCKET},
    join, news,
    raw::Raw,
    serve, serve_app, text,
};

const MESSAGE: &str = r#"{"action":"news","message":"hello"}"#;

#[tokio::test]
async fn s04_switched_off_everything_is_the_applications() {
    let layer = WebConnectionSocketLayer::new(config().enabled(false).dispatch_path("/messages"));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    for request in [
        Raw::handshake("/__initializeSocket.wc"),
        Raw::handshake("/").set("Sec-WebSocket-Version", "8"),
        Raw::handshake("/").with("Origin", "https://evil.test"),
        Raw::new("GET /__initializeSocket.wc HTTP/1.1"),
        Raw::post(BROADCAST, MESSAGE),
        Raw::post(BROADCAST, "no message"),
        Raw::post(WEB_SOCKET, MESSAGE),
        Raw::post("/messages", MESSAGE),
        Raw::new("DELETE /__WebSocket.wwd HTTP/1.1"),
    ] {
        let answer = request.ask(&server).await;
        assert_eq!(
            (answer.status, &*answer.body),
            (200, "the application"),
            "{request}"
        );
        let visit = visits.only();
        assert!(visit.socket.is_none(), "{request}");
        assert!(request.to_string().ends_with(&visit.body), "{request}");
    }
    assert!(layer.hub().is_empty());
}

#[tokio::test]
async fn s03_the_names_count_under_any_virtual_directory() {
    let layer = WebConnectionSocketLayer::new(config());
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let mut sockets = Vec::new();
    for directory in ["", "/shop", "/Shop/v2.0", "/a/..", "/a%2fb", "/a;b=c"] {
        let path = format!("{directory}/__initializeSocket.wc?userId=ann");
        let mut ann = server.connect(&path).await.unwrap();
        ann.send(&news("from ann")).await.unwrap();
        let visit = visits.next().await;
        assert_eq!(visit.uri.to_string(), WEB_SOCKET, "{directory}");
        assert_eq!(visit.method, "POST");
        sockets.push(ann);

        // The application's name is guarded under any directory, too, and means the one handler.
        let path = format!("{directory}{WEB_SOCKET}");
        let answer = Raw::post(&path, MESSAGE).ask(&server).await;
        assert_eq!(answer.status, 200, "{path}");
        let visit = visits.only();
        assert_eq!(visit.uri.to_string(), WEB_SOCKET, "{path}");
        assert!(visit.socket.is_some(), "{path}");

        let path = format!("{directory}{BROADCAST}");
        let answer = Raw::post(&path, MESSAGE).ask(&server).await;
        assert_eq!(answer.status, 200, "{path}");
        for ann in &mut sockets {
            assert_eq!(text(ann).await, "hello", "{path}");
        }
    }
}

#[tokio::test]
async fn s03_the_script_map_is_the_name_that_messages_are_posted_to() {
    for map in ["wc3", ".wc3"] {
        let layer = WebConnectionSocketLayer::new(config().script_map(map));
        let visits = Visits::default();
        let server = serve_app(&layer, visits.app());
        let mut ann = join(&server, "ann", &[]).await;
        ann.send(&news("x")).await.unwrap();
        assert_eq!(visits.next().await.uri.path(), "/__WebSocket.wc3");

        let ours = Raw::post("/__websocket.WC3", MESSAGE).ask(&server).await;
        assert_eq!(ours.status, 200);
        assert!(visits.only().socket.is_some());
        let other = Raw::post("/__WebSocket.wwd", MESSAGE).ask(&server).await;
        assert_eq!(other.status, 200);
        assert!(visits.only().socket.is_none());
    }
}

#[tokio::test]
async fn two_hubs_live_on_one_application() {
    let shop = WebConnectionSocketLayer::new(config().base_path("/shop"));
    let chat = WebConnectionSocketLayer::new(config().base_path("/chat"));
    let visits = Visits::default();
    let server = Server::new(shop.layer(chat.layer(visits.app())));

    let mut in_shop = server.connect("/shop/__initializeSocket.wc").await.unwrap();
    let mut in_chat = server.connect("/Chat/room").await.unwrap();
    assert_eq!((shop.hub().len(), chat.hub().len()), (1, 1));

    for (path, text_there) in [("/shop", "for the shop"), ("/chat/x", "for the chat")] {
        let body = MESSAGE.replace("hello", text_there);
        let answer = Raw::post(&format!("{path}{BROADCAST}"), &body)
            .ask(&server)
            .await;
        assert!(answer.body.contains(r#""matched":1"#), "{}", answer.body);
    }
    assert_eq!(text(&mut in_shop).await, "for the shop");
    assert_eq!(text(&mut in_chat).await, "for the chat");

    in_shop.send(&news("x")).await.unwrap();
    assert_eq!(visits.next().await.uri.path(), "/shop/__WebSocket.wwd");
    in_chat.send(&news("x")).await.unwrap();
    assert_eq!(visits.next().await.uri.path(), "/chat/__WebSocket.wwd");

    for request in [
        Raw::handshake("/__initializeSocket.wc"),
        Raw::handshake("/chatter"),
        Raw::post(BROADCAST, MESSAGE),
        Raw::post("/other/__WebSocket.wwd", MESSAGE),
        Raw::new("GET /__initializeSocket.wc HTTP/1.1"),
    ] {
        assert_eq!(
            request.ask(&server).await.body,
            "the application",
            "{request}"
        );
        assert!(visits.only().socket.is_none(), "{request}");
    }
}

#[tokio::test]
async fn a_socket_path_is_the_only_one_that_opens_sockets() {
    let layer = WebConnectionSocketLayer::new(config().socket_path("/live/ws"));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    for path in ["/live/ws", "/LIVE/ws?userId=ann"] {
        assert_eq!(
            Raw::handshake(path).ask(&server).await.status,
            101,
            "{path}"
        );
    }
    for path in [
        "/live/ws/",
        "/live",
        "/live/ws/x",
        "/__initializeSocket.wc",
        "/",
    ] {
        let answer = Raw::handshake(path).ask(&server).await;
        assert_eq!(answer.body, "the application", "{path}");
    }
    assert_eq!(
        Raw::post("/x/__broadcastWebSocket.wc", MESSAGE)
            .ask(&server)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn upgrade_if_decides_in_the_place_of_the_socket_path() {
    let layer = WebConnectionSocketLayer::new(Config::new().socket_path("/live/ws"))
        .upgrade_if(|parts| parts.headers.contains_key("x-ours"));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let ours = |path: &str| Raw::handshake(path).with("X-Ours", "1");
    assert_eq!(ours("/anywhere").ask(&server).await.status, 101);
    assert_eq!(
        Raw::handshake("/live/ws").ask(&server).await.body,
        "the application"
    );
    // What it lets in is checked like any other handshake.
    let foreign = ours("/anywhere").with("Origin", "https://evil.test");
    assert_eq!(foreign.ask(&server).await.code(), "foreign_origin");
    let old = ours("/anywhere").set("Sec-WebSocket-Version", "8");
    assert_eq!(old.ask(&server).await.status, 426);
    // It says nothing about the reserved URLs.
    let call = Raw::post(BROADCAST, MESSAGE).with("X-Ours", "1");
    assert_eq!(call.ask(&server).await.code(), "callers_not_configured");
}

#[tokio::test]
async fn allow_callers_if_is_one_more_way_in() {
    let admits_cron = |config: Config| {
        let layer = WebConnectionSocketLayer::new(config)
            .allow_callers_if(|parts| parts.headers.contains_key("x-cron"));
        serve(&layer)
    };
    let server = admits_cron(Config::new());
    let post = || Raw::post(BROADCAST, MESSAGE);
    assert_eq!(post().with("X-Cron", "1").ask(&server).await.status, 200);
    let answer = post().ask(&server).await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (403, "caller_not_allowed")
    );

    let server = admits_cron(Config::new().bearer_tokens(["secret"]).hosts(["localhost"]));
    assert_eq!(post().with("X-Cron", "1").ask(&server).await.status, 200);
    let token = post().with("Authorization", "Bearer secret");
    assert_eq!(token.ask(&server).await.status, 200);
    assert_eq!(post().ask(&server).await.code(), "token_missing");
    let rebound = post().with("X-Cron", "1").set("Host", "evil.test");
    assert_eq!(rebound.ask(&server).await.code(), "host_not_allowed");
}

#[tokio::test]
async fn two_layers_may_share_one_hub() {
    let first = WebConnectionSocketLayer::new(config());
    let second = WebConnectionSocketLayer::with_hub(config(), first.hub());
    let mut ann = join(&serve(&first), "ann", &[]).await;
    let answer = Raw::post(BROADCAST, MESSAGE).ask(&serve(&second)).await;
    assert!(answer.body.contains(r#""matched":1"#), "{}", answer.body);
    assert_eq!(frame(&mut ann).await["message"], "hello");
}

#[tokio::test]
async fn a_request_that_is_marked_already_is_passed_on_untouched() {
    // The outer layer dispatches what the inner one would guard.
    let outer = WebConnectionSocketLayer::new(config());
    let inner = WebConnectionSocketLayer::new(Config::new());
    let visits = Visits::default();
    let server = Server::new(outer.layer(inner.layer(visits.app())));
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    let socket = visits.next().await.socket.expect("a mark");
    assert_eq!(socket.user().id().as_str(), "ann");
    assert!(inner.hub().is_empty());
}

#[tokio::test]
async fn other_requests_keep_their_bodies_and_their_routes() {
    let app = Router::new().route(
        "/upload",
        axum::routing::post(|body: String| async move { format!("{} bytes", body.len()) }),
    );
    let layer = WebConnectionSocketLayer::new(Config::new().max_message_size(10));
    let server = serve_app(&layer, app);
    let large = Request::post("/upload")
        .body("x".repeat(1_000_000))
        .unwrap();
    let response = server.request(large).await.unwrap();
    assert_eq!(response.body(), "1000000 bytes");
    assert_eq!(
        Raw::new("GET /upload HTTP/1.1").ask(&server).await.status,
        405
    );
}
