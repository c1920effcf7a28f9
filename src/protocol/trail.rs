//! What a reader knows when it fails.

use std::cell::Cell;

use serde::de::{Deserialize, Error, MapAccess};

use crate::protocol::{MessageError, MessageErrorKind};

/// Where the reader is and why it refused, since a serde error carries text only.
pub(super) struct Trail {
    pub(super) max_recipients: usize,
    key: Cell<&'static str>,
    refusal: Cell<Option<MessageErrorKind>>,
}

impl Trail {
    pub(super) fn new(max_recipients: usize) -> Self {
        Self {
            max_recipients,
            key: Cell::new(""),
            refusal: Cell::new(None),
        }
    }

    /// Remembers the key whose value is read next.
    pub(super) fn enter(&self, key: &'static str) {
        self.key.set(key);
    }

    /// Remembers why the message is refused and makes the error that ends the reading.
    pub(super) fn refuse<E: Error>(&self, kind: MessageErrorKind) -> E {
        self.refusal.set(Some(kind));
        E::custom(MessageError::from(kind))
    }

    /// Reads the value of a key that may occur once, `null` being its default.
    pub(super) fn fill<'de, T, A>(
        &self,
        slot: &mut Option<T>,
        key: &'static str,
        map: &mut A,
    ) -> Result<(), A::Error>
    where
        T: Deserialize<'de> + Default,
        A: MapAccess<'de>,
    {
        if slot.is_some() {
            return Err(self.refuse(MessageErrorKind::DuplicateKey));
        }
        self.enter(key);
        *slot = Some(map.next_value::<Option<T>>()?.unwrap_or_default());
        Ok(())
    }

    /// Says what an error of the JSON reader meant.
    pub(super) fn explain(&self, error: serde_json::Error) -> MessageError {
        match (self.refusal.get(), self.key.get()) {
            (Some(kind), _) => kind.into(),
            // The text of a type error repeats the value, so it is not kept.
            (None, "") if error.is_data() => MessageErrorKind::NotAnObject.into(),
            (None, key) if error.is_data() => MessageError::wrong_type(key),
            (None, _) => MessageError::broken_json(error),
        }
    }
}
