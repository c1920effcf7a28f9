//! Which requests may open a socket, and which callers may use the reserved URLs.

mod caller;
mod loopback;
mod upgrade;

pub(crate) use self::{
    caller::{looks_proxied, may_call},
    upgrade::{Trust, check_host, check_origin, trust},
};
