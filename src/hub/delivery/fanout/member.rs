//! The view that delivery has of a socket.

use std::{fmt, sync::Arc};

use super::crew::Crew;
use crate::{hub::delivery::queue::Outbox, protocol::ConnectionId};

/// A socket as delivery sees it: defined here, implemented by the hub's entry of it.
pub(in crate::hub) trait Member: fmt::Debug + Send + Sync + Sized + 'static {
    fn id(&self) -> ConnectionId;

    fn outbox(&self) -> &Outbox;

    /// The flushers of the socket's runtime.
    fn crew(&self) -> &Arc<Crew>;

    /// The number of the row in which the socket has its place.
    fn row(&self) -> usize;
}
