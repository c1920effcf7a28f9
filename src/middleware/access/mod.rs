//! Who may open a socket, and who may call the reserved URLs.

mod caller;
mod host;
mod origin;
mod seen;

pub(crate) use self::caller::{looks_proxied, may_call};
pub(crate) use self::host::check_host;
pub(crate) use self::origin::{Trust, check_origin, trust};
