//! This node's sockets and the way to other nodes, as shared streams need them; the hub implements it.

use bytes::Bytes;

use crate::{
    frame::Frame,
    hub::cluster::Placed,
    protocol::{BroadcastReport, Forwarding, Recipient, StreamName, StreamRef},
};

/// This node's sockets, and the way to other nodes.
pub(in crate::hub) trait Sockets: Send + Sync {
    /// Queues a message for the sockets that its recipients select. They are none once the hub is closing.
    fn deliver(&self, recipients: &[Recipient], frame: &Frame) -> BroadcastReport;

    /// Makes room for a message of a stream, which may take some milliseconds. To be called without a lock.
    fn make_room(&self, stream: StreamRef<'_>, cost: usize);

    /// Whether a stream has a socket.
    fn has_members(&self, stream: StreamRef<'_>) -> bool;

    /// Whether a stream has a socket whose messages do not wait behind a gate. Visits the sockets one by one.
    fn has_live_members(&self, stream: StreamRef<'_>) -> bool;

    /// Hands an entry to the other nodes, if there may be some.
    fn forward(
        &self,
        recipients: &[Recipient],
        placed: Placed,
        entry: &Bytes,
    ) -> Option<Forwarding>;

    /// Sends a frame to the sockets of a stream that asked to go on in it.
    fn tell_followers(&self, stream: &StreamName, frame: &Frame);
}
