//! An application that holds no socket: messages reach it as requests, and it answers in whichever
//! way it likes.

use std::sync::{Arc, OnceLock};

use axum::{Json, Router, routing::post};
use http::Request;
use serde_json::{Value, json};
use tower::Layer;
use web_connection_socket::{Hub, Socket, WebConnectionSocketLayer, testing::Server};

use crate::support::{config, frame, http::BROADCAST, join, news, soon};

#[tokio::test]
async fn s01_a_frame_is_a_request_and_the_answer_a_broadcast_over_http() {
    let this = Arc::new(OnceLock::<Server>::new());
    let own_server = this.clone();
    let app = Router::new().route(
        "/__WebSocket.wwd",
        post(|Json(message): Json<Value>| async move {
            let text = message["message"].as_str().unwrap_or_default();
            let answer = json!({"action": "chat", "message": text.to_uppercase()});
            let request = Request::post(BROADCAST).body(answer.to_string());
            let server = own_server.get().expect("a server");
            let request = server.request(request.expect("a request"));
            let response = soon("the report", request).await.expect("a report");
            assert_eq!(response.status(), 200);
        }),
    );
    let server = Server::new(WebConnectionSocketLayer::new(config()).layer(app));
    let server = this.get_or_init(|| server);

    let mut ann = join(server, "ann", &[]).await;
    let mut bob = join(server, "bob", &[]).await;
    ann.send(&news("hello")).await.unwrap();
    for client in [&mut ann, &mut bob] {
        let seen = frame(client).await;
        assert_eq!(
            (&seen["action"], &seen["message"]),
            (&json!("chat"), &json!("HELLO"))
        );
    }
}

#[tokio::test]
async fn s01_in_rust_the_answer_may_be_a_call_of_the_hub() {
    async fn by_socket(socket: Socket) {
        socket.broadcast(&socket.create_message().text("by the socket"));
    }
    let layer = WebConnectionSocketLayer::new(config().follow_page_directory(true));
    let hub: Arc<Hub> = layer.hub();
    let app = Router::new()
        .route("/__WebSocket.wwd", post(by_socket))
        .route(
            "/shop/__WebSocket.wwd",
            post(|| async move {
                hub.broadcast(&news("by the hub"));
            }),
        );
    let server = Server::new(layer.layer(app));
    let mut ann = join(&server, "ann", &[]).await;
    let path = "/shop/__initializeSocket.wc";
    let mut bob = server.connect(path).await.unwrap();

    ann.send(&news("x").from_user("ann")).await.unwrap();
    let seen = frame(&mut bob).await;
    assert_eq!(
        (&seen["message"], &seen["userId"]),
        (&json!("by the socket"), &json!("ann"))
    );
    bob.send(&news("x")).await.unwrap();
    assert_eq!(frame(&mut bob).await["message"], "by the hub");
    assert_eq!(frame(&mut ann).await["message"], "by the socket");
    assert_eq!(frame(&mut ann).await["message"], "by the hub");
}
