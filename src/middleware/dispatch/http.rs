//! A message as an HTTP request to the inner service.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{
        AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName, PROXY_AUTHORIZATION,
    },
    response::Parts,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{Application, error::DispatchError, message_id::message_id, response};
use crate::{
    middleware::{
        log::{Kind, OneLine},
        rejection::Rejection,
        socket::{DispatchMark, Socket},
        state::State,
    },
    protocol::GroupId,
};

/// Hands a message, or a disconnect event, to the application and does what its response says. `json`
/// is the message as JSON, if it need not be written.
pub(super) async fn message(
    state: Arc<State>,
    application: Arc<dyn Application>,
    socket: Socket,
    json: Option<Bytes>,
) -> Result<(), DispatchError> {
    let json = json.unwrap_or_else(|| socket.message().encode().into());
    let wanted = response::holds_messages;
    let response = send(&state, &*application, &socket, json, wanted).await?;
    follow(&state, &socket, response)
}

/// Does what the response to a message or a disconnect event says.
pub(super) fn follow(
    state: &State,
    socket: &Socket,
    response: Response<Bytes>,
) -> Result<(), DispatchError> {
    let (parts, body) = response.into_parts();
    response::regroup(state, socket, &parts.headers);
    let close = response::close_reason(state, &parts);
    if parts.status.is_success() {
        response::reply(state, socket, &parts, &body);
        if let Some(reason) = close {
            socket.close(reason);
        }
        return Ok(());
    }
    let status = parts.status;
    Err(DispatchError::Answered { status, close })
}

/// Asks the application whether a socket may open. A refusal is an answer, not a failed dispatch.
pub(super) async fn connect(
    state: &State,
    application: Arc<dyn Application>,
    socket: Socket,
) -> Result<Result<(), Rejection>, DispatchError> {
    let json = socket.message().encode().into();
    let wanted = response::admits_or_refuses;
    let response = send(state, &*application, &socket, json, wanted).await?;
    Ok(follow_connect(state, &socket, response))
}

/// Does what the response to a connect event says.
pub(super) fn follow_connect(
    state: &State,
    socket: &Socket,
    response: Response<Bytes>,
) -> Result<(), Rejection> {
    let (parts, body) = response.into_parts();
    if parts.status.is_success() {
        response::regroup(state, socket, &parts.headers);
        response::reply(state, socket, &parts, &body);
        if let Some(reason) = response::close_reason(state, &parts) {
            socket.close(reason);
        }
        return Ok(());
    }
    let rejection = Rejection::new(parts.status);
    Err(match parts.headers.get(CONTENT_TYPE).cloned() {
        Some(content_type) => rejection.body(content_type, body),
        None => rejection,
    })
}

