//! What a question to all nodes has come to.

use super::node_id::NodeId;

/// The answer of all nodes that answered in time, this one included.
///
/// A slow or unreachable node never makes a question fail: what is known is in `value`, and who is
/// missing from it in `silent`.
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
    /// The nodes that did not answer in time, and may have carried out an order nevertheless.
    pub silent: Vec<NodeId>,
    pub(super) is_connected: bool,
}

impl<T> ClusterAnswer<T> {
    /// Whether all nodes that are up have answered. `false` as well if this node had no link to the
    /// others, or has it only since less than 2 s: there may be some that it does not know.
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
