//! The type [`ClusterKey`]: the secret by which nodes know each other.

use std::fmt;

/// The secret with which nodes sign what they say to each other.
#[derive(Clone)]
pub(crate) struct ClusterKey(Box<[u8]>);

impl ClusterKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(key.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey(..)")
    }
}
