//! Brokers of several servers, of which one dies.

use brokers::{Nats, Redis};
use web_connection_socket::ClusterEvent;

use super::node::{Node, acquainted, news};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_a_redis_cluster_dies() {
    let mut servers = Redis::cluster_of_three();
    let urls = servers.each_ref().map(Redis::url);
    // Each node asks another server first.
    let mut nodes = Vec::new();
    for at in 0..3 {
        let list = [&*urls[at], &*urls[(at + 1) % 3], &*urls[(at + 2) % 3]].join(",");
        nodes.push(Node::on_redis(&list).await);
    }
    one_server_dies(&nodes, || servers[2].kill()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_a_nats_cluster_dies() {
    let mut servers = Nats::cluster_of_two();
    let urls = servers.each_ref().map(Nats::url);
    let there = format!("{},{}", urls[0], urls[1]);
    let back = format!("{},{}", urls[1], urls[0]);
    let nodes = [
        Node::on_nats(&there).await,
        Node::on_nats(&there).await,
        Node::on_nats(&back).await,
    ];
    one_server_dies(&nodes, || servers[1].kill()).await;
}

/// The last node's server dies. It goes to another one, and the others notice nothing.
async fn one_server_dies(nodes: &[Node], kill: impl FnOnce()) {
    acquainted(&[&nodes[0], &nodes[1], &nodes[2]]).await;
    let mut sockets = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        sockets.push(node.join(&format!("user{number}"), "chat").await);
    }
    for node in nodes {
        node.hub.broadcast(&news("before"));
        for socket in &mut sockets {
            assert_eq!(socket.receive().await["message"], "before");
        }
    }
    kill();
    nodes[2].hears(ClusterEvent::Down).await;
    nodes[0].hub.broadcast(&news("between"));
    for socket in &mut sockets[..2] {
        assert_eq!(socket.receive().await["message"], "between");
    }
    nodes[2].is_connected().await;
    acquainted(&[&nodes[0], &nodes[1], &nodes[2]]).await;
    nodes[2].hub.broadcast(&news("after"));
    for socket in &mut sockets {
        while socket.receive().await["message"] != "after" {}
    }
    // The message between has reached the last node or is reported there, and nothing else is missing.
    nodes[2]
        .until("the message between is accounted for", |node| {
            node.stats().received + node.missed_of(&nodes[0]).0 >= 3
        })
        .await;
    for node in &nodes[..2] {
        assert!(!node.has_heard(&ClusterEvent::Down));
        let stats = node.stats();
        assert_eq!((stats.gaps, stats.links), (0, 1));
    }
}
