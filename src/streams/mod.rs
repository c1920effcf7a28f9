//! What sockets run over, where HTTP servers and sockets have to know the same of it.

mod executor;
mod paced;

pub(crate) use self::executor::{Carrier, Sending};
pub use self::{executor::StreamExecutor, paced::PacedStream};
