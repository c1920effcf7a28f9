//! An application that holds no socket: messages reach it as requests, and it answers in whichever
//! way it likes.

use std::sync::{Arc, OnceLock};

use axum::{Json, Router, routing::post};
use http::Request;
use serde_json::{Value, json};
use tower::Layer;
use web_connection_socket::{
    Hub, Identity, Socket, SocketError, SocketMessage, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config, error_of, frame,
    http::{BROADCAST, WEB_SOCKET},
    join, news,
    raw::Raw,
    serve_app, soon,
};

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

#[tokio::test]
async fn errors_of_a_handler_are_answers_of_their_own() {
    async fn sum(socket: Socket) -> axum::response::Result<()> {
        let numbers: Vec<i64> = socket.message().parse_json()?;
        let sum = numbers.iter().sum::<i64>();
        socket.reply(&SocketMessage::new("sum").json(&sum)?)?;
        Ok(())
    }
    async fn sign_in(socket: Socket) -> Result<(), SocketError> {
        socket.reidentify(Identity::user("ann"))
    }
    let serve = |handler| {
        let app = Router::new().route(WEB_SOCKET, handler);
        serve_app(&WebConnectionSocketLayer::new(config()), app)
    };
    let server = serve(post(sum));
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("[1,2]")).await.unwrap();
    assert_eq!(frame(&mut ann).await["message"], "3");
    ann.send(&news("[1,\"a secret\"]")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".into(), 422));

    for (server, message, status, code) in [
        (server, "[1,\"a secret\"]", 422, "unsuitable_message"),
        (serve(post(sign_in)), "", 409, "not_connected"),
    ] {
        let body = json!({"action": "any", "message": message}).to_string();
        let answer = Raw::post(WEB_SOCKET, &body).ask(&server).await;
        assert_eq!((answer.status, &*answer.code()), (status, code));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    }
}
