//! What else is on the channel is dropped and counted.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;
use web_connection_socket::{
    ClusterEvent, GarbageKind,
    backplane::{Backplane, Command, MemoryBackplane},
};

use super::{Node, acquainted, config, eventually, nodes};
use crate::support::{news, text};

/// Publishes bytes on the topic of all nodes.
async fn publish(backplane: &MemoryBackplane, payload: impl Into<Bytes>) {
    let stranger = backplane.another_node();
    let (mut outlet, _inlet) = stranger.connect().await.expect("a link");
    let topic = "all".parse().expect("a topic");
    let command = Command::Publish(topic, payload.into());
    let sent = outlet.send(vec![command]).await;
    sent.expect("the broker has it");
}

/// Listens for a message to all.
async fn overhear(backplane: &MemoryBackplane) -> Bytes {
    overhear_kind(backplane, 1).await
}

async fn overhear_kind(backplane: &MemoryBackplane, kind: u8) -> Bytes {
    let (mut outlet, mut inlet) = backplane.another_node().connect().await.expect("a link");
    let topic = "all".parse().expect("a topic");
    let sent = outlet.send(vec![Command::Subscribe(topic)]).await;
    sent.expect("the broker has it");
    loop {
        let payload = inlet.receive().await.expect("a link").payload;
        if payload[4] == kind {
            return payload;
        }
    }
}

fn kinds(node: &Node) -> Vec<GarbageKind> {
    let events = node.events.all().into_iter();
    let kinds = events.filter_map(|event| match event {
        ClusterEvent::Garbage { kind } => Some(kind),
        _ => None,
    });
    kinds.collect()
}

#[tokio::test(start_paused = true)]
async fn garbage_is_dropped_and_told_once_a_second() {
    let [first, second] = nodes().await;
    let mut ann = first.join("ann", &[]).await;
    for _ in 0..100 {
        publish(&first.backplane, "garbage").await;
    }
    publish(&first.backplane, vec![b'W'; (1 << 20) + 1]).await;
    eventually(|| first.stats().garbage == 101).await;
    assert_eq!(
        kinds(&first),
        [GarbageKind::Malformed, GarbageKind::TooLarge]
    );
    sleep(Duration::from_secs(1)).await;
    publish(&first.backplane, "garbage").await;
    eventually(|| kinds(&first).len() == 3).await;
    second.hub.broadcast(&news("x"));
    assert_eq!(text(&mut ann).await, "x");
}

#[tokio::test(start_paused = true)]
async fn another_version_is_refused_loudly() {
    let log = crate::support::log::capture();
    let [first, second] = nodes().await;
    let mut ann = first.join("ann", &[]).await;
    let (heard, ()) = tokio::join!(overhear(&second.backplane), async {
        sleep(Duration::from_millis(10)).await;
        second.hub.broadcast(&news("x"));
    });
    assert_eq!(text(&mut ann).await, "x");
    for (at, value) in [(2, 2), (3, 128)] {
        let mut other = heard.to_vec();
        other[at] = value;
        publish(&second.backplane, other).await;
    }
    eventually(|| first.stats().garbage == 2).await;
    assert_eq!(kinds(&first), [GarbageKind::Version]);
    assert!(log.text().contains("another version of the protocol"));
    ann.receives_nothing(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_machine_is_told_once_a_minute() {
    let log = crate::support::log::capture();
    let [first, second] = nodes().await;
    let heard = overhear_kind(&first.backplane, 3).await;
    let sender = heard[6..14].iter().map(|byte| format!("{byte:02x}"));
    let sender: String = sender.collect();
    let (node, other) = match first.id().to_string() == sender {
        true => (first, second),
        false => (second, first),
    };
    let mut copy = heard.to_vec();
    // Of its incarnation the lowest bit.
    copy[21] ^= 1;
    for _ in 0..31 {
        publish(&node.backplane, copy.clone()).await;
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(node.stats().garbage, 31);
    assert_eq!(kinds(&node), [GarbageKind::SameNode; 2]);
    let text = "its sender has this node's id";
    assert_eq!(log.text().matches(text).count(), 2);
    assert!(node.stats().connected);
    assert_eq!(other.stats().garbage, 0, "it cannot tell");
}

#[tokio::test(start_paused = true)]
async fn a_key_keeps_forgers_and_nodes_without_it_out() {
    let broker = MemoryBackplane::new();
    let keyed =
        |key: &str, backplane: &MemoryBackplane| Node::start(config().cluster_key(key), backplane);
    let nodes = [
        keyed("secret", &broker),
        keyed("secret", &broker.another_node()),
    ];
    acquainted(&nodes).await;
    let mut ann = nodes[0].join("ann", &[]).await;
    let plain = Node::start(config(), &broker.another_node());
    let other = keyed("other", &broker.another_node());
    for node in [&plain, &other] {
        node.hub.cluster().connected().await;
        node.hub.broadcast(&news("forged"));
    }
    sleep(Duration::from_secs(3)).await;
    let (heard, ()) = tokio::join!(overhear(&broker), async {
        sleep(Duration::from_millis(10)).await;
        nodes[1].hub.broadcast(&news("x"));
    });
    assert_eq!(text(&mut ann).await, "x");
    let mut forged = heard.to_vec();
    let at = forged.len() - 40;
    forged[at] ^= 1;
    publish(&broker, forged).await;
    // The same again is late.
    publish(&broker, heard).await;
    ann.receives_nothing(Duration::from_secs(1)).await.unwrap();
    assert_eq!(nodes[0].hub.cluster().nodes().len(), 2);
    assert!(kinds(&nodes[0]).contains(&GarbageKind::Signature));
    assert!(kinds(&plain).contains(&GarbageKind::Signature));
    assert_eq!(plain.hub.cluster().nodes(), [plain.id()]);
    assert_eq!(nodes[0].stats().late, 1);
}
