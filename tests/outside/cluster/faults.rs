//! Brokers that die, freeze and cut, and ways to them that fail: local sockets notice nothing, and what
//! is lost is reported to the message.

use std::time::Duration;

use brokers::{Nats, Redis};
use tokio::time::sleep;
use web_connection_socket::{ClusterEvent, Forwarded};

use super::node::{Node, acquainted, news};
use crate::support::{
    gate::{Gate, State},
    socket::Socket,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_started_again() {
    let mut redis = Redis::start();
    let url = redis.url();
    let start = async || Node::on_redis(&url).await;
    a_broker_is_killed_and_started_again(start, &mut redis, Redis::kill, Redis::start_again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_is_killed_and_started_again() {
    let mut nats = Nats::start();
    let url = nats.url();
    let start = async || Node::on_nats(&url).await;
    a_broker_is_killed_and_started_again(start, &mut nats, Nats::kill, Nats::start_again).await;
}

async fn a_broker_is_killed_and_started_again<B>(
    start: impl AsyncFn() -> Node,
    broker: &mut B,
    kill: impl Fn(&mut B),
    start_again: impl Fn(&mut B),
) {
    let (first, second) = (start().await, start().await);
    acquainted(&[&first, &second]).await;
    let mut ann = first.join("ann", "chat").await;
    let mut bob = second.join("bob", "chat").await;
    for round in 0..3_u64 {
        flows(&first, &mut ann, &mut bob).await;
        kill(broker);
        for node in [&first, &second] {
            node.hears(ClusterEvent::Down).await;
        }
        for number in 0..10 {
            let report = first.hub.broadcast(&news(number.to_string()));
            assert_eq!((report.matched, report.queued), (1, 1));
            assert!(matches!(report.forwarded().await, Forwarded::No(_)));
            assert_eq!(ann.receive().await["message"], number.to_string());
        }
        first.forget();
        second.forget();
        start_again(broker);
        acquainted(&[&first, &second]).await;
        second.misses(10, &first).await;
        assert_eq!(first.missed_of(&second), (0, 0), "{round}");
        assert_eq!(second.stats().missing, 10 * (round + 1));
    }
    flows(&first, &mut ann, &mut bob).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_throws_its_subscribers_out() {
    let redis = Redis::start();
    let first = Node::on_redis(&redis.url()).await;
    let second = Node::on_redis(&redis.url()).await;
    acquainted(&[&first, &second]).await;
    let mut ann = first.join("ann", "chat").await;
    let mut bob = second.join("bob", "chat").await;
    flows(&first, &mut ann, &mut bob).await;

    let killed = redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(killed.trim(), "2");
    for node in [&first, &second] {
        node.until("a second link", |node| node.stats().links == 2)
            .await;
    }
    acquainted(&[&first, &second]).await;
    flows(&first, &mut ann, &mut bob).await;
    for node in [&first, &second] {
        assert_eq!((node.stats().gaps, node.stats().deaf), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_of_redis_delays_and_loses_nothing() {
    let redis = Redis::start();
    let first = Node::on_redis(&redis.url()).await;
    let second = Node::on_redis(&redis.url()).await;
    acquainted(&[&first, &second]).await;
    let mut ann = first.join("ann", "chat").await;
    let mut bob = second.join("bob", "chat").await;
    flows(&first, &mut ann, &mut bob).await;

    // Marks that the nodes ask each other for at the start are sent by then: the message would wait behind one.
    sleep(Duration::from_millis(100)).await;
    assert_eq!(redis.cli(&["CLIENT", "PAUSE", "2500", "ALL"]), "OK\n");
    // Those of one pipeline: what waits longer than a second is not forwarded.
    let report = first.hub.broadcast(&news("in the pause"));
    assert_eq!(ann.receive().await["message"], "in the pause", "at once");
    assert_eq!(bob.receive().await["message"], "in the pause");
    assert_eq!(report.forwarded().await, Forwarded::Yes);
    for node in [&first, &second] {
        let stats = node.stats();
        assert_eq!((stats.gaps, stats.deaf, stats.links), (0, 0, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_of_nats_delays_and_loses_nothing() {
    // Two heartbeats wait behind it, and are read beside the messages.
    const STALL: Duration = Duration::from_millis(4_500);

    let nats = Nats::start();
    let first = Node::on_nats(&nats.url()).await;
    let second = Node::on_nats(&nats.url()).await;
    acquainted(&[&first, &second]).await;
    let mut ann = first.join("ann", "chat").await;
    let mut bob = second.join("bob", "chat").await;
    flows(&first, &mut ann, &mut bob).await;

    nats.freeze();
    for number in 0..500 {
        let report = first.hub.broadcast(&news(number.to_string()));
        assert_eq!(
            report.forwarded().await,
            Forwarded::Yes,
            "the kernel has it"
        );
    }
    sleep(STALL).await;
    nats.thaw();
    for number in 0..500 {
        assert_eq!(bob.receive().await["message"], number.to_string());
    }
    let stats = second.stats();
    assert_eq!((stats.gaps, stats.late, stats.links), (0, 0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_broker_is_deaf_and_nothing_is_lost_in_silence() {
    let redis = Redis::start();
    let nats = Nats::start();
    tokio::join!(
        a_broker_freezes(
            async || Node::on_redis(&redis.url()).await,
            || redis.freeze(),
            || redis.thaw(),
        ),
        a_broker_freezes(
            async || Node::on_nats(&nats.url()).await,
            || nats.freeze(),
            || nats.thaw(),
        ),
    );
}

async fn a_broker_freezes(start: impl AsyncFn() -> Node, freeze: impl Fn(), thaw: impl Fn()) {
    const COUNT: u64 = 50;

    let (first, second) = (start().await, start().await);
    acquainted(&[&first, &second]).await;
    let mut ann = first.join("ann", "chat").await;
    let mut bob = second.join("bob", "chat").await;
    flows(&first, &mut ann, &mut bob).await;
    let before = second.stats().received;
    freeze();
    for number in 0..COUNT {
        let report = first.hub.broadcast(&news(number.to_string()));
        assert_eq!((report.matched, report.queued), (1, 1));
        assert_eq!(ann.receive().await["message"], number.to_string());
    }
    for node in [&first, &second] {
        node.hears_of("the end of the link", |event| {
            matches!(event, ClusterEvent::Deaf | ClusterEvent::Down)
        })
        .await;
    }
    thaw();
    acquainted(&[&first, &second]).await;
    // What the broker had taken in may still come; all the rest is reported, and nothing twice.
    second
        .until("every message has come or is reported", |node| {
            node.stats().received - before + node.missed_of(&first).0 == COUNT
        })
        .await;
    first.hub.broadcast(&news("end"));
    let mut came = 0;
    while bob.receive().await["message"] != "end" {
        came += 1;
    }
    assert_eq!(came + second.missed_of(&first).0, COUNT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_that_swallows_one_direction_is_noticed_and_its_losses_are_counted() {
    let redis = Redis::start();
    let nats = Nats::start();
    let through = async |gate: &Gate, is_redis: bool| {
        let address = gate.address();
        match is_redis {
            true => Node::on_redis(&format!("redis://{address}")).await,
            false => Node::on_nats(&format!("nats://{address}")).await,
        }
    };
    let one = async |is_redis, state| {
        let server = if is_redis {
            redis.address()
        } else {
            nats.address()
        };
        let (straight, gate) = (Gate::start(server).await, Gate::start(server).await);
        let first = through(&straight, is_redis).await;
        let second = through(&gate, is_redis).await;
        one_direction_is_swallowed(&first, &second, &gate, state).await;
    };
    // One broker each, so the pairs do not hear each other's node at the same time.
    tokio::join!(one(true, State::Deaf), one(false, State::Deaf));
    tokio::join!(one(true, State::Mute), one(false, State::Mute));
}

async fn one_direction_is_swallowed(first: &Node, second: &Node, gate: &Gate, state: State) {
    const COUNT: u64 = 30;

    acquainted(&[first, second]).await;
    let mut ann = first.join("ann", "chat").await;
    let mut bob = second.join("bob", "chat").await;
    flows(first, &mut ann, &mut bob).await;
    flows(second, &mut bob, &mut ann).await;
    gate.set(state);
    // The way loses what goes to the second node, or what comes from it.
    let (publisher, hearer, local) = match state {
        State::Deaf => (first, second, &mut ann),
        _ => (second, first, &mut bob),
    };
    for number in 0..COUNT {
        let report = publisher.hub.broadcast(&news(number.to_string()));
        assert_eq!(report.queued, 1);
        assert_eq!(local.receive().await["message"], number.to_string());
    }
    second
        .hears_of("the end of the link", |event| {
            matches!(event, ClusterEvent::Deaf | ClusterEvent::Down)
        })
        .await;
    gate.set(State::Open);
    hearer.misses(COUNT, publisher).await;
    acquainted(&[first, second]).await;
    flows(first, &mut ann, &mut bob).await;
    flows(second, &mut bob, &mut ann).await;
    assert_eq!(publisher.missed_of(hearer), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_read_is_thrown_out_by_redis_and_learns_what_it_missed() {
    const COUNT: u64 = 600;

    let redis = Redis::with(&["--client-output-buffer-limit", "pubsub 1mb 0 0"]);
    let gate = Gate::start(redis.address()).await;
    let first = Node::on_redis(&redis.url()).await;
    let second = Node::on_redis(&format!("redis://{}", gate.address())).await;
    acquainted(&[&first, &second]).await;
    let mut ann = first.join("ann", "chat").await;
    let mut bob = second.join("bob", "chat").await;
    flows(&first, &mut ann, &mut bob).await;
    let before = second.stats().received;
    gate.set(State::Stalled);
    // More than the buffers of the system and of Redis hold.
    let text = "x".repeat(48 * 1024);
    for number in 0..COUNT {
        let report = first.hub.broadcast(&news(format!("{number} {text}")));
        ann.receive().await;
        // One after the other: this node's queue is bounded as well.
        assert_eq!(report.forwarded().await, Forwarded::Yes);
    }
    gate.set(State::Open);
    second
        .until("a new link", |node| node.stats().links >= 2)
        .await;
    acquainted(&[&first, &second]).await;
    second
        .until("every message has come or is reported", |node| {
            node.stats().received - before + node.missed_of(&first).0 == COUNT
        })
        .await;
    assert!(second.missed_of(&first).0 > 0, "Redis kept it all");
    assert_eq!(first.missed_of(&second), (0, 0));
}

/// Publishes on a node, and sees that both sockets have it.
async fn flows(node: &Node, here: &mut Socket, there: &mut Socket) {
    node.hub.broadcast(&news("flows"));
    for socket in [here, there] {
        while socket.receive().await["message"] != "flows" {}
    }
}
