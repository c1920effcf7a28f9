//! A key of a message besides its five own ones.

use serde_json::value::RawValue;

/// An additional top-level key, with its value as it was written.
#[derive(Clone, Debug)]
pub(super) struct Extra {
    pub(super) key: String,
    pub(super) value: Box<RawValue>,
}

impl Extra {
    /// Tells whether the key has this name, in any ASCII case.
    pub(super) fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value.get() == other.value.get()
    }
}
