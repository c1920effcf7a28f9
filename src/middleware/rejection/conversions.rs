//! Errors of other modules as rejections.

use super::{Cause, Rejection};
use crate::{
    hub::{LimitReached, SocketError},
    protocol::{ErrorFrame, MessageError, MessageErrorKind},
};

/// Answers 409 if the sender has no open socket, or is in too many groups or watches too many, 400 if a
/// name is too long, 503 if its queue is full, 422 if a presence value is too large, 500 if one is not
/// JSON, a posted message got too many replies or the members of a group are not known.
impl From<SocketError> for Rejection {
    fn from(error: SocketError) -> Self {
        Cause::Socket(error).into()
    }
}

/// Answers 400 if the message is not valid, 422 if only its content is not what the handler reads,
/// 500 if the handler could not make a message or read a presence value.
impl From<MessageError> for Rejection {
    fn from(error: MessageError) -> Self {
        let why = error.to_string().into();
        if error.is_made() {
            Cause::MessageNotMade(why).into()
        } else if error.kind() == MessageErrorKind::Conversion {
            Cause::UnsuitableMessage(why).into()
        } else {
            Cause::BadMessage(why).into()
        }
    }
}

/// Answers an upgrade with what an error frame would tell an open socket.
impl From<ErrorFrame> for Rejection {
    fn from(frame: ErrorFrame) -> Self {
        let rejection = Self::new(frame.status).detail(frame.text);
        match frame.retry_after {
            Some(seconds) => rejection.retry_after(seconds),
            None => rejection,
        }
    }
}

impl From<LimitReached> for Rejection {
    fn from(reached: LimitReached) -> Self {
        Cause::LimitReached(reached).into()
    }
}

#[cfg(test)]
mod tests {
    use serde::Serializer;

    use super::*;
    use crate::{hub::SocketErrorKind, protocol::SocketMessage};

    fn told(rejection: &Rejection) -> (u16, &'static str) {
        (rejection.status().as_u16(), rejection.kind().as_str())
    }

    #[test]
    fn what_could_not_be_done_for_a_socket_has_a_status() {
        for (kind, expected) in [
            (SocketErrorKind::NotConnected, (409, "not_connected")),
            (SocketErrorKind::TooManyGroups, (409, "too_many_groups")),
            (SocketErrorKind::NameTooLong, (400, "name_too_long")),
            (SocketErrorKind::QueueFull, (503, "queue_full")),
            (SocketErrorKind::TooManyReplies, (500, "handler_failed")),
            (SocketErrorKind::NoPresence, (500, "handler_failed")),
            (SocketErrorKind::PresenceNotJson, (500, "handler_failed")),
            (
                SocketErrorKind::PresenceTooLarge,
                (422, "unsuitable_message"),
            ),
            (SocketErrorKind::TooManyWatches, (409, "too_many_groups")),
        ] {
            let error = SocketError::new(kind);
            let text = error.to_string();
            let rejection = Rejection::from(error);
            assert_eq!(told(&rejection), expected);
            assert!(rejection.to_string().contains(&text), "{rejection}");
        }
    }

    #[test]
    fn a_message_that_cannot_be_read_is_its_senders_fault_and_one_that_cannot_be_made_is_not() {
        struct Unwritable;
        impl serde::Serialize for Unwritable {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("a secret"))
            }
        }
        let message = || SocketMessage::new("a");
        let content = || message().text("[\"a secret\"]").parse_json::<Vec<u8>>();
        for (error, expected) in [
            (SocketMessage::from_slice(b"[]").err(), (400, "bad_message")),
            (content().err(), (422, "unsuitable_message")),
            (message().json(&Unwritable).err(), (500, "handler_failed")),
            (
                message().with_extra("x", &Unwritable).err(),
                (500, "handler_failed"),
            ),
            (
                message().with_extra("error", &1).err(),
                (500, "handler_failed"),
            ),
        ] {
            let rejection = Rejection::from(error.expect("an error"));
            assert_eq!(told(&rejection), expected);
            assert!(!rejection.to_string().contains("secret"), "{rejection}");
        }
    }
}
