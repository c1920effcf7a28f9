//! The error of a message that could not be read or made.

use std::error::Error;
use std::fmt;

use crate::protocol::keys::PING_ACTION;

/// A message could not be read or made, or the presence value of a member could not be read.
///
/// Its text says what to change and never repeats the content of the message: it may be logged, and
/// the sender sees it in an error frame.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{MessageErrorKind, SocketMessage};
///
/// let error = SocketMessage::from_slice(br#"{"message": 7}"#).unwrap_err();
/// assert_eq!(error.kind(), MessageErrorKind::WrongType);
/// assert!(error.to_string().starts_with("`message` must be a string"));
/// ```
#[derive(Debug)]
pub struct MessageError {
    kind: MessageErrorKind,
    /// The key or the reserved action at fault.
    key: &'static str,
    cause: Option<serde_json::Error>,
    is_made: bool,
}

impl MessageError {
    pub(super) fn broken_json(cause: serde_json::Error) -> Self {
        Self {
            cause: Some(cause),
            ..Self::from(MessageErrorKind::BrokenJson)
        }
    }

    pub(super) fn wrong_type(key: &'static str) -> Self {
        Self {
            key,
            ..Self::from(MessageErrorKind::WrongType)
        }
    }

    pub(super) fn reserved_action(action: &'static str) -> Self {
        Self {
            key: action,
            ..Self::from(MessageErrorKind::ReservedAction)
        }
    }

    /// Returns the error of a value that the application has set itself and reads as another type.
    pub(crate) fn presence(cause: serde_json::Error) -> Self {
        Self::conversion(cause).in_making()
    }

    pub(super) fn conversion(cause: serde_json::Error) -> Self {
        Self {
            cause: Some(cause),
            ..Self::from(MessageErrorKind::Conversion)
        }
    }

    /// Tells whether the message is a valid `__ping`, by which a client asks whether its connection lives.
    pub(crate) fn is_ping(&self) -> bool {
        self.kind == MessageErrorKind::ReservedAction && self.key == PING_ACTION
    }

    /// Marks the error as one of the application's own values, not of a message that came in.
    pub(super) fn in_making(self) -> Self {
        Self {
            is_made: true,
            ..self
        }
    }

    /// Tells whether the value is the application's own, so that the fault is not a sender's.
    pub(crate) fn is_made(&self) -> bool {
        self.is_made
    }

    /// Returns what went wrong.
    #[must_use]
    pub fn kind(&self) -> MessageErrorKind {
        self.kind
    }
}

impl From<MessageErrorKind> for MessageError {
    fn from(kind: MessageErrorKind) -> Self {
        Self {
            kind,
            key: "",
            cause: None,
            is_made: false,
        }
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.kind, self.key, &self.cause) {
            (MessageErrorKind::BrokenJson, _, Some(cause)) => {
                return write!(f, "the message is not valid JSON: {cause}");
            }
            (MessageErrorKind::WrongType, "message", _) => {
                "`message` must be a string; send other values as JSON in a string"
            }
            (MessageErrorKind::WrongType, "recipients", _) => {
                "`recipients` must be a list of objects like {\"type\": \"group\", \"value\": \"name\"}"
            }
            (MessageErrorKind::WrongType, key @ ("userId" | "groupId" | "value"), _) => {
                return write!(f, "`{key}` must be a string or a number");
            }
            (MessageErrorKind::WrongType, key, _) if !key.is_empty() => {
                return write!(f, "`{key}` must be a string");
            }
            (kind, ..) => kind.text(),
        };
        f.write_str(text)
    }
}

impl Error for MessageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.kind {
            // The text of a syntax error is part of ours.
            MessageErrorKind::BrokenJson => None,
            _ => self.cause.as_ref().map(|cause| cause as _),
        }
    }
}

/// What went wrong with a message.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{MessageErrorKind, SocketMessage};
///
/// let error = SocketMessage::from_slice(b"{").unwrap_err();
/// assert_eq!(error.kind(), MessageErrorKind::BrokenJson);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageErrorKind {
    /// The text is not JSON, or more than one value.
    BrokenJson,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The JSON is something other than an object.
    NotAnObject,
    /// A known key has a value of another type.
    WrongType,
    /// One key occurs twice, in any spelling.
    DuplicateKey,
    /// A key that the library itself writes was used from outside.
    ReservedKey,
    /// The action has a meaning between the server and the client: `__error`, `__ping`,
    /// `__pong`, `__resumed` or `__presence`.
    ReservedAction,
    /// A recipient's type is missing, empty or unknown.
    UnknownRecipientType,
    /// A recipient has a key other than `type` and `value`.
    UnknownRecipientKey,
    /// A recipient of type `user` or `connection` has an empty `value`.
    EmptyRecipient,
    /// The list of recipients is longer than the limit.
    TooManyRecipients,
    /// An additional value is nested deeper than 64 levels.
    TooDeep,
    /// A text contains half of a surrogate pair.
    LoneSurrogate,
    /// A name or an additional value is, or contains, a number beyond the range of a double.
    NumberOutOfRange,
    /// A Rust value could not be turned into JSON, or JSON not into the Rust value asked for.
    Conversion,
}

impl MessageErrorKind {
    const fn text(self) -> &'static str {
        match self {
            Self::BrokenJson => "the message is not valid JSON",
            Self::NotUtf8 => "the message is not UTF-8; in FoxPro use STRCONV(…, 9)",
            Self::NotAnObject => "the message must be a JSON object",
            Self::WrongType => "a key of the message has a value of the wrong type",
            Self::DuplicateKey => {
                "a key occurs twice; upper and lower case are the same, so send each key once"
            }
            Self::ReservedKey => {
                "this key is reserved (`error`, `__position` and the five keys of a message); \
                 use another name"
            }
            Self::ReservedAction => {
                "this action is reserved (`__error`, `__ping`, `__pong`, `__resumed`, `__presence`); \
                 use another name"
            }
            Self::UnknownRecipientType => {
                "a recipient's `type` must be one of all, group, user, connection, allButGroup, \
                 allButUser, allButConnection"
            }
            Self::UnknownRecipientKey => "a recipient has only the keys `type` and `value`",
            Self::EmptyRecipient => {
                "a recipient of type user or connection must name one in `value`"
            }
            Self::TooManyRecipients => {
                "too many recipients; address a group instead, or raise the server's limit"
            }
            Self::TooDeep => "an additional value is nested deeper than 64 levels",
            Self::LoneSurrogate => {
                "a text holds half of a character, a lone surrogate, as of an emoji that was cut in \
                 two; send whole characters"
            }
            Self::NumberOutOfRange => {
                "a number is beyond the range of a double; send it as a string"
            }
            Self::Conversion => "the value does not convert to or from JSON",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::protocol::SocketMessage;

    #[test]
    fn only_a_valid_ping_is_a_ping() {
        for (json, is_ping) in [
            (r#"{"action":"__ping"}"#, true),
            (r#"{"ACTION":"\u005f_ping","message":"x","more":[1]}"#, true),
            (r#"{"action":"__PING"}"#, false),
            (r#"{"action":"__ping","error":1}"#, false),
            (r#"{"action":"__ping"}x"#, false),
            (r#"{"action":"__pong"}"#, false),
            (r#"{"action":"a","message":"__ping"}"#, false),
        ] {
            let read = SocketMessage::from_slice(json.as_bytes());
            assert_eq!(read.is_err_and(|error| error.is_ping()), is_ping, "{json}");
        }
    }
}
