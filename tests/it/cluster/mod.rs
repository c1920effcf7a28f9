//! Several nodes over a broker in memory: what one publishes reaches the right sockets on all, and what
//! is lost is reported.

mod delivery;
mod gaps;
mod garbage;
mod history;
mod links;
mod questions;
mod storms;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use web_connection_socket::{
    ClusterEvent, ClusterStats, Config, Hub, NodeId, SocketMessage, WebConnectionSocketLayer,
    backplane::MemoryBackplane,
    testing::{Client, Server},
};

use crate::support::{join, serve};

/// A day passes at once on the paused clock, and clients that wait for nothing answer no ping.
fn config() -> Config {
    let ping_interval = Duration::from_secs(24 * 3_600);
    crate::support::config().ping_interval(ping_interval)
}

/// One node, and its way to the broker.
struct Node {
    hub: Arc<Hub>,
    server: Server,
    backplane: MemoryBackplane,
    events: Events,
}

/// What a node was told of its cluster, and when.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<(Instant, ClusterEvent)>>>);

impl Events {
    fn all(&self) -> Vec<ClusterEvent> {
        let events = self.0.lock();
        events.iter().map(|(_, event)| event.clone()).collect()
    }

    /// What other nodes' messages were missed, one number for each report.
    fn gaps(&self) -> Vec<(NodeId, Option<u64>)> {
        let events = self.all().into_iter();
        let gaps = events.filter_map(|event| match event {
            ClusterEvent::Gap { node, missing } => Some((node, missing)),
            _ => None,
        });
        gaps.collect()
    }

    fn when(&self, matches: impl Fn(&ClusterEvent) -> bool) -> Option<Instant> {
        let events = self.0.lock();
        let mut events = events.iter().rev();
        events
            .find(|(_, event)| matches(event))
            .map(|(when, _)| *when)
    }

    fn clear(&self) {
        self.0.lock().clear();
    }
}

impl Node {
    fn start(config: Config, backplane: &MemoryBackplane) -> Self {
        let events = Events::default();
        let told = events.clone();
        let layer = WebConnectionSocketLayer::new(config)
            .on_cluster_event(move |event| told.0.lock().push((Instant::now(), event)))
            .backplane(backplane.clone());
        Self {
            hub: layer.hub(),
            server: serve(&layer),
            backplane: backplane.clone(),
            events,
        }
    }

    fn id(&self) -> NodeId {
        self.hub.cluster().node()
    }

    async fn join(&self, user: &str, groups: &[&str]) -> Client {
        join(&self.server, user, groups).await
    }

    fn stats(&self) -> ClusterStats {
        self.hub.stats().cluster.expect("a backplane")
    }
}

/// Starts nodes on one broker, and waits until they know each other.
async fn nodes<const N: usize>() -> [Node; N] {
    let first = MemoryBackplane::new();
    let nodes = std::array::from_fn(|at| match at {
        0 => Node::start(config(), &first),
        _ => Node::start(config(), &first.another_node()),
    });
    acquainted(&nodes).await;
    nodes
}

/// Waits until nodes know each other.
async fn acquainted(nodes: &[Node]) {
    for node in nodes {
        node.hub.cluster().connected().await;
        eventually(|| node.hub.cluster().nodes().len() == nodes.len()).await;
    }
}

/// Waits, on a paused clock at most a minute, until a condition holds.
async fn eventually(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "the condition never held");
        sleep(Duration::from_millis(5)).await;
    }
}

/// The texts that a client has by now.
async fn texts(client: &mut Client) -> Vec<String> {
    let mut texts = Vec::new();
    // The last of all: what came before it is there.
    while let Ok(message) = client.receive().await {
        if message.action == "end" {
            break;
        }
        texts.push(message.message);
    }
    texts
}

fn end() -> SocketMessage {
    SocketMessage::new("end")
}
