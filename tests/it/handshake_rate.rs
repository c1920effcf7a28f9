//! How many handshakes per second a hub takes, and how the others are sent away.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::sleep;
use web_connection_socket::{
    Hub, Identity, RejectionKind, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config,
    raw::{Answer, Raw},
    relay, serve,
};

/// Asks for an upgrade, and returns what a refusal is called.
async fn ask(server: &Server) -> Option<String> {
    let answer = Raw::handshake("/").ask(server).await;
    (answer.status != 101).then(|| told(&answer))
}

fn told<S>(answer: &Answer<S>) -> String {
    assert_eq!(answer.status, 503);
    let seconds = answer.header("retry-after").and_then(|it| it.parse().ok());
    assert!(
        seconds.is_some_and(|it: u64| (1..=20).contains(&it)),
        "{seconds:?}"
    );
    answer.code()
}

fn too_many() -> Option<String> {
    Some("too_many_handshakes".to_owned())
}

#[tokio::test(start_paused = true)]
async fn beyond_the_rate_the_application_is_not_asked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let layer = WebConnectionSocketLayer::new(config().handshake_rate(10, 3)).identify(move |_| {
        counter.fetch_add(1, Relaxed);
        async { Ok(Identity::anonymous()) }
    });
    let server = serve(&layer);
    for _ in 0..3 {
        assert_eq!(ask(&server).await, None);
    }
    for _ in 0..7 {
        assert_eq!(ask(&server).await, too_many());
    }
    assert_eq!(asked.load(Relaxed), 3);
    let kind = RejectionKind::TooManyHandshakes;
    assert_eq!(layer.hub().stats().refusals[&kind], 7);

    // What was refused is not owed.
    sleep(Duration::from_millis(200)).await;
    assert_eq!(
        [ask(&server).await, ask(&server).await, ask(&server).await],
        [None, None, too_many()]
    );
}

#[tokio::test(start_paused = true)]
async fn those_that_are_refused_are_told_different_times() {
    let layer = WebConnectionSocketLayer::new(config().handshake_rate(1, 1)).relay();
    let server = serve(&layer);
    assert_eq!(ask(&server).await, None);
    let mut told = BTreeSet::new();
    for _ in 0..50 {
        let answer = Raw::handshake("/").ask(&server).await;
        told.insert(answer.header("retry-after").map(str::to_owned));
    }
    assert!(told.len() > 5, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_refused_with_the_upgrades_and_takes_the_place_of_none() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let layer = WebConnectionSocketLayer::new(config().handshake_rate(1, 2)).identify(move |_| {
        counter.fetch_add(1, Relaxed);
        async { Ok(Identity::anonymous()) }
    });
    let server = serve(&layer);
    let probe = async || Raw::probe("").ask(&server).await;
    // A stranger that only probes does not ask the hook as often as it likes.
    assert_eq!([probe().await.status, probe().await.status], [204, 204]);
    assert_eq!(told(&probe().await), "too_many_handshakes");
    assert_eq!(asked.load(Relaxed), 2);
    assert_eq!([ask(&server).await, ask(&server).await], [None, None]);

    sleep(Duration::from_secs(60)).await;
    assert_eq!([ask(&server).await, ask(&server).await], [None, None]);
    assert_eq!(ask(&server).await, too_many());
    assert_eq!(told(&probe().await), "too_many_handshakes");
    assert_eq!(asked.load(Relaxed), 6);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_another_reason_does_not_count() {
    let layer = WebConnectionSocketLayer::new(config().handshake_rate(1, 1).max_sockets(1)).relay();
    let server = serve(&layer);
    let held = server.connect("/").await.expect("a socket");
    sleep(Duration::from_secs(1)).await;
    let foreign = Raw::handshake("/").with("Origin", "https://evil.example");
    assert_eq!(foreign.ask(&server).await.status, 403);
    let full = Raw::handshake("/").ask(&server).await;
    assert_eq!((full.status, &*full.code()), (503, "too_many_sockets"));
    drop(held);
    while ask(&server).await == Some("too_many_sockets".to_owned()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(ask(&server).await, too_many());
}

#[tokio::test(start_paused = true)]
async fn layers_that_share_a_hub_share_its_rate() {
    let config = config().handshake_rate(1, 1);
    let hub = Arc::new(Hub::new(&config));
    let layer = || WebConnectionSocketLayer::with_hub(config.clone(), hub.clone()).relay();
    assert_eq!(ask(&serve(&layer())).await, None);
    assert_eq!(ask(&serve(&layer())).await, too_many());
}

#[tokio::test(start_paused = true)]
async fn by_default_there_is_no_rate() {
    let layer = relay();
    let server = serve(&layer);
    for _ in 0..500 {
        assert_eq!(ask(&server).await, None);
    }
}
