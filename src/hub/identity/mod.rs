//! The user of a socket, its groups and grants, and how long they last.

mod deadline;
mod identity;
mod principal;
mod user;

pub(crate) use self::principal::Principal;
pub use self::{identity::Identity, user::User};
