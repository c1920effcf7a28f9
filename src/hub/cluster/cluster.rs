//! The application's view of the cluster: the nodes, and queries and commands for all of them.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout_at};

use super::{
    answer::ClusterAnswer,
    local::Local,
    node::Node,
    node_id::NodeId,
    wire::{Draft, Order, Question, Value},
};
use crate::protocol::{CloseReason, ConnectionId, GroupId, Recipient, UserId};

/// All nodes of an application, from [`Hub::cluster`](crate::Hub::cluster).
///
/// Queries and commands go to every node, and return within the time that they are given, with what is
/// known by then: a [`ClusterAnswer`]. Half a second is plenty for nodes in one place. This node answers
/// at once, before any other is asked. Without a
/// [backplane](crate::WebConnectionSocketLayer::backplane) it is the only node.
///
/// Each node carries out a command at most once. Dropping its future does not cancel it. Nodes that cannot
/// be asked, because this one has no link or the query takes more than 1 MiB, count as silent at once.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use web_connection_socket::{CloseReason, Hub, Recipient};
///
/// const WITHIN: Duration = Duration::from_millis(500);
///
/// async fn block(hub: &Hub, user: &str) -> bool {
///     let reason = CloseReason::new(4003, "blocked");
///     let closed = hub.cluster().close_user(user, &reason, WITHIN).await;
///     println!("closed {} sockets of {user} on {} nodes", closed.value, closed.answered);
///     closed.is_complete()
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Cluster<'a> {
    id: NodeId,
    local: &'a dyn Local,
    node: Option<&'a Arc<Node>>,
}

impl<'a> Cluster<'a> {
    pub(in crate::hub) fn new(id: u64, local: &'a dyn Local, node: Option<&'a Arc<Node>>) -> Self {
        let id = NodeId(id);
        Self { id, local, node }
    }

