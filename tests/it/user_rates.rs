//! How fast all sockets of a user together may send.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use web_connection_socket::{
    Config, Handshake, Identity, Socket, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config, serve, spawn,
    wire::{Wire, masked_text},
};

/// A layer that gives each message back to its sender, and verifies what the query says.
fn echo(config: Config) -> WebConnectionSocketLayer {
    claiming(config).identify(async |handshake: Handshake| {
        let user = handshake.query("userId").unwrap_or_default();
        Ok(Identity::user(user.into_owned()))
    })
}

fn claiming(config: Config) -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config)
        .on_web_socket(async |socket: Socket| socket.reply(socket.message()))
}

async fn open(server: &Server, user: &str) -> Wire {
    Wire::open(server, &format!("/?userId={user}")).await
}

/// Sends so many messages at once, and returns how long it takes until all have come back, in milliseconds.
async fn round(wire: &mut Wire, messages: usize) -> u64 {
    let begin = Instant::now();
    wire.send(&masked_text("{}").repeat(messages)).await;
    for _ in 0..messages {
        wire.text().await;
    }
    begin.elapsed().as_millis() as u64
}

#[tokio::test(start_paused = true)]
async fn the_sockets_of_a_user_take_turns_and_others_do_not_wait() {
    const SOCKETS: usize = 4;
    const EACH: usize = 30;

    let server = serve(&echo(config().user_message_rate(10, 4)));
    let begin = Instant::now();
    let mut rounds = Vec::new();
    for _ in 0..SOCKETS {
        let mut wire = open(&server, "ann").await;
        rounds.push(spawn(async move { round(&mut wire, EACH).await }));
    }
    sleep(Duration::from_secs(2)).await;
    assert_eq!(round(&mut open(&server, "bob").await, 4).await, 0);
    for round in rounds {
        let took = round.await.expect("no panic");
        // 116 of 120 have to wait for a token each. All end together, not one after the other.
        assert!((9_500..12_000).contains(&took), "{took}");
    }
    assert!(begin.elapsed() > Duration::from_millis(11_000));
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_sends_seldom_is_not_kept_from_it_by_one_that_never_stops() {
    let server = serve(&echo(config().user_message_rate(10, 5)));
    let (mut seldom, mut flood) = (open(&server, "ann").await, open(&server, "ann").await);
    let flooding = spawn(async move { round(&mut flood, 300).await });
    for _ in 0..5 {
        sleep(Duration::from_secs(2)).await;
        let took = round(&mut seldom, 1).await;
        assert!(took <= 200, "{took}");
    }
    assert!(!flooding.is_finished());
    let took = flooding.await.expect("no panic");
    // The other's five were at the cost of this one.
    assert!((29_900..30_500).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_user_that_opens_another_socket_has_not_more() {
    let server = serve(&echo(config().user_message_rate(1, 5)));
    let mut wire = open(&server, "ann").await;
    assert_eq!(round(&mut wire, 5).await, 0);
    drop(wire);
    for _ in 0..5 {
        let mut wire = open(&server, "ann").await;
        let took = round(&mut wire, 1).await;
        assert!((990..1_010).contains(&took), "{took}");
    }
    // After a quiet time it is a burst again.
    sleep(Duration::from_secs(60)).await;
    assert_eq!(round(&mut open(&server, "ann").await, 5).await, 0);
}

#[tokio::test(start_paused = true)]
async fn bytes_are_shared_too_and_the_narrowest_limit_holds() {
    for (config, milliseconds) in [
        // 24 frames of 8 bytes.
        (config().user_byte_rate(100, 92), 1_000),
        (config().user_byte_rate(100, 1_000), 0),
        (config().user_message_rate(10, 4), 2_000),
        (config().message_rate(10, 2), 1_000),
        (
            config().message_rate(10, 2).user_message_rate(1_000, 1_000),
            1_000,
        ),
        (
            config().message_rate(1_000, 1_000).user_message_rate(10, 4),
            2_000,
        ),
        (
            config().user_byte_rate(100, 92).user_message_rate(10, 4),
            2_000,
        ),
    ] {
        let server = serve(&echo(config.clone()));
        let mut rounds = Vec::new();
        for _ in 0..2 {
            let mut wire = open(&server, "ann").await;
            rounds.push(spawn(async move { round(&mut wire, 12).await }));
        }
        let mut longest = 0;
        for round in rounds {
            longest = longest.max(round.await.expect("no panic"));
        }
        assert!(
            longest.abs_diff(milliseconds) <= 200,
            "{longest}, not {milliseconds}: {config:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_uses_up_nothing_of_another_visitor() {
    let server = serve(&claiming(config().user_message_rate(1, 5)));
    let mut ann = open(&server, "ann").await;
    assert_eq!(round(&mut open(&server, "ann").await, 50).await, 0);
    assert_eq!(round(&mut ann, 50).await, 0);
    // Visitors without a name are not one user.
    let server = serve(&echo(config().user_message_rate(1, 5)));
    assert_eq!(round(&mut open(&server, "").await, 50).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_socket_sends_at_the_cost_of_the_user_that_it_has() {
    let layer = echo(config().user_message_rate(1, 5));
    let (server, hub) = (serve(&layer), layer.hub());
    let mut wire = open(&server, "ann").await;
    let socket = hub.sockets_of("ann")[0];
    assert_eq!(round(&mut wire, 5).await, 0);
    // It is held back when its user changes: the one message that waits goes on at once.
    wire.send(&masked_text("{}")).await;
    sleep(Duration::from_millis(100)).await;
    hub.reidentify(socket, Identity::user("bob"))
        .expect("a socket");
    let begin = Instant::now();
    wire.text().await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(round(&mut wire, 4).await, 0);
    let mut bob = open(&server, "bob").await;
    assert!(round(&mut bob, 1).await >= 990);
    assert!(round(&mut open(&server, "ann").await, 1).await <= 1_000);
}
