//! Options that bound how fast one socket may send.

/// How many frames, or bytes, one socket may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
}
