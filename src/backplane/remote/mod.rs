//! What the brokers behind a network share: where they are, what has arrived from them, and how setting
//! one up fails.

mod address;
mod inbox;
mod setup_error;

pub(crate) use self::address::{Address, Addresses, Schemes, UrlFlaw};
pub(super) use self::inbox::Inbox;
pub use self::setup_error::{SetupError, SetupErrorKind};
