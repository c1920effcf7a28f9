//! What a handler holds: the message of a socket, what is known of its sender, and the means to answer.

mod effects;
mod event;
mod handle;
mod mark;

pub(super) use self::mark::DispatchMark;
pub use self::{event::SocketEvent, handle::Socket};