/// Makes the request that carries a message into the application, as `json` and with these headers
/// and extensions besides its own.
pub(in crate::middleware) fn request(
    state: &State,
    socket: &Socket,
    json: Bytes,
    headers: HeaderMap,
    extensions: Extensions,
) -> (Request<Bytes>, DispatchMark) {
    // A posted message has no page whose directory could be followed.
    let path = socket.handshake().map_or("", |handshake| handshake.path());
    let mut request = Request::new(json);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = state.dispatch_url.uri(path);
    *request.headers_mut() = headers;
    *request.extensions_mut() = extensions;

    let mark = DispatchMark::new(socket.clone());
    request.extensions_mut().insert(mark.clone());
    let length = request.body().len();
    let headers = request.headers_mut();
    for (name, value) in headers.iter_mut() {
        // Layers inside that log headers leave out those that are marked.
        if CREDENTIALS.contains(name) {
            value.set_sensitive(true);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LENGTH, plain(length.to_string()));
    headers.insert(EVENT, HeaderValue::from_static(socket.event().as_str()));
    let user = socket.user();
    let identity = if user.is_verified() {
        "verified"
    } else {
        "claimed"
    };
    headers.insert(IDENTITY, HeaderValue::from_static(identity));
    headers.insert(USER_ID, encoded(user.id().as_str()));
    if let Some(id) = socket.id() {
        headers.insert(CONNECTION_ID, plain(id.digits().to_vec()));
    }
    headers.insert(GROUP_ID, encoded_list(&socket.groups()));
    headers.insert(MESSAGE_ID, message_id());
    (request, mark)
}

/// Checks whether a message reached the code that is meant to read it, and says loudly if not.
pub(in crate::middleware) fn check_reached(
    state: &State,
    mark: &DispatchMark,
    uri: &Uri,
    status: StatusCode,
) -> Result<(), DispatchError> {
    if mark.is_taken() {
        return Ok(());
    }
    let path = uri.path();
    if status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED {
        state.log.write(Kind::NoHandler, |suppressed| {
            let advice = if state.dispatch_url.is_followed(uri) {
                "the directory is the page's, which Config::follow_page_directory asks for: give it a \
                 route, or turn that off"
            } else {
                "use layer.layer(router), not router.layer(layer)"
            };
            tracing::error!(
                suppressed,
                "no handler read POST {path} (the inner service answered {status}); {advice}"
            );
        });
        return Err(DispatchError::NoHandler(uri.clone()));
    }
    if status.is_success() && state.is_first_unread() {
        tracing::warn!(
            "POST {path} was answered {status}, but no handler took the socket out of it: use the \
             Socket extractor or Socket::from_extensions, and layer.layer(router), not \
             router.layer(layer); ignore this if your service reads the body by itself"
        );
    }
    Ok(())
}

async fn send(
    state: &State,
    application: &dyn Application,
    socket: &Socket,
    json: Bytes,
    wanted: fn(&Parts) -> bool,
) -> Result<Response<Bytes>, DispatchError> {
    let (headers, extensions) = match socket.handshake() {
        Some(handshake) => (handshake.headers(), handshake.extensions().clone()),
        None => Default::default(),
    };
    let (request, mark) = request(state, socket, json, headers, extensions);
    let uri = request.uri().clone();

    let limit = state.config.max_message_size;
    let response = match application.call(request, wanted, limit).await {
        Ok(response) => response,
        Err(error) => {
            state.log.write(Kind::InnerServiceFailed, |suppressed| {
                let error = OneLine(error);
                tracing::error!(%error, suppressed, "the inner service failed on a message");
            });
            return Err(DispatchError::Failed);
        }
    };
    check_reached(state, &mark, &uri, response.status())?;
    Ok(response)
}

/// Makes a header value of a name. No name can end the header, and a comma is never a separator.
fn encoded(name: &str) -> HeaderValue {
    // Allocated once, where a string that grows would be three times.
    let mut text = String::with_capacity(name.len());
    text.extend(utf8_percent_encode(name, RESERVED));
    plain(text)
}

/// Makes a header value of visible ASCII.
fn plain(text: impl Into<Vec<u8>>) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text.into())).expect("it is visible ASCII")
}

/// Makes one header value of several names: some servers keep only the last line of a header.
fn encoded_list(names: &[GroupId]) -> HeaderValue {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.extend(utf8_percent_encode(name.as_str(), RESERVED));
    }
    plain(text)
}

const EVENT: HeaderName = HeaderName::from_static("websocket-event");
const IDENTITY: HeaderName = HeaderName::from_static("websocket-identity");
const CONNECTION_ID: HeaderName = HeaderName::from_static("websocket-connection-id");
const USER_ID: HeaderName = HeaderName::from_static("websocket-user-id");
const GROUP_ID: HeaderName = HeaderName::from_static("websocket-group-id");
const MESSAGE_ID: HeaderName = HeaderName::from_static("websocket-message-id");

const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// What is escaped in a name: what would end the header, and what separates values in a list.
const RESERVED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b';').add(b'"');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_can_become_a_second_header() {
        for (name, expected) in [
            ("ann", "ann"),
            ("a b,c;d", "a%20b%2Cc%3Bd"),
            ("x\r\nevil: 1\0", "x%0D%0Aevil:%201%00"),
            ("Zoë 100%", "Zo%C3%AB%20100%25"),
        ] {
            assert_eq!(encoded(name), expected);
        }
    }

    #[test]
    fn names_are_one_line_and_no_name_makes_two_of_itself() {
        for (names, expected) in [
            (&[][..], ""),
            (&["a"], "a"),
            (&["a, b", "c", "Zoë"], "a%2C%20b, c, Zo%C3%AB"),
        ] {
            let names: Vec<_> = names.iter().copied().map(GroupId::from).collect();
            assert_eq!(encoded_list(&names), expected);
        }
    }
}
