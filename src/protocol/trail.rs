//! What a reader knows when it fails.

use std::cell::Cell;

use serde::de::{Deserialize, Error, MapAccess};

use crate::protocol::json_limits::has_lone_surrogate;
use crate::protocol::{MessageError, MessageErrorKind};

/// Where the reader is and why it refused, since a serde error carries text only.
pub(super) struct Trail {
    pub(super) max_recipients: usize,
    /// Whether values may be borrowed from the input: from text in memory, not from a reader.
    pub(super) borrows: bool,
    key: Cell<&'static str>,
    refusal: Cell<Option<MessageErrorKind>>,
}

impl Trail {
    pub(super) fn new(max_recipients: usize) -> Self {
        Self {
            max_recipients,
            borrows: false,
            key: Cell::new(""),
            refusal: Cell::new(None),
        }
    }

    /// The same for text in memory.
    pub(super) fn borrowing(max_recipients: usize) -> Self {
        Self {
            borrows: true,
            ..Self::new(max_recipients)
        }
    }

    /// Remembers the key whose value is read next.
    pub(super) fn enter(&self, key: &'static str) {
        self.key.set(key);
    }

    /// The same for a key that may occur once.
    pub(super) fn enter_once<T, E: Error>(
        &self,
        slot: &Option<T>,
        key: &'static str,
    ) -> Result<(), E> {
        if slot.is_some() {
            return Err(self.refuse(MessageErrorKind::DuplicateKey));
        }
        self.enter(key);
        Ok(())
    }

    /// Remembers why the message is refused and makes the error that ends the reading.
    pub(super) fn refuse<E: Error>(&self, kind: MessageErrorKind) -> E {
        self.refusal.set(Some(kind));
        E::custom(self.refusal_of(kind))
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
        self.enter_once(slot, key)?;
        *slot = Some(map.next_value::<Option<T>>()?.unwrap_or_default());
        Ok(())
    }

    /// Says what an error of the JSON reader meant.
    pub(super) fn explain(&self, error: serde_json::Error, json: &str) -> MessageError {
        match (self.refusal.get(), self.key.get()) {
            (Some(kind), _) => self.refusal_of(kind),
            // The text of a type error repeats the value, so it is not kept.
            (None, "") if error.is_data() => MessageErrorKind::NotAnObject.into(),
            (None, key) if error.is_data() => MessageError::wrong_type(key),
            // The reader calls it the end of an escape that was expected to go on.
            (None, _) if error.is_syntax() && has_lone_surrogate(before(&error, json)) => {
                MessageErrorKind::LoneSurrogate.into()
            }
            (None, _) => MessageError::broken_json(error),
        }
    }

    fn refusal_of(&self, kind: MessageErrorKind) -> MessageError {
        match kind {
            MessageErrorKind::WrongType => MessageError::wrong_type(self.key.get()),
            MessageErrorKind::ReservedAction => MessageError::reserved_action(self.key.get()),
            kind => kind.into(),
        }
    }
}

/// What was read when the error came: well-formed so far, but for its end.
fn before<'a>(error: &serde_json::Error, json: &'a str) -> &'a [u8] {
    let lines = json.split_inclusive('\n').take(error.line() - 1);
    let end = lines.map(str::len).sum::<usize>() + error.column();
    &json.as_bytes()[..end.min(json.len())]
}
