//! What networks do to connections, through a proxy that does it.

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{sync::mpsc, time::timeout};
use web_connection_socket::{Config, Socket, WebConnectionSocketLayer};

use crate::support::{
    PATIENCE, config, news,
    proxy::{Proxy, Weather},
    soon,
    tcp::{Running, listen, open},
    until,
    wire::{self, masked, masked_text},
};

#[tokio::test]
async fn a_conversation_in_single_bytes_is_the_same_conversation() {
    let (layer, server, address, _ends) = start(config()).await;
    let proxy = Proxy::start(address).await;
    proxy.set(Weather::Split);
    let mut wire = open(proxy.address, "/?userId=ann").await;
    for length in [0, 1, 125, 126, 127, 70, 1_000] {
        let text = "é".repeat(length);
        let json = format!(r#"{{"action":"say","message":"{text}"}}"#);
        // Mostly in the middle of a character.
        let (begin, end) = json.as_bytes().split_at(json.len() / 2);
        wire.send(&masked(false, wire::TEXT, begin)).await;
        wire.send(&masked(true, wire::PING, b"there?")).await;
        wire.send(&masked(true, wire::CONTINUATION, end)).await;
        let pong = wire.frame().await.expect("an open connection");
        assert_eq!(
            (pong.opcode, pong.payload.as_slice()),
            (wire::PONG, &b"there?"[..])
        );
        assert!(wire.text().await.contains(&text));
    }
    wire.send(&masked(
        true,
        wire::CLOSE,
        &wire::close_payload(4000, "bye"),
    ))
    .await;
    assert_eq!(wire.closed().await, (4000, "bye".to_owned()));
    assert!(layer.hub().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_reset_ends_the_socket_with_one_event() {
    let (layer, server, address, mut ends) = start(config()).await;
    let proxy = Proxy::start(address).await;
    let _wire = open(proxy.address, "/?userId=ann").await;
    proxy.set(Weather::Reset);
    assert_eq!(soon("the event", ends.recv()).await, Some(1006));
    until("no socket is left", || layer.hub().is_empty()).await;
    server.stop().await;
    drop(layer);
    assert_eq!(soon("no more", ends.recv()).await, None);
}

#[tokio::test]
async fn a_connection_that_swallows_everything_is_given_up() {
    given_up(Weather::BlackHole, config()).await;
}

#[tokio::test]
async fn a_connection_that_takes_nothing_is_given_up_although_a_write_is_blocked() {
    // The heartbeat has to notice it, before the write stall would.
    given_up(Weather::Frozen, config().write_timeout(2 * PATIENCE)).await;
}

#[tokio::test]
async fn a_byte_per_second_is_no_sign_of_life() {
    let config = quick(config());
    let (layer, server, address, mut ends) = start(config).await;
    let proxy = Proxy::start(address).await;
    let mut wire = open(proxy.address, "/").await;
    proxy.set(Weather::Drip);
    wire.send(&masked_text(&" ".repeat(1_000))).await;
    assert_eq!(soon("the event", ends.recv()).await, Some(1006));
    assert!(layer.hub().is_empty());
    server.stop().await;
}

async fn given_up(weather: Weather, config: Config) {
    let (layer, server, address, mut ends) = start(quick(config)).await;
    let hub = layer.hub();
    let proxy = Proxy::start(address).await;
    let _vanished = open(proxy.address, "/?userId=vanished").await;
    proxy.set(weather);
    // So much that it waits at the server while the client reads nothing.
    let report = hub.broadcast(&news("x".repeat(8 * 1024 * 1024)));
    assert_eq!((report.matched, report.queued), (1, 1));
    assert_eq!(soon("the event", ends.recv()).await, Some(1006));
    until("no socket is left", || hub.is_empty()).await;
    assert_eq!(hub.stats().bytes_queued, 0);
    let blocked = u64::from(weather == Weather::Frozen);
    assert_eq!(hub.stats().undelivered, blocked);
    // A second event would have come with the first one's task.
    let more = timeout(Duration::from_millis(100), ends.recv()).await;
    assert!(more.is_err(), "{more:?}");
    server.stop().await;
}

/// A heartbeat that a test can wait for.
fn quick(config: Config) -> Config {
    config
        .ping_interval(Duration::from_millis(500))
        .pong_timeout(Duration::from_millis(500))
}

/// A server over TCP that relays and tells the codes of ends.
async fn start(
    config: Config,
) -> (
    WebConnectionSocketLayer,
    Running,
    SocketAddr,
    mpsc::Receiver<u16>,
) {
    let (told, ends) = mpsc::channel(16);
    let layer =
        WebConnectionSocketLayer::new(config)
            .relay()
            .on_disconnect(move |socket: Socket| {
                let told = told.clone();
                async move {
                    let close: serde_json::Value =
                        socket.message().parse_json().expect("an object");
                    let code = close["code"]
                        .as_u64()
                        .and_then(|code| u16::try_from(code).ok());
                    told.send(code.expect("a code")).await
                }
            });
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer.clone(), Router::new());
    (layer, server, address, ends)
}
