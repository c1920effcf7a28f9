//! One node of a cluster: a hub with its server in this process, and what it was told.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::Router;
use parking_lot::Mutex;
use tokio::{net::TcpListener, task::JoinHandle};
use web_connection_socket::{
    ClusterEvent, ClusterStats, Config, Hub, NodeId, SocketMessage, WebConnectionSocketLayer,
    backplane::{Backplane, NatsBackplane, RedisBackplane},
    serve,
};

use crate::support::{PATIENCE, eventually, socket::Socket};

/// A running node.
pub(super) struct Node {
    pub(super) hub: Arc<Hub>,
    address: SocketAddr,
    events: Arc<Mutex<Vec<ClusterEvent>>>,
    task: JoinHandle<()>,
}

impl Node {
    pub(super) async fn start(backplane: impl Backplane) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = events.clone();
        let layer = WebConnectionSocketLayer::new(Config::new())
            .on_cluster_event(move |event| told.lock().push(event))
            .backplane(backplane);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port of the loopback interface");
        let address = listener.local_addr().expect("a bound address");
        let hub = layer.hub();
        let task = tokio::spawn(async {
            let served = serve(listener, layer, Router::new()).await;
            served.expect("a server that does not fail");
        });
        Self {
            hub,
            address,
            events,
            task,
        }
    }

    /// Starts a node on a Redis server, or several.
    pub(super) async fn on_redis(urls: &str) -> Self {
        let redis = RedisBackplane::new(urls).expect("a URL");
        Self::start(redis.prefix("test")).await
    }

    /// Starts a node on a NATS server, or several.
    pub(super) async fn on_nats(urls: &str) -> Self {
        let nats = NatsBackplane::new(urls).expect("a URL");
        Self::start(nats.prefix("test")).await
    }

    /// Opens a socket of a user in a group.
    pub(super) async fn join(&self, user: &str, group: &str) -> Socket {
        let address = self.address;
        let url = format!("ws://{address}/__initializeSocket.wc?userId={user}&groupId={group}");
        Socket::open(&url).await
    }

    pub(super) fn id(&self) -> NodeId {
        self.hub.cluster().node()
    }

    pub(super) fn stats(&self) -> ClusterStats {
        self.hub.stats().cluster.expect("a backplane")
    }

    pub(super) fn has_heard(&self, event: &ClusterEvent) -> bool {
        self.events.lock().contains(event)
    }

    pub(super) async fn hears(&self, event: ClusterEvent) {
        let what = format!("{event:?}");
        eventually(&what, PATIENCE, async || {
            self.has_heard(&event).then_some(())
        })
        .await;
    }

    /// Waits for something that was heard after the last call of [`Self::forget`].
    pub(super) async fn hears_of(&self, what: &str, is_it: impl Fn(&ClusterEvent) -> bool) {
        let heard = async || self.events.lock().iter().any(&is_it).then_some(());
        eventually(what, PATIENCE, heard).await;
    }

    pub(super) fn forget(&self) {
        self.events.lock().clear();
    }

    /// How many messages of another node are reported missing, and in how many reports.
    pub(super) fn missed_of(&self, other: &Node) -> (u64, usize) {
        let events = self.events.lock();
        let gaps = events.iter().filter_map(|event| match event {
            ClusterEvent::Gap { node, missing } if *node == other.id() => Some(*missing),
            _ => None,
        });
        let gaps: Vec<_> = gaps
            .map(|gap| gap.expect("a gap of a known size"))
            .collect();
        (gaps.iter().sum(), gaps.len())
    }

    /// Waits until so many messages of another node are reported missing.
    pub(super) async fn misses(&self, count: u64, other: &Node) {
        let what = format!("{count} missing messages are reported");
        let reported = async || (self.missed_of(other).0 >= count).then_some(());
        eventually(&what, PATIENCE, reported).await;
        assert_eq!(self.missed_of(other).0, count);
    }

    pub(super) async fn is_connected(&self) {
        self.until("the node has a link", |node| {
            node.hub.cluster().is_connected()
        })
        .await;
    }

    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        eventually(what, PATIENCE, async || is_so(self).then_some(())).await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until nodes have links and know each other.
pub(super) async fn acquainted(nodes: &[&Node]) {
    for node in nodes {
        let connected = tokio::time::timeout(PATIENCE, node.hub.cluster().connected()).await;
        connected.expect("a link in time");
        let all = nodes.len();
        node.until("the nodes know each other", |node| {
            node.hub.cluster().nodes().len() == all
        })
        .await;
    }
}

/// A message for a group.
pub(super) fn news(text: impl Into<String>) -> SocketMessage {
    SocketMessage::new("news").text(text).to_group("chat")
}
