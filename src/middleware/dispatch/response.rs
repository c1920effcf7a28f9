//! What the application's HTTP response to a message means for the socket.

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    response::Parts,
};
use percent_encoding::percent_decode;

use crate::{
    frame::Frame,
    middleware::{log::Kind, request::encoded_by, socket::Socket, state::State},
    protocol::{CloseReason, MessageErrorKind, SocketMessage},
};

/// Returns whether the body can be a reply: only JSON of a 2xx response can.
pub(super) fn holds_messages(parts: &Parts) -> bool {
    parts.status.is_success() && is_json(&parts.headers)
}

/// Returns whether the body matters that answers a connect event: it refuses, or can be a reply.
pub(super) fn admits_or_refuses(parts: &Parts) -> bool {
    !parts.status.is_success() || holds_messages(parts)
}

/// Sends the messages in the response to this socket alone.
///
/// A page, an empty body or JSON that is not a message is no reply: West Wind's handlers return
/// nothing, and their framework makes one of these of it.
pub(super) fn reply(state: &State, socket: &Socket, parts: &Parts, body: &[u8]) {
    if !is_json(&parts.headers) {
        return;
    }
    if encoded_by(&parts.headers, &CONTENT_ENCODING).is_some() {
        state.log.write(Kind::AnswerCompressed, |suppressed| {
            tracing::warn!(
                suppressed,
                "the application's answer to a message is compressed, so it is not read: put the \
                 compression outside of this layer"
            );
        });
        return;
    }
    let replies = match replies(body, state.config.max_recipients) {
        Ok(replies) => replies,
        Err(MessageErrorKind::NotUtf8) => {
            state.log.write(Kind::AnswerNotUtf8, |suppressed| {
                tracing::warn!(
                    suppressed,
                    "the application's JSON answer to a message is not UTF-8, so it is not read: in \
                     FoxPro use STRCONV(…, 9)"
                );
            });
            return;
        }
        // JSON of the application's own.
        Err(_) => return,
    };
    for reply in &replies {
        if let Err(error) = socket.push(reply) {
            tracing::debug!(%error, "a reply found its socket closing");
            return;
        }
    }
}

/// Follows the `WebSocket-Join` and `WebSocket-Leave` headers of the response.
pub(super) fn regroup(state: &State, socket: &Socket, headers: &HeaderMap) {
    for group in names(state, headers, &JOIN) {
        if let Err(error) = socket.join(group) {
            state.log.write(Kind::JoinNotFollowed, |suppressed| {
                tracing::warn!(%error, suppressed, "a WebSocket-Join header was not followed");
            });
        }
    }
    for group in names(state, headers, &LEAVE) {
        socket.leave(&group);
    }
}

/// Returns the reason to close the socket after all else that the response asks for: what a
/// `WebSocket-Close` header says, or status 410.
pub(super) fn close_reason(state: &State, parts: &Parts) -> Option<CloseReason> {
    let gone = || (parts.status == StatusCode::GONE).then_some(CloseReason::GONE);
    let order = parts.headers.get(CLOSE);
    let Some(order) = order.and_then(|order| decoded(state, order)) else {
        return gone();
    };
    match order.parse() {
        Ok(reason) => Some(reason),
        Err(error) => {
            state.log.write(Kind::CloseNotFollowed, |suppressed| {
                tracing::warn!(%error, suppressed, "a WebSocket-Close header was not followed");
            });
            gone()
        }
    }
}

/// Returns whether a response asks a socket to join, leave or close.
pub(in crate::middleware) fn gives_orders(headers: &HeaderMap) -> bool {
    [JOIN, LEAVE, CLOSE]
        .iter()
        .any(|name| headers.contains_key(name))
}

/// Makes frames of the messages in a body. There are none if one of them has no action: the body is
/// no reply then.
fn replies(body: &[u8], max_recipients: usize) -> Result<Vec<Frame>, MessageErrorKind> {
    let is_reply = |message: &SocketMessage| !message.action.is_empty();
    if let Some(message) = SocketMessage::read_written(body, max_recipients) {
        return Ok(is_reply(&message)
            .then(|| Frame::text(body))
            .into_iter()
            .collect());
    }
    let messages = SocketMessage::read_all(body, max_recipients).map_err(|error| error.kind())?;
    Ok(if messages.iter().all(is_reply) {
        messages.iter().map(Frame::message).collect()
    } else {
        Vec::new()
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else {
        return false;
    };
    let media_type = content_type.split(|&byte| byte == b';').next();
    media_type.is_some_and(|media_type| {
        media_type
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    })
}

fn names(state: &State, headers: &HeaderMap, name: &HeaderName) -> impl Iterator<Item = String> {
    let lines = headers.get_all(name).iter();
    lines.filter_map(|line| decoded(state, line))
}

fn decoded(state: &State, value: &HeaderValue) -> Option<String> {
    let text = percent_decode(value.as_bytes()).decode_utf8();
    if text.is_err() {
        state.log.write(Kind::HeaderNotUtf8, |suppressed| {
            tracing::warn!(
                suppressed,
                "a WebSocket- header of the application's answer is not UTF-8"
            );
        });
    }
    Some(text.ok()?.into_owned())
}

const JOIN: HeaderName = HeaderName::from_static("websocket-join");
const LEAVE: HeaderName = HeaderName::from_static("websocket-leave");
const CLOSE: HeaderName = HeaderName::from_static("websocket-close");

#[cfg(test)]
mod tests {
    use super::*;

    fn written(action: &str) -> String {
        String::from_utf8(SocketMessage::new(action).encode()).unwrap()
    }

    #[test]
    fn s11_only_messages_with_an_action_are_replies() {
        for (body, count) in [
            (r#"{"action":"a"}"#, 1),
            (r#" [{"action":"a"},{"action":"b","message":"c"}]"#, 2),
            (&written("a"), 1),
            (&written(""), 0),
            (&written("__error"), 0),
            ("[]", 0),
            ("", 0),
            ("null", 0),
            (r#""text""#, 0),
            ("{}", 0),
            (r#"[{"action":"a"},{"message":"no action"}]"#, 0),
            (r#"{"action":"a","error":{"code":"failed"}}"#, 0),
            ("<html></html>", 0),
            ("\u{feff}{\"action\":\"a\",\"userId\":42}", 1),
            ("\u{feff}\n[{\"action\":\"a\"},{\"action\":\"b\"}]", 2),
        ] {
            let read = replies(body.as_bytes(), 10).unwrap_or_default();
            assert_eq!(read.len(), count, "{body}");
        }
        let latin = replies(b"{\"action\":\"gr\xfc\xdfe\"}", 10);
        assert_eq!(latin.unwrap_err(), MessageErrorKind::NotUtf8);
    }

    #[test]
    fn parameters_of_the_media_type_do_not_matter() {
        for (content_type, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/json2", false),
            ("text/html", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            assert_eq!(is_json(&headers), expected, "{content_type}");
        }
    }
}
