//! What nodes promise while nothing fails.

use std::time::Duration;

use brokers::{Nats, Redis};
use bytes::Bytes;
use web_connection_socket::{
    CloseReason, ClusterEvent, Forwarded, GarbageKind, Recipient, SocketMessage,
    backplane::{Backplane, Command, NatsBackplane, RedisBackplane},
};

use super::node::{Node, acquainted, news};
use crate::support::PATIENCE;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_over_redis_are_one() {
    let redis = Redis::start();
    three_nodes_are_one(async || Node::on_redis(&redis.url()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_over_nats_are_one() {
    let nats = Nats::start();
    three_nodes_are_one(async || Node::on_nats(&nats.url()).await).await;
}

async fn three_nodes_are_one(start: impl AsyncFn() -> Node) {
    const EACH: usize = 200;

    let nodes = [start().await, start().await, start().await];
    acquainted(&[&nodes[0], &nodes[1], &nodes[2]]).await;
    let mut sockets = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        sockets.push(node.join(&format!("user{number}"), "chat").await);
    }
    let mut stranger = nodes[2].join("stranger", "other").await;

    for number in 0..EACH {
        for (at, node) in nodes.iter().enumerate() {
            let report = node.hub.broadcast(&news(format!("{at} {number}")));
            assert_eq!((report.matched, report.queued), (1, 1), "of this node");
            if number == EACH - 1 {
                assert_eq!(report.forwarded().await, Forwarded::Yes);
            }
        }
    }
    for socket in &mut sockets {
        let mut next = [0; 3];
        for _ in 0..3 * EACH {
            let message = socket.receive().await;
            let text = message["message"].as_str().expect("a text").to_owned();
            let (publisher, number) = text.split_once(' ').expect("two numbers");
            let publisher: usize = publisher.parse().expect("a number");
            assert_eq!(number, next[publisher].to_string(), "in order, once");
            next[publisher] += 1;
        }
    }

    // One user's socket, on whichever node it is.
    let private = SocketMessage::new("news")
        .text("private")
        .to_user("stranger");
    nodes[0].hub.broadcast(&private);
    assert_eq!(stranger.receive().await["message"], "private");
    let cluster = nodes[1].hub.cluster();
    let all = cluster.sockets(PATIENCE).await;
    assert_eq!((all.value, all.answered), (4, 3), "{all:?}");
    let found = cluster
        .members(&Recipient::user("stranger"), PATIENCE)
        .await;
    assert_eq!(found.value.len(), 1);
    let reason = CloseReason::new(4003, "blocked");
    let closed = cluster.close_user("stranger", &reason, PATIENCE).await;
    assert_eq!(closed.value, 1);
    assert_eq!(stranger.drain().await, Some(4003));

    // A node that leaves says so.
    nodes[2].hub.shutdown(Duration::from_secs(5)).await;
    let gone = ClusterEvent::NodeGone {
        node: nodes[2].id(),
        clean: true,
    };
    for node in &nodes[..2] {
        node.hears(gone.clone()).await;
        assert_eq!((node.stats().gaps, node.stats().late), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prefixes_keep_applications_apart_and_garbage_is_dropped_and_counted() {
    let redis = Redis::start();
    let nats = Nats::start();
    let on_redis = |prefix| {
        RedisBackplane::new(&redis.url())
            .expect("a URL")
            .prefix(prefix)
    };
    let on_nats = |prefix| {
        NatsBackplane::new(&nats.url())
            .expect("a URL")
            .prefix(prefix)
    };

    let (shop, bank) = (
        Node::start(on_redis("shop")).await,
        Node::start(on_redis("bank")).await,
    );
    garbage_beside(&shop, &bank, &on_redis("shop")).await;
    let (shop, bank) = (
        Node::start(on_nats("shop")).await,
        Node::start(on_nats("bank")).await,
    );
    garbage_beside(&shop, &bank, &on_nats("shop")).await;
}

async fn garbage_beside(shop: &Node, bank: &Node, backplane: &dyn Backplane) {
    acquainted(&[shop]).await;
    acquainted(&[bank]).await;
    let mut ann = shop.join("ann", "chat").await;
    bank.hub.broadcast(&news("of the bank"));
    bank.hub
        .broadcast(&SocketMessage::new("news").text("of the bank"));

    let opened = backplane.connect().await;
    let (mut outlet, _inlet) = opened.expect("a broker that takes links");
    let all = "all".parse().expect("a topic");
    let garbage: [&[u8]; 4] = [b"", b"hello", &[0; 64], &[255; 4_096]];
    let garbage = garbage.map(|bytes| Command::Publish(all, Bytes::from(bytes)));
    outlet
        .send(garbage.to_vec())
        .await
        .expect("a link that lives");
    shop.until("garbage is counted", |node| node.stats().garbage == 4)
        .await;
    let malformed = |event: &ClusterEvent| matches!(event, ClusterEvent::Garbage { .. });
    shop.hears_of("garbage", malformed).await;

    // The applications go on, each by itself.
    shop.hub.broadcast(&news("of the shop"));
    assert_eq!(ann.receive().await["message"], "of the shop");
    assert_eq!(shop.hub.cluster().nodes(), [shop.id()]);
    assert_eq!((bank.stats().garbage, shop.stats().gaps), (0, 0));
    let version = ClusterEvent::Garbage {
        kind: GarbageKind::Signature,
    };
    assert!(!shop.has_heard(&version));
}
