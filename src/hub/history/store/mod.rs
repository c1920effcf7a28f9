//! The store of a hub, what waits for it, and the sockets that its answers reach.

mod calls;
mod shared;
mod sockets;
mod timers;

pub(in crate::hub) use self::sockets::Sockets;
pub(super) use self::{
    calls::{Append, Purpose, Read},
    shared::{MAX_CALL, Shared, Totals},
};
