//! What happens when a connection cannot be accepted.

use std::{io, time::Duration};

use axum::Router;
use tokio::time::{Instant, sleep};
use tower::Layer;
use tracing::Level;

use super::Site;
use crate::support::{log, relay, wire::Wire};

/// What the kernel says when a process has as many files open as it may.
const EMFILE: i32 = 24;

#[tokio::test(start_paused = true)]
async fn errors_end_nothing_and_are_told_once_a_second() {
    let log = log::capture();
    let layer = relay();
    let site = Site::start(&layer.hub(), |server| server, layer.layer(Router::new()));
    let start = Instant::now();
    for _ in 0..30 {
        site.fail(io::Error::from_raw_os_error(EMFILE)).await;
    }
    let stream = site.connect().await;
    let mut wire = Wire::over(stream);
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");

    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_secs(1),
        "it paused after each: {waited:?}"
    );
    let told = log.of(Level::ERROR);
    let seconds = waited.as_secs() as usize + 1;
    assert!((1..=seconds).contains(&told.len()), "{told:?}");
    assert!(
        told[0].contains("files") && told[0].contains("ulimit"),
        "{told:?}"
    );
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_gone_before_delays_no_other() {
    let log = log::capture();
    let layer = relay();
    let site = Site::start(&layer.hub(), |server| server, layer.layer(Router::new()));
    let start = Instant::now();
    for kind in [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
    ] {
        for _ in 0..100 {
            site.fail(kind.into()).await;
        }
    }
    let mut wire = Wire::over(site.connect().await);
    wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await;
    assert!(wire.head().await.starts_with("HTTP/1.1 404 "));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(log.of(Level::ERROR).is_empty());
    site.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_only_fails_can_be_stopped() {
    let layer = relay();
    let site = Site::start(&layer.hub(), |server| server, layer.layer(Router::new()));
    for _ in 0..16 {
        site.fail(io::Error::from_raw_os_error(EMFILE)).await;
    }
    sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    site.stop().await;
    assert!(start.elapsed() < Duration::from_secs(1));
}
