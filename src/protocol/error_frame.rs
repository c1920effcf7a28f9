//! The error frame: what a socket gets when one of its messages was not handled.

use http::StatusCode;
use serde::Serialize;

use crate::protocol::MessageError;
use crate::protocol::keys::ERROR_ACTION;
use crate::protocol::write::write_json;

/// Why a message from a socket was not handled; `error.code` of an error frame.
///
/// # Examples
///
/// ```
/// use web_connection_socket::ErrorCode;
///
/// assert_eq!(ErrorCode::BadMessage.as_str(), "bad_message");
/// assert_eq!(ErrorCode::BadMessage.status().as_u16(), 400);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The frame is not a valid message.
    BadMessage,
    /// The sender may not address the recipients that it named.
    Refused,
    /// The application has no handler for messages.
    NoHandler,
    /// The handler did not answer in time.
    Timeout,
    /// The handler failed or answered with an error.
    Failed,
    /// Too many messages were waiting for a handler.
    Overloaded,
    /// The application's own server did not listen, or asked for a later try. It has not seen the
    /// message.
    Unavailable,
    /// The application's own server may have handled the message, but its answer was lost.
    UnknownOutcome,
}

impl ErrorCode {
    /// Returns the code as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadMessage => "bad_message",
            Self::Refused => "refused",
            Self::NoHandler => "no_handler",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::UnknownOutcome => "unknown_outcome",
        }
    }

    /// Returns the HTTP status for the code, used where the application gave none.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::BadMessage => StatusCode::BAD_REQUEST,
            Self::Refused => StatusCode::FORBIDDEN,
            Self::NoHandler => StatusCode::NOT_FOUND,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UnknownOutcome => StatusCode::CONFLICT,
            Self::Overloaded | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// Returns after how many seconds a later try makes sense, if it does.
    const fn retry_after(self) -> Option<u64> {
        match self {
            Self::Overloaded => Some(1),
            Self::Unavailable => Some(3),
            Self::BadMessage
            | Self::Refused
            | Self::NoHandler
            | Self::Failed
            | Self::Timeout
            | Self::UnknownOutcome => None,
        }
    }
}

/// The message that carries an [`ErrorCode`] to the sender of a message that was not handled.
#[derive(Clone, Debug)]
pub(crate) struct ErrorFrame {
    pub(crate) code: ErrorCode,
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    /// In seconds.
    pub(crate) retry_after: Option<u64>,
}

impl ErrorFrame {
    /// Creates a frame with `text`, one sentence, and the status of the code.
    pub(crate) fn new(code: ErrorCode, text: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            text: text.into(),
            retry_after: code.retry_after(),
        }
    }

    /// Replaces the status by the one that the application gave.
    #[must_use]
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Writes the frame's JSON: the five keys of every message, then `error`.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(160 + self.text.len());
        let frame = ErrorMessage {
            action: ERROR_ACTION,
            message: &self.text,
            group_id: "",
            user_id: "",
            recipients: [],
            error: ErrorObject {
                code: self.code.as_str(),
                status: self.status.as_u16(),
                retry_after: self.retry_after,
            },
        };
        write_json(&frame, &mut json);
        json
    }
}

/// An error frame in JSON: a message with one key that only the server writes.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorMessage<'a> {
    action: &'static str,
    message: &'a str,
    group_id: &'static str,
    user_id: &'static str,
    recipients: [(); 0],
    error: ErrorObject,
}

#[derive(Serialize)]
struct ErrorObject {
    code: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl From<&MessageError> for ErrorFrame {
    fn from(error: &MessageError) -> Self {
        Self::new(ErrorCode::BadMessage, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::{MessageErrorKind, SocketMessage};

    #[test]
    fn s07_an_error_frame_is_a_message_with_all_five_keys() {
        let frame = ErrorFrame::new(ErrorCode::Timeout, "no \"answer\"").encode();
        assert_eq!(
            String::from_utf8(frame).unwrap(),
            concat!(
                r#"{"action":"__error","message":"no \"answer\"","groupId":"","userId":"","#,
                r#""recipients":[],"error":{"code":"timeout","status":504}}"#
            )
        );
    }

    #[test]
    fn the_status_of_the_application_replaces_the_codes() {
        let frame = ErrorFrame::new(ErrorCode::Failed, "")
            .with_status(StatusCode::UNPROCESSABLE_ENTITY)
            .encode();
        let frame: Value = serde_json::from_slice(&frame).unwrap();
        assert_eq!(frame["error"], json!({"code": "failed", "status": 422}));
    }

    #[test]
    fn a_client_cannot_make_one() {
        let frame = ErrorFrame::new(ErrorCode::Refused, "no").encode();
        let error = SocketMessage::from_slice(&frame).unwrap_err();
        assert_eq!(error.kind(), MessageErrorKind::ReservedKey);
        let answer: Value = serde_json::from_slice(&ErrorFrame::from(&error).encode()).unwrap();
        assert_eq!(
            answer["error"],
            json!({"code": "bad_message", "status": 400})
        );
        assert_eq!(answer["message"], error.to_string());
    }
}
