//! The parts that networked brokers share: addresses, the inbox of arrived messages, and setup errors.

mod address;
mod inbox;
mod setup_error;

pub(crate) use self::address::{Address, Addresses, Schemes, UrlFlaw};
pub(super) use self::inbox::Inbox;
pub use self::setup_error::{SetupError, SetupErrorKind};
