//! Other spellings of the reserved URLs, which a server behind a proxy could take for them.

mod decode;
mod guard;
mod names;

pub(super) use self::guard::guard;
