//! The parts that networked brokers share: addresses, the inbox of arrived messages, the end of a link, and
//! setup errors.

mod address;
pub(crate) mod end;
mod inbox;
mod setup_error;

pub(crate) use self::address::{Address, UrlFlaw};
pub use self::setup_error::{SetupError, SetupErrorKind};
pub(super) use self::{
    address::{Addresses, Schemes},
    inbox::Inbox,
};
