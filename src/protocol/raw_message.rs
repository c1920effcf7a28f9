//! A message of an application's own protocol.

use std::fmt;

use bytes::Bytes;

/// A text or binary message as it travels, for an application's own protocol: see
/// [`WebConnectionSocketLayer::on_raw`](crate::WebConnectionSocketLayer::on_raw).
///
/// Cheap to clone: clones share the bytes.
///
/// # Examples
///
/// ```
/// use web_connection_socket::RawMessage;
///
/// let text = RawMessage::text("grüße");
/// assert_eq!(text.as_text(), Some("grüße"));
/// assert_eq!(text.as_bytes().len(), 7);
///
/// let binary = RawMessage::binary(vec![0xff, 0x00]);
/// assert_eq!(binary.as_text(), None);
/// assert_eq!(binary.into_bytes(), vec![0xff, 0x00]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RawMessage {
    is_text: bool,
    payload: Bytes,
}

impl RawMessage {
    /// Creates a text message. A `String` is not copied.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::checked_text(text.into().into())
    }

    /// Creates a binary message. `Bytes` and a `Vec<u8>` are not copied.
    #[must_use]
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self {
            is_text: false,
            payload: bytes.into(),
        }
    }

    /// Creates a text message from bytes that were checked to be UTF-8.
    pub(crate) fn checked_text(payload: Bytes) -> Self {
        Self {
            is_text: true,
            payload,
        }
    }

    /// Tells whether this is a text message; otherwise it is a binary one.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.is_text
    }

    /// Returns the text, or `None` for a binary message. Each call validates the whole text once.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if !self.is_text {
            return None;
        }
        std::str::from_utf8(&self.payload).ok()
    }

    /// Returns the bytes of the message, of a text as UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.payload
    }

    /// Returns the bytes of the message without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.payload
    }
}

/// Shows kind and length: messages may be long, and their content does not belong in a log.
impl fmt::Debug for RawMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMessage")
            .field("is_text", &self.is_text)
            .field("length", &self.payload.len())
            .finish()
    }
}
