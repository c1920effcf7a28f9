//! The key of a stream in a store.

use std::fmt;

/// The key of a stream in a store: a hash, so that the store holds no names of groups or users.
///
/// Its text is 32 lower-case hexadecimal digits.
///
/// # Examples
///
/// ```
/// use web_connection_socket::history::StreamKey;
///
/// let key = StreamKey::new(0xab);
/// assert_eq!(key.to_string(), "000000000000000000000000000000ab");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(u128);

impl StreamKey {
    /// Returns the key of a hash. The hub makes those of its streams itself.
    #[must_use]
    pub const fn new(hash: u128) -> Self {
        Self(hash)
    }

    /// Returns the hash.
    #[must_use]
    pub const fn to_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamKey({self})")
    }
}
