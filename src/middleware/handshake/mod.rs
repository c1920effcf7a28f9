//! An opening handshake: its checks and answer, and the copy of it that stays.

mod block;
mod check;
mod kept;
mod stripped;

pub use self::kept::Handshake;

pub(crate) use self::check::{check, check_query, check_size};
