//! The presence value that an application sets for a member: a little JSON, and when it was set.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::hub::socket_error::{SocketError, SocketErrorKind};

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
    pub(in crate::hub) fn of(value: &impl Serialize) -> Result<Arc<Self>, SocketError> {
        let json =
            serde_json::value::to_raw_value(value).map_err(SocketError::presence_not_json)?;
        if json.get().len() > MAX_INFO {
            return Err(SocketError::new(SocketErrorKind::PresenceTooLarge));
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

/// In bytes.
pub(super) const MAX_INFO: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::error::Error;

    use serde::{Serializer, ser::Error as _};

    use super::*;

    #[test]
    fn a_kibibyte_fits_and_null_is_nothing() {
        let text = |bytes: usize| Info::of(&"x".repeat(bytes - 2));
        let info = text(1_024).expect("it fits");
        assert_eq!(info.json.get().len(), 1_024);
        assert!(info.stamp > 0 && !info.is_nothing());
        let error = text(1_025).expect_err("a byte too many");
        assert_eq!(error.kind(), SocketErrorKind::PresenceTooLarge);
        assert!(error.source().is_none());
        assert!(Info::of(&()).expect("it fits").is_nothing());
    }

    #[test]
    fn a_value_that_is_not_json_says_why() {
        struct Unwritable;
        impl Serialize for Unwritable {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(S::Error::custom("no picture"))
            }
        }
        let error = Info::of(&Unwritable).expect_err("it does not serialize");
        assert_eq!(error.kind(), SocketErrorKind::PresenceNotJson);
        let source = error.source().expect("a source");
        assert_eq!(source.to_string(), "no picture");
    }
}
