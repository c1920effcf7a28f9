//! The presence value that an application sets for a member: a little JSON, and when it was set.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::value::RawValue;

/// The presence value that an application sets for a member.
#[derive(Debug)]
pub(in crate::hub) struct Info {
    /// When it was set, in milliseconds of the Unix epoch: of two nodes' values the later one wins.
    pub(super) stamp: u64,
    pub(super) json: Box<RawValue>,
}

impl Info {
    /// Writes a value as JSON.
    ///
    /// # Errors
    ///
    /// If it does not serialize, or takes too many bytes.
    pub(in crate::hub) fn of(value: &impl Serialize) -> Result<Arc<Self>, Unsuitable> {
        let json = serde_json::value::to_raw_value(value).map_err(|_| Unsuitable)?;
        if json.get().len() > MAX_INFO {
            return Err(Unsuitable);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let stamp = since.map_or(0, |since| since.as_millis() as u64);
        Ok(Arc::new(Self { stamp, json }))
    }

    /// Whether it removes the value that was set before, on other nodes as well: so it has a stamp of its
    /// own.
    pub(super) fn is_nothing(&self) -> bool {
        self.json.get() == "null"
    }
}

/// The value is not JSON or is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) struct Unsuitable;

/// In bytes.
pub(super) const MAX_INFO: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kibibyte_fits_and_null_is_nothing() {
        let text = |bytes: usize| Info::of(&"x".repeat(bytes - 2));
        let info = text(1_024).expect("it fits");
        assert_eq!(info.json.get().len(), 1_024);
        assert!(info.stamp > 0 && !info.is_nothing());
        assert_eq!(text(1_025).err(), Some(Unsuitable));
        assert!(Info::of(&()).expect("it fits").is_nothing());
    }
}
