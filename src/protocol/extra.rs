//! What a message carries besides its five keys.

use serde_json::value::RawValue;

/// A top-level key that is the sender's own.
#[derive(Clone, Debug)]
pub(super) struct Extra {
    pub(super) key: String,
    pub(super) value: Box<RawValue>,
}

impl Extra {
    /// Whether it goes by this name, in any ASCII case.
    pub(super) fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }
}

impl PartialEq for Extra {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value.get() == other.value.get()
    }
}
