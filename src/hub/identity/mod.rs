//! Who a socket belongs to, what that allows it, and for how long.

mod deadline;
mod identity;
mod principal;
mod user;

pub(crate) use self::principal::Principal;
pub use self::{identity::Identity, user::User};
