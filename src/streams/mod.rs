//! The streams that carry sockets, as HTTP servers and sessions both have to know them.

mod executor;
mod paced;

pub(crate) use self::executor::{Carrier, Sending};
pub use self::{executor::StreamExecutor, paced::PacedStream};
