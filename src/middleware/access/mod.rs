//! Which requests may open a socket, and which callers may use the reserved URLs.

mod caller;
mod loopback;
mod network;
mod page;
mod verdict;

pub(crate) use self::{
    caller::{has_token, looks_proxied, may_call},
    page::{Trust, check_host, check_origin, trust},
};