    /// Returns the name of this node.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.id
    }

    /// Returns the nodes that are up as far as this one knows, itself included, in their order.
    ///
    /// Without a link they are those that were up when the last one ended.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeId> {
        let mut nodes = vec![self.id];
        if let Some(node) = self.node {
            nodes.extend(node.state.lock().others());
        }
        nodes.sort_unstable();
        nodes
    }

    /// Whether this node has a link to the broker now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.node
            .is_some_and(|node| node.state.lock().is_connected())
    }

    /// Waits until this node has a link, and its subscriptions are known to work. Returns at once if it
    /// has no backplane.
    ///
    /// It waits as long as the broker is not reachable: give it a deadline. An application need not
    /// wait, since sockets are served without a link, too.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn connected(&self) {
        if let Some(node) = self.node {
            node.start();
            let mut synced = node.synced.subscribe();
            // It fails only with the node, which is borrowed.
            _ = synced.wait_for(|synced| synced.is_whole).await;
        }
    }

    /// Counts the sockets of all nodes.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn sockets(&self, within: Duration) -> ClusterAnswer<usize> {
        self.count(Question::Sockets, within).await
    }

    /// Returns the users of all nodes, each with the number of its sockets, in the order of their names.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn users(&self, within: Duration) -> ClusterAnswer<Vec<(UserId, usize)>> {
        let answer = self.ask(&Question::Users, within).await;
        answer.map(|value| {
            let mut users = HashMap::new();
            if let Value::Users(parts) = value {
                for (user, count) in parts {
                    let sum: &mut usize = users.entry(user).or_default();
                    *sum = sum.saturating_add(count);
                }
            }
            let mut users: Vec<_> = users.into_iter().collect();
            users.sort_unstable();
            users
        })
    }

    /// Returns the sockets that a recipient selects, on all nodes, in the order of their ids.
    ///
    /// A recipient that excludes selects no socket.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::{Hub, Recipient};
    ///
    /// async fn is_online(hub: &Hub, user: &str) -> bool {
    ///     let within = Duration::from_millis(500);
    ///     let sockets = hub.cluster().members(&Recipient::user(user), within).await;
    ///     !sockets.value.is_empty()
    /// }
    /// ```
    pub async fn members(
        &self,
        recipient: &Recipient,
        within: Duration,
    ) -> ClusterAnswer<Vec<ConnectionId>> {
        let question = Question::Members(recipient.clone());
        let answer = self.ask(&question, within).await;
        answer.map(|value| match value {
            Value::Sockets(mut sockets) => {
                sockets.sort_unstable();
                sockets
            }
            Value::Count(_) | Value::Users(_) => Vec::new(),
        })
    }

    /// Closes one socket on the node that holds it; see [`Hub::close`](crate::Hub::close). The value is
    /// the number of sockets that were closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the order is under way.
    pub async fn close(
        &self,
        socket: ConnectionId,
        reason: &CloseReason,
        within: Duration,
    ) -> ClusterAnswer<usize> {
        self.order_close(Recipient::connection(socket), reason, within)
            .await
    }

    /// Closes all sockets of a user; see [`Hub::close_user`](crate::Hub::close_user). The value is the
    /// number of sockets that were closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the order is under way.
    pub async fn close_user(
        &self,
        user: &str,
        reason: &CloseReason,
        within: Duration,
    ) -> ClusterAnswer<usize> {
        self.order_close(Recipient::user(user), reason, within)
            .await
    }

    /// Closes all members of a group; see [`Hub::close_group`](crate::Hub::close_group). The value is the
    /// number of sockets that were closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the order is under way.
    pub async fn close_group(
        &self,
        group: &str,
        reason: &CloseReason,
        within: Duration,
    ) -> ClusterAnswer<usize> {
        self.order_close(Recipient::group(group), reason, within)
            .await
    }

    /// Makes the sockets that a recipient selects members of a group: one connection, all of a user or
    /// of another group. The value is the number of sockets that are members now; see
    /// [`Hub::join`](crate::Hub::join) for why others may not be.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the order is under way.
    pub async fn join(
        &self,
        sockets: &Recipient,
        group: impl Into<GroupId>,
        within: Duration,
    ) -> ClusterAnswer<usize> {
        let order = Order::Join(group.into());
        self.count(Question::Order(sockets.clone(), order), within)
            .await
    }

    /// Ends the membership in a group of the sockets that a recipient selects. The value is the number of
    /// sockets that were members.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the order is under way.
    pub async fn leave(
        &self,
        sockets: &Recipient,
        group: &str,
        within: Duration,
    ) -> ClusterAnswer<usize> {
        let order = Order::Leave(group.into());
        self.count(Question::Order(sockets.clone(), order), within)
            .await
    }

    async fn order_close(
        &self,
        sockets: Recipient,
        reason: &CloseReason,
        within: Duration,
    ) -> ClusterAnswer<usize> {
        let order = Order::Close(reason.clone());
        self.count(Question::Order(sockets, order), within).await
    }

    async fn count(&self, question: Question, within: Duration) -> ClusterAnswer<usize> {
        let answer = self.ask(&question, within).await;
        answer.map(|value| match value {
            Value::Count(count) => count,
            Value::Sockets(_) | Value::Users(_) => 0,
        })
    }

    async fn ask(&self, question: &Question, within: Duration) -> ClusterAnswer<Value> {
        let deadline = Instant::now() + within;
        let mut answer = ClusterAnswer {
            value: self.local.answer(question),
            answered: 1,
            silent: Vec::new(),
            is_connected: true,
        };
        let Some(node) = self.node else {
            return answer;
        };
        let (topic, nodes) = node.holders(question.recipient());
        answer.is_connected = node.state.lock().is_acquainted(Instant::now());
        if nodes.is_empty() {
            return answer;
        }
        let send = |id| node.outgoing.other(Draft::question(topic, id, question));
        let inquiry = node.inquiries.open(question, nodes.iter().copied(), send);
        let Some(inquiry) = inquiry else {
            answer.silent = nodes;
            return answer;
        };
        // What is there by then is the answer.
        _ = timeout_at(deadline, inquiry.complete()).await;
        let (value, answered, silent) = inquiry.take();
        answer.value.merge(value);
        answer.answered += answered;
        answer.silent = silent;
        answer
    }
}

impl fmt::Debug for Cluster<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("node", &self.id)
            .field("nodes", &self.nodes())
            .field("is_connected", &self.is_connected())
            .finish()
    }
}
