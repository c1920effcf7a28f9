//! The options that make a layer's hub a node of a cluster.

use crate::{
    backplane::Backplane, history::History, hub::ClusterEvent,
    middleware::layer::WebConnectionSocketLayer,
};

impl WebConnectionSocketLayer {
    /// Connects the hub with those of other processes through a broker, so that a broadcast on any of
    /// them reaches the right sockets on all.
    ///
    /// Give the same broker and prefix to all copies of the application. Load balancers need no sticky
    /// sessions: each socket may be on any node. Delivery between nodes is at most once and in each
    /// publisher's order, and every loss is reported ([`on_cluster_event`](Self::on_cluster_event),
    /// [`Stats::cluster`](crate::Stats::cluster)). Sockets of the publishing node neither wait for the broker
    /// nor depend on it; [`BroadcastReport::forwarded`](crate::BroadcastReport::forwarded) says whether the
    /// other nodes got the message.
    ///
    /// The link is opened at once inside of a runtime, else when the first socket opens, and reopened for as
    /// long as the hub lives. Without the broker the node is up and alone. [`Hub::cluster`] knows the nodes;
    /// [`Config::cluster_key`](crate::Config::cluster_key) keeps other programs out.
    /// All nodes must run versions of this crate that speak the same protocol, else they refuse each
    /// other.
    ///
    /// [`Hub::cluster`]: crate::Hub::cluster
    ///
    /// # Panics
    ///
    /// If the layer's hub has a backplane already: layers that share a hub share its backplane.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use web_connection_socket::{
    ///     ClusterEvent, Config, WebConnectionSocketLayer, backplane::MemoryBackplane,
    /// };
    ///
    /// let broker = MemoryBackplane::new();
    /// let layer = WebConnectionSocketLayer::new(Config::new())
    ///     .on_cluster_event(|event| match event {
    ///         ClusterEvent::Gap { node, missing } => eprintln!("missed {missing:?} of {node}"),
    ///         event => eprintln!("{event:?}"),
    ///     })
    ///     .backplane(broker);
    ///
    /// layer.hub().cluster().connected().await;
    /// assert_eq!(layer.hub().cluster().nodes().len(), 1);
    /// # }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn backplane(self, backplane: impl Backplane) -> Self {
        self.hub().enter_cluster(backplane);
        self
    }

    /// Keeps the messages of streams ([`Config::history`]) in a store that all nodes share, so that a client
    /// resumes on any of them, and so that all nodes deliver each stream in the same order.
    ///
    /// Give the same store to all nodes, and the [`backplane`](Self::backplane) that connects them. A
    /// message of a stream then goes to the store first, and to the sockets once the store has placed it, on
    /// all nodes in that order. If the store does not answer within 250 ms, the sockets get the message
    /// without a place: its position is *void*, so that a client whose last message it was is told that it
    /// cannot resume from there. [`BroadcastReport::settled`] waits for the outcome. Other
    /// messages do not wait for the store, and so may overtake those of the same caller.
    ///
    /// Set [`Config::cluster_key`](crate::Config::cluster_key): without it, a client that has had no message of
    /// a stream yet and missed some cannot resume on another node, which does not recognize its position.
    ///
    /// [`Config::history`]: crate::Config::history
    /// [`BroadcastReport::settled`]: crate::BroadcastReport::settled
    ///
    /// # Panics
    ///
    /// If the layer's hub has a store already, or its configuration has no history.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use web_connection_socket::{
    ///     Config, SocketMessage, WebConnectionSocketLayer,
    ///     backplane::MemoryBackplane, config::HistoryRule, history::MemoryHistory,
    /// };
    ///
    /// let (broker, store) = (MemoryBackplane::new(), MemoryHistory::new());
    /// let layer = WebConnectionSocketLayer::new(Config::new().history(HistoryRule::group("lobby")))
    ///     .backplane(broker)
    ///     .history_store(store);
    ///
    /// let message = SocketMessage::new("chat").text("hello").to_group("lobby");
    /// let report = layer.hub().broadcast(&message).settled().await;
    /// assert!(report.position().is_some());
    /// # }
    /// ```
    #[must_use]
    #[track_caller]
    pub fn history_store(self, store: impl History) -> Self {
        self.hub().keep_history_in(store);
        self
    }

    /// Calls a function for each event of the cluster: the link or another node comes or goes, or messages
    /// were missed.
    ///
    /// The function is called from the tasks of the link and by threads that open sockets or enter groups,
    /// perhaps at the same time, so it must be quick and must not block. Set it before
    /// [`backplane`](Self::backplane), so that it misses no event. Several functions are called in their
    /// order. One that panics is logged and counted ([`Stats::panics`](crate::Stats::panics)).
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{ClusterEvent, Config, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new()).on_cluster_event(|event| {
    ///     if let ClusterEvent::NodeGone { node, clean: false } = event {
    ///         eprintln!("{node} has crashed");
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_cluster_event(self, function: impl Fn(ClusterEvent) + Send + Sync + 'static) -> Self {
        self.hub().on_cluster_event(function);
        self
    }
}
