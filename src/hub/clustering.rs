//! The hub as a node of a cluster: forwards messages to the other nodes, and answers their queries.

use std::{
    sync::{Arc, Weak},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use super::{
    cluster::{
        Cluster, ClusterEvent, Counts, Local, MemberNews, MemberVersions, Name, Node, Order,
        Placed, Question, Value, partition_of,
    },
    history::message_of,
    hub::Hub,
    socket_entry::SocketEntry,
};
use crate::{
    backplane::Backplane,
    frame::Frame,
    protocol::{
        BroadcastReport, Forwarded, Forwarding, NotForwarded, Recipient, RecipientType,
        SocketMessage,
    },
};

impl Hub {
    /// Returns a handle to query and command all nodes.
    ///
    /// Without a [backplane](crate::WebConnectionSocketLayer::backplane) this one is the only node.
    #[must_use]
    pub fn cluster(&self) -> Cluster<'_> {
        Cluster::new(self.node, self, self.cluster.node())
    }

    /// Waits until messages that other nodes send to a group are known to arrive, at most 250 ms.
    /// Returns whether they are.
    ///
    /// [`join`](Self::join) returns at once. The first member of a group on a node makes the node
    /// subscribe to it, and what other nodes publish meanwhile does not reach the member. Sockets that
    /// open wait by themselves. Returns `true` at once without a backplane, or for the empty name, which is
    /// not a group's; otherwise `false` at once without a link to the broker.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Socket, SocketError, SocketMessage};
    ///
    /// async fn enter(socket: Socket) -> Result<(), SocketError> {
    ///     let room = socket.text();
    ///     socket.join(room)?;
    ///     // The application now loads the past messages; later ones are not missed.
    ///     socket.hub().joined(room).await;
    ///     socket.reply(&SocketMessage::new("history"))
    /// }
    /// ```
    pub async fn joined(&self, group: &str) -> bool {
        let Some(node) = self.cluster.node() else {
            return true;
        };
        let partition = match group {
            "" => 0,
            group => 1 << partition_of(Name::Group(group)),
        };
        node.synced(partition).await
    }

    /// Makes the hub a node of a cluster.
    ///
    /// # Panics
    ///
    /// If it is one already.
    #[track_caller]
    pub(crate) fn enter_cluster(self: &Arc<Self>, backplane: impl Backplane) {
        let local: Weak<Self> = Arc::downgrade(self);
        let hooks = self.cluster.hooks().clone();
        let key = self.cluster_key.as_ref();
        let node = Node::new(self.node, incarnation(), key, backplane, local, hooks);
        self.state.lock().registry.track_partitions();
        if let Some(streams) = &self.history {
            let sockets: Weak<Self> = Arc::downgrade(self);
            streams.depend_on(node.continuity(), sockets);
        }
        self.attendance.publish();
        self.cluster.enter(node);
        self.start_link();
        self.start_attendance();
    }

    /// Opens the link to the other nodes, if there is a runtime and it is not open yet.
    pub(super) fn start_link(&self) {
        if let Some(node) = self.cluster.node() {
            node.start();
        }
    }

    pub(crate) fn on_cluster_event(&self, hook: impl Fn(ClusterEvent) + Send + Sync + 'static) {
        self.cluster.hooks().add(hook);
    }

    /// Hands a message to the other nodes, if there may be some. This node's sockets have it already.
    pub(super) fn forward(
        &self,
        message: &SocketMessage,
        frame: Option<Frame>,
    ) -> Option<Forwarding> {
        let node = self.cluster.node()?;
        let frame = frame.unwrap_or_else(|| Frame::message(message));
        Some(node.forward(&message.recipients, &frame))
    }

    /// Returns the report of a message that came when the hub was closing.
    pub(super) fn report_of_closing(&self) -> BroadcastReport {
        let mut report = BroadcastReport::default();
        if self.cluster.node().is_some() {
            report.forwarded = Forwarding::Settled(Forwarded::No(NotForwarded::ShuttingDown));
        }
        report
    }

    /// Subscribes to partitions that have their first member. To be called without a lock.
    pub(super) fn note_interest(&self, grew: bool) {
        if let Some(node) = self.cluster.node().filter(|_| grew) {
            node.interest_grew(self);
        }
    }

    /// Waits, for a moment at most, until other nodes' messages for a socket's groups and user are known
    /// to arrive.
    pub(super) async fn opening(&self, entry: &SocketEntry) {
        if let Some(node) = self.cluster.node() {
            let partitions = self.state.lock().registry.partitions_of(entry.id);
            node.opening(partitions).await;
        }
    }
}

impl Local for Hub {
    fn deliver(&self, recipients: &[Recipient], frame: &Frame) {
        self.broadcast_foreign(recipients, frame);
    }

    fn enter(&self, sender: u64, recipients: &[Recipient], placed: Placed, entry: &Bytes) {
        if let Some((streams, kept)) = self.kept_of(recipients).filter(|(it, _)| it.is_shared()) {
            streams.arrive(kept, sender, recipients, placed, entry);
            self.tend_history(streams);
        } else if let Some(frame) = message_of(entry) {
            // This node has another rule, or no store.
            self.broadcast_foreign(recipients, &frame);
        }
    }

    fn interest(&self) -> u64 {
        // What is kept of a stream stays whole while its members are away.
        let kept = self
            .history
            .as_ref()
            .map_or(0, |streams| streams.partitions());
        let own = self.state.lock().registry.partitions();
        kept | own | self.attendance.interest()
    }

    fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts {
            sockets: state.registry.len(),
            users: state.registry.users().len(),
            groups: state.registry.groups().len(),
        }
    }

    fn answer(&self, question: &Question) -> Value {
        match question {
            Question::Sockets => Value::Count(self.len()),
            Question::Users => Value::Users(self.users()),
            Question::Members(recipient) => Value::Sockets(self.members(recipient)),
            Question::Order(sockets, order) => Value::Count(self.carry_out(sockets, order)),
        }
    }

    fn member_versions(&self) -> MemberVersions {
        self.attendance.member_versions()
    }

    fn members(&self, news: MemberNews) -> bool {
        self.attendance.learn(news)
    }

    fn hook_panicked(&self) {
        self.panicked("a function of `on_cluster_event`");
    }
}

impl Hub {
    fn carry_out(&self, sockets: &Recipient, order: &Order) -> usize {
        if let Order::Close(reason) = order {
            return match (sockets.kind, sockets.value.parse()) {
                (RecipientType::User, _) => self.close_user(&sockets.value, reason),
                (RecipientType::Group, _) => self.close_group(&sockets.value, reason),
                (RecipientType::Connection, Ok(socket)) => self.close(socket, reason),
                _ => 0,
            };
        }
        let mut members = self.members(sockets);
        members.retain(|socket| match order {
            Order::Join(group) => self.join(*socket, group).is_ok(),
            Order::Leave(group) => self.leave(*socket, group.as_str()),
            Order::Close(_) => false,
        });
        members.len()
    }
}

/// Returns a number that grows with every start of a process on a machine whose clock does not go back.
/// Names of nodes are random, so that it tells apart only hubs that have one by chance.
fn incarnation() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
