//! The answer to a query or command to all nodes.

use super::node_id::NodeId;

/// The answer of all nodes that answered in time, this one included.
///
/// A slow or unreachable node never makes a query fail: `value` holds what is known, and `silent` names
/// the nodes that are missing from it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use web_connection_socket::Hub;
///
/// async fn show(hub: &Hub) {
///     let online = hub.cluster().sockets(Duration::from_millis(500)).await;
///     let sign = if online.is_complete() { "" } else { "at least " };
///     println!("{sign}{} visitors", online.value);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterAnswer<T> {
    /// The sum of all answers.
    pub value: T,
    /// How many nodes answered, this one included.
    pub answered: usize,
    /// Nodes that did not answer in time; they may still carry out a command.
    pub silent: Vec<NodeId>,
    pub(super) is_connected: bool,
}

impl<T> ClusterAnswer<T> {
    /// Whether every known node answered. Also `false` without a link, or in its first 2 s, when nodes may
    /// still be unknown.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_connected && self.silent.is_empty()
    }

    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> ClusterAnswer<U> {
        ClusterAnswer {
            value: map(self.value),
            answered: self.answered,
            silent: self.silent,
            is_connected: self.is_connected,
        }
    }
}
