//! What only shows over TCP and with axum's own server.

use std::net::SocketAddr;

use axum::{Router, routing::post};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::limit::GlobalConcurrencyLimitLayer;
use web_connection_socket::{Socket, SocketMessage, WebConnectionSocketLayer};

use crate::support::{
    config,
    http::{BROADCAST, WEB_SOCKET},
    news, relay, spawn,
    tcp::{Running, listen, open},
    until,
    wire::{self, close_payload, masked, masked_text},
};

#[tokio::test]
async fn s06_under_a_limit_of_one_a_handler_broadcasts_to_its_own_server() {
    let (listener, address) = listen().await;
    let app = post(async move |socket: Socket| {
        let message = socket.create_message().text("from the handler");
        broadcast(address, &message).await
    });
    let app = Router::new()
        .route(WEB_SOCKET, app)
        .layer(GlobalConcurrencyLimitLayer::new(1));
    let server = Running::start(listener, WebConnectionSocketLayer::new(config()), app);
    let mut ann = open(address, "/").await;
    let mut bob = open(address, "/").await;
    for _ in 0..3 {
        ann.send(&masked_text("{}")).await;
        for socket in [&mut ann, &mut bob] {
            assert!(socket.text().await.contains("from the handler"));
        }
    }
    drop((ann, bob));
    server.stop().await;
}

#[tokio::test]
async fn the_close_code_survives_the_bytes_that_follow() {
    let (listener, address) = listen().await;
    let server = Running::start(listener, relay(), Router::new());
    let long = vec![b'x'; 16 * 64 * 1024];
    for (what, bytes, code) in [
        ("one frame", masked(true, wire::TEXT, &long), 1009),
        (
            "fragments",
            masked(false, wire::TEXT, &long[..60_000]).repeat(1),
            1002,
        ),
        ("binary", masked(true, wire::BINARY, &long[..1_000]), 1003),
    ] {
        let mut wire = open(address, "/").await;
        wire.send(&bytes).await;
        if code == 1002 {
            // A new message inside a fragmented one, and much that the server does not read.
            wire.send(&masked_text("{}")).await;
            wire.send(&long).await;
        }
        assert_eq!(wire.closed().await.0, code, "{what}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_reset_is_an_end_like_any_other() {
    let layer = relay();
    let hub = layer.hub();
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer, Router::new());
    let wire = open(address, "/").await;
    assert_eq!(hub.len(), 1);
    let stream = wire.into_inner();
    stream.set_zero_linger().expect("a TCP socket");
    drop(stream);
    until("its socket is gone", || hub.is_empty()).await;
    server.stop().await;
}

#[tokio::test]
async fn stopping_the_server_says_goodbye_to_every_socket() {
    let (listener, address) = listen().await;
    let layer = relay();
    let hub = layer.hub();
    let server = Running::start(listener, layer, Router::new());
    let mut wires = Vec::new();
    for _ in 0..10 {
        wires.push(open(address, "/").await);
    }
    let last = hub.broadcast(&news("the last one"));
    assert_eq!(last.queued, 10);
    let stopping = spawn(server.stop());
    for mut wire in wires {
        assert!(wire.text().await.contains("the last one"));
        assert_eq!(wire.frame().await.expect("a close frame").close().0, 1001);
        wire.send(&masked(true, wire::CLOSE, &close_payload(1001, "")))
            .await;
        assert_eq!(wire.frame().await, None);
    }
    stopping.await.expect("a server that stops");
    assert!(TcpStream::connect(address).await.is_err());
}

/// Broadcasts over HTTP and gives the report.
async fn broadcast(address: SocketAddr, message: &SocketMessage) -> String {
    let stream = TcpStream::connect(address)
        .await
        .expect("a server that listens");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.expect("a connection");
    let connection = spawn(connection);
    let request = http::Request::post(BROADCAST)
        .header("host", "localhost")
        .body(Full::<Bytes>::from(message.encode()))
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    drop(sender);
    connection.await.expect("no panic").expect("a connection");
    String::from_utf8(body.to_vec()).expect("UTF-8")
}
