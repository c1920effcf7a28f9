//! A peer that ends its half of the stream right behind its last frame: it may still read ours.

use std::{sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::{Instant, sleep},
};
use tokio_rustls::rustls::pki_types::ServerName;
use tower::Layer;
use web_connection_socket::{
    Config, Identity, Socket, WebConnectionSocketLayer,
    testing::{Client, Server},
};

use crate::support::{
    config,
    http2::Connection,
    news, relay, serve, soon, spawn,
    tcp::{Running, listen, open},
    tls::Authority,
    until,
    wire::{self, Wire, close_payload, masked, masked_text},
};

/// A layer whose handler waits for a permit and then replies with what it was told.
fn gated(config: Config) -> (WebConnectionSocketLayer, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let layer = WebConnectionSocketLayer::new(config).on_web_socket(move |socket: Socket| {
        let gate = waits.clone();
        async move {
            gate.acquire().await.expect("an open gate").forget();
            let told = socket.message().message.clone();
            socket.reply(&socket.create_message().text(told))
        }
    });
    (layer, gate)
}

fn said(text: &str) -> Vec<u8> {
    masked_text(&format!(r#"{{"message":"{text}"}}"#))
}

/// Says these things, ends its half, and opens the gate once the server has heard that it did.
async fn leaves<S>(mut wire: Wire<S>, layer: &WebConnectionSocketLayer, gate: &Semaphore)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    wire.send(&[said("one"), said("two"), said("three")].concat())
        .await;
    wire.shut().await;
    for text in ["one", "two", "three"] {
        gate.add_permits(1);
        assert!(wire.text().await.contains(text), "{text}");
    }
    let mut last = wire.frame().await;
    // The end of a stream of HTTP/2.
    if last
        .as_ref()
        .is_some_and(|frame| frame.opcode == wire::PONG)
    {
        last = wire.frame().await;
    }
    assert_eq!(last, None, "nothing comes after the replies");
    until("it is gone", || layer.hub().is_empty()).await;
}

/// Says goodbye, right behind a message, and ends its half.
async fn says_goodbye<S>(mut wire: Wire<S>, layer: &WebConnectionSocketLayer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let goodbye = masked(true, wire::CLOSE, &close_payload(4001, "bye"));
    wire.send(&[masked_text(r#"{"action":"news"}"#), goodbye].concat())
        .await;
    wire.shut().await;
    assert!(wire.text().await.contains("news"));
    let answer = wire.frame().await.expect("a close frame");
    assert_eq!(answer.close(), (4001, "bye"));
    assert_eq!(wire.frame().await, None);
    until("it is gone", || layer.hub().is_empty()).await;
}

#[tokio::test]
async fn replies_to_what_was_said_before_reach_it_in_memory() {
    let (layer, gate) = gated(config());
    let server = serve(&layer);
    leaves(Wire::open(&server, "/").await, &layer, &gate).await;
}

#[tokio::test]
async fn replies_to_what_was_said_before_reach_it_over_tcp() {
    let (layer, gate) = gated(config());
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer.clone(), Router::new());
    leaves(open(address, "/").await, &layer, &gate).await;
    server.stop().await;
}

#[tokio::test]
async fn replies_to_what_was_said_before_reach_it_over_http_2() {
    let (layer, gate) = gated(config());
    let mut connection = Connection::over(serve(&layer).http2().open()).await;
    leaves(connection.open("/").await, &layer, &gate).await;
}

/// With TLS's own word for the end of a half, and without.
#[tokio::test]
async fn replies_to_what_was_said_before_reach_it_over_tls() {
    let authority = Authority::new("ours");
    let tls = authority.acceptor("localhost", &["http/1.1"]);
    for is_announced in [true, false] {
        let (layer, gate) = gated(config());
        let (listener, address) = listen().await;
        let server = web_connection_socket::Server::new(listener, &layer.hub());
        let tls = tls.clone();
        let app = layer.layer(Router::new());
        let serving = spawn(server.serve_tls(move |tcp| tls.accept(tcp), app));
        let tcp = TcpStream::connect(address).await.expect("a server");
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = authority.connector(&["http/1.1"]);
        let stream = connector.connect(name, tcp).await.expect("TLS");
        let mut wire = Wire::over(stream);
        wire.send(wire::handshake("/").as_bytes()).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        if is_announced {
            leaves(wire, &layer, &gate).await;
        } else {
            wire.send(&said("one")).await;
            let mut stream = wire.into_inner();
            stream.get_mut().0.shutdown().await.expect("a connection");
            until("it is gone", || layer.hub().is_empty()).await;
            gate.add_permits(1);
            let mut wire = Wire::over(stream);
            assert!(wire.text().await.contains("one"));
            assert_eq!(wire.frame().await, None);
        }
        serving.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn what_came_with_the_handshake_is_answered() {
    let (layer, gate) = gated(config());
    let layer = layer.identify(async |_| {
        sleep(Duration::from_secs(1)).await;
        Ok(Identity::anonymous())
    });
    let mut wire = Wire::over(serve(&layer).open());
    let first = [wire::handshake("/").into_bytes(), said("one")].concat();
    wire.send(&first).await;
    wire.shut().await;
    gate.add_permits(1);
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(wire.text().await.contains("one"));
    assert_eq!(wire.frame().await, None);
}

#[tokio::test]
async fn a_close_frame_is_answered_in_memory() {
    let layer = relay();
    let server = serve(&layer);
    says_goodbye(Wire::open(&server, "/").await, &layer).await;
}

#[tokio::test]
async fn a_close_frame_is_answered_over_tcp() {
    let layer = relay();
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer.clone(), Router::new());
    says_goodbye(open(address, "/").await, &layer).await;
    server.stop().await;
}

#[tokio::test]
async fn a_close_frame_is_answered_over_http_2() {
    let layer = relay();
    let mut connection = Connection::over(serve(&layer).http2().open()).await;
    says_goodbye(connection.open("/").await, &layer).await;
}

#[tokio::test]
async fn a_frame_that_is_wrong_is_answered_as_well() {
    let layer = relay();
    let server = serve(&layer);
    for (frame, code) in [
        (masked(true, wire::BINARY, b"x"), 1003),
        (masked(true, wire::TEXT, b"\xFF"), 1007),
        (masked(true, wire::CONTINUATION, b"x"), 1002),
    ] {
        let mut wire = Wire::open(&server, "/").await;
        wire.send(&frame).await;
        wire.shut().await;
        let answer = wire.frame().await.expect("a close frame");
        assert_eq!(answer.close().0, code);
        assert_eq!(wire.frame().await, None);
    }
    until("they are gone", || layer.hub().is_empty()).await;
}

#[tokio::test]
async fn one_that_waits_for_nothing_ends_at_once() {
    let layer = relay();
    let mut wire = Wire::open(&serve(&layer), "/").await;
    wire.shut().await;
    assert_eq!(wire.frame().await, None);
    until("it is gone", || layer.hub().is_empty()).await;
}

#[tokio::test]
async fn to_the_hub_it_is_gone_while_its_message_is_in_hand() {
    let (layer, gate) = gated(config().max_sockets(1));
    let hub = layer.hub();
    let server = serve(&layer);
    let mut ann = Wire::open(&server, "/?userId=ann").await;
    ann.send(&said("last words")).await;
    ann.shut().await;
    until("it is gone", || hub.is_empty()).await;
    assert_eq!(hub.sockets_of("ann"), []);

    // There is room for another, which gets what ann gets no more.
    let mut bob = server.connect("/").await.expect("room");
    assert_eq!(hub.broadcast(&news("for all")).queued, 1);
    gate.add_permits(1);
    assert!(ann.text().await.contains("last words"));
    assert_eq!(ann.frame().await, None);
    assert_eq!(bob.receive().await.expect("a message").message, "for all");
}

#[tokio::test(start_paused = true)]
async fn it_owes_no_answer_to_a_ping() {
    let second = Duration::from_secs(1);
    let config = config().ping_interval(second).pong_timeout(second);
    let (layer, gate) = gated(config);
    let mut wire = Wire::open(&serve(&layer), "/").await;
    wire.send(&said("slow")).await;
    wire.shut().await;
    sleep(20 * second).await;
    gate.add_permits(1);
    assert!(wire.text().await.contains("slow"));
    assert_eq!(wire.frame().await, None);
}

#[tokio::test(start_paused = true)]
async fn it_is_waited_for_as_long_as_a_message_may_take() {
    let patience = Duration::from_secs(7);
    let config = config().max_dispatches(1).dispatch_timeout(patience);
    let (layer, gate) = gated(config);
    let server = serve(&layer);
    // One message keeps the only place for most of the time, so that another's answer comes late.
    let mut first = server.connect("/").await.expect("an open socket");
    first.send(&news("first")).await.expect("an open socket");
    let last = async {
        let mut wire = Wire::open(&server, "/").await;
        wire.send(&said("last")).await;
        wire.shut().await;
        let left_at = Instant::now();
        assert_eq!(wire.frame().await, None, "an answer would come later");
        left_at.elapsed()
    };
    let waits = spawn({
        let gate = gate.clone();
        async move {
            sleep(patience * 5 / 7).await;
            gate.add_permits(1);
            sleep(patience * 5 / 7).await;
            gate.add_permits(1);
        }
    });
    assert_eq!(last.await, patience);
    waits.await.expect("no panic");
    until("the message is handled all the same", || {
        layer.hub().stats().dispatches_running == 0
    })
    .await;
    assert_eq!(layer.hub().stats().messages_in, 2);
    // The place came free, the gate opened, and only the reply came too late.
    assert_eq!(gate.available_permits(), 0);
}

#[tokio::test]
async fn a_shutdown_lets_it_have_its_reply() {
    let (layer, gate) = gated(config());
    let hub = layer.hub();
    let mut wire = Wire::open(&serve(&layer), "/").await;
    wire.send(&said("last words")).await;
    wire.shut().await;
    until("it is gone", || hub.is_empty()).await;
    let stopping = spawn({
        let hub = hub.clone();
        async move { hub.shutdown(Duration::from_secs(10)).await }
    });
    until("the shutdown has begun", || hub.is_shutting_down()).await;
    gate.add_permits(1);
    assert!(wire.text().await.contains("last words"));
    drop(wire);
    let end = soon("the shutdown", stopping).await.expect("no panic");
    assert_eq!((end.closed, end.cut), (1, 0));
}

/// Held by a peer that is wholly gone, a reply is lost, and that ends the socket.
#[tokio::test]
async fn one_that_reads_nothing_more_ends_with_the_reply() {
    let (layer, gate) = gated(config());
    let server: Server = serve(&layer);
    let mut ann: Client = server.connect("/").await.expect("an open socket");
    ann.send(&news("last words")).await.expect("an open socket");
    until("it is read", || layer.hub().stats().messages_in == 1).await;
    drop(ann);
    until("it is gone", || layer.hub().is_empty()).await;
    gate.add_permits(1);
    until("the reply is given up", || {
        layer.hub().stats().undelivered == 1
    })
    .await;
}
