//! Limits on the number of sockets: of all, of one user, of one client.

mod client;
mod count;
mod limits;

pub(super) use self::limits::ConnectionLimits;
pub(crate) use self::{
    client::Client,
    limits::{ConnectionPermit, Limit, LimitReached},
};
