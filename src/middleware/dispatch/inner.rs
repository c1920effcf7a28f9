//! A message as an HTTP request to the inner service.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{
        AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderName, PROXY_AUTHORIZATION,
    },
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::{
    super::{
        log::{Kind, OneLine},
        rejection::Rejection,
        shared::Shared,
        socket::{Mark, Socket},
    },
    Application, Failure, answer,
};

/// Hands a message, or the news of a disconnect, to the application and does what it answers.
pub(super) async fn message(
    shared: Arc<Shared>,
    application: Arc<dyn Application>,
    socket: Socket,
) -> Result<(), Failure> {
    let response = send(&shared, &*application, &socket, answer::holds_messages).await?;
    let (parts, body) = response.into_parts();
    answer::regroup(&shared, &socket, &parts.headers);
    let close = answer::close_reason(&shared, &parts);
    if parts.status.is_success() {
        answer::reply(&shared, &socket, &parts, &body);
        if let Some(reason) = close {
            socket.close(reason);
        }
        return Ok(());
    }
    shared.hub.counters().dispatch_failed();
    let status = parts.status;
    Err(Failure::Answered { status, close })
}

/// Asks the application whether a socket may open.
pub(super) async fn connect(
    shared: &Shared,
    application: Arc<dyn Application>,
    socket: Socket,
) -> Result<(), Rejection> {
    let wanted =
        |parts: &http::response::Parts| !parts.status.is_success() || answer::holds_messages(parts);
    let response = send(shared, &*application, &socket, wanted)
        .await
        .map_err(Failure::into_rejection)?;
    let (parts, body) = response.into_parts();
    if parts.status.is_success() {
        answer::regroup(shared, &socket, &parts.headers);
        answer::reply(shared, &socket, &parts, &body);
        if let Some(reason) = answer::close_reason(shared, &parts) {
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

/// The path, headers and mark of a request that carries a message into the application.
pub(in super::super) fn dispatched(
    shared: &Shared,
    socket: &Socket,
    headers: HeaderMap,
    extensions: Extensions,
) -> (Request<()>, Mark) {
    let path = socket.handshake().map_or("", |handshake| handshake.path());
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = shared.target.uri(path);
    *request.headers_mut() = headers;
    *request.extensions_mut() = extensions;

    let mark = Mark::new(socket.clone());
    request.extensions_mut().insert(mark.clone());
    let headers = request.headers_mut();
    for (name, value) in headers.iter_mut() {
        // Layers inside that log headers leave out those that are marked.
        if CREDENTIALS.contains(name) {
            value.set_sensitive(true);
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
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
        headers.insert(CONNECTION_ID, encoded(&id.to_string()));
    }
    for group in socket.groups() {
        headers.append(GROUP_ID, encoded(group.as_str()));
    }
    (request, mark)
}

/// Says loudly when a message did not reach the code that is meant to read it.
pub(in super::super) fn check_reached(
    shared: &Shared,
    mark: &Mark,
    uri: &Uri,
    status: StatusCode,
) -> Result<(), Failure> {
    if mark.taken() {
        return Ok(());
    }
    let path = uri.path();
    if status == StatusCode::NOT_FOUND || status == StatusCode::METHOD_NOT_ALLOWED {
        shared.log.write(Kind::NoHandler, |suppressed| {
            let advice = if shared.target.is_followed(uri) {
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
        shared.hub.counters().dispatch_failed();
        return Err(Failure::NoHandler(uri.clone()));
    }
    if status.is_success() && !shared.unread.swap(true, Relaxed) {
        tracing::warn!(
            "POST {path} was answered {status}, but no handler took the socket out of it: use the \
             Socket extractor or Socket::from_extensions, and layer.layer(router), not \
             router.layer(layer); ignore this if your service reads the body by itself"
        );
    }
    Ok(())
}

async fn send(
    shared: &Shared,
    application: &dyn Application,
    socket: &Socket,
    wanted: fn(&http::response::Parts) -> bool,
) -> Result<Response<Bytes>, Failure> {
    let (headers, extensions) = match socket.handshake() {
        Some(handshake) => (handshake.headers(), handshake.extensions().clone()),
        None => Default::default(),
    };
    let (request, mark) = dispatched(shared, socket, headers, extensions);
    let (mut parts, ()) = request.into_parts();
    let uri = parts.uri.clone();
    let body = Bytes::from(socket.message().encode());
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    let request = Request::from_parts(parts, body);

    let limit = shared.config.max_message_size;
    let response = match application.call(request, wanted, limit).await {
        Ok(response) => response,
        Err(error) => {
            shared.log.write(Kind::InnerServiceFailed, |suppressed| {
                let error = OneLine(error);
                tracing::error!(%error, suppressed, "the inner service failed on a message");
            });
            shared.hub.counters().dispatch_failed();
            return Err(Failure::Failed);
        }
    };
    check_reached(shared, &mark, &uri, response.status())?;
    Ok(response)
}

/// A name as a header value: nothing in it can end the header, and a comma is never a separator.
fn encoded(name: &str) -> HeaderValue {
    let text = utf8_percent_encode(name, RESERVED).to_string();
    HeaderValue::from_maybe_shared(Bytes::from(text)).expect("nothing but visible ASCII is left")
}

const RESERVED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b';').add(b'"');

const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

const EVENT: HeaderName = HeaderName::from_static("websocket-event");
const IDENTITY: HeaderName = HeaderName::from_static("websocket-identity");
const CONNECTION_ID: HeaderName = HeaderName::from_static("websocket-connection-id");
const USER_ID: HeaderName = HeaderName::from_static("websocket-user-id");
const GROUP_ID: HeaderName = HeaderName::from_static("websocket-group-id");

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
}
