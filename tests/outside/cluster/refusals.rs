//! Brokers that are not there yet, or do not let a node in: it is up and alone, says so, and joins once
//! it can.

use brokers::{Nats, Redis};
use web_connection_socket::Forwarded;

use super::node::{Node, acquainted, news};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_absent_at_the_start_is_joined_when_it_comes() {
    let mut redis = Redis::absent();
    let nodes = [
        Node::on_redis(&redis.url()).await,
        Node::on_redis(&redis.url()).await,
    ];
    nodes_are_alone(&nodes).await;
    redis.start_again();
    nodes_are_one(&nodes).await;

    let mut nats = Nats::absent();
    let nodes = [
        Node::on_nats(&nats.url()).await,
        Node::on_nats(&nats.url()).await,
    ];
    nodes_are_alone(&nodes).await;
    nats.start_again();
    nodes_are_one(&nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_keeps_a_node_alone_until_it_is_right() {
    let redis = Redis::start();
    let set = |password| redis.cli(&["CONFIG", "SET", "requirepass", password]);
    assert_eq!(set("secret"), "OK\n");
    let url = format!("redis://:guess@{}", redis.address());
    let nodes = [Node::on_redis(&url).await, Node::on_redis(&url).await];
    nodes_are_alone(&nodes).await;
    let right = [
        "--no-auth-warning",
        "-a",
        "secret",
        "CONFIG",
        "SET",
        "requirepass",
        "guess",
    ];
    assert_eq!(redis.cli(&right), "OK\n");
    nodes_are_one(&nodes).await;
}

async fn nodes_are_alone(nodes: &[Node; 2]) {
    for node in nodes {
        let mut socket = node.join("ann", "chat").await;
        let report = node.hub.broadcast(&news("alone"));
        assert_eq!((report.matched, report.queued), (1, 1));
        assert_eq!(socket.receive().await["message"], "alone");
        assert!(matches!(report.forwarded().await, Forwarded::No(_)));
        node.until("attempts that fail are counted", |node| {
            node.stats().failed_links > 0
        })
        .await;
        assert!(!node.hub.cluster().is_connected() && !node.stats().connected);
        assert_eq!(node.hub.cluster().nodes(), [node.id()]);
    }
}

async fn nodes_are_one(nodes: &[Node; 2]) {
    acquainted(&[&nodes[0], &nodes[1]]).await;
    let mut bob = nodes[1].join("bob", "chat").await;
    let report = nodes[0].hub.broadcast(&news("together"));
    assert_eq!(report.forwarded().await, Forwarded::Yes);
    assert_eq!(bob.receive().await["message"], "together");
    // What was said before they met is no loss.
    assert_eq!(nodes[1].missed_of(&nodes[0]), (0, 0));
}
