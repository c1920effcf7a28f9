//! Options that bound how fast something may come.

/// So many per second in the long run, and so many at once after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) per_second: u32,
    pub(crate) burst: u32,
}
