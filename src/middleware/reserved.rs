//! The two reserved URLs to which other programs post messages.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
        TRANSFER_ENCODING, UPGRADE,
    },
    request::Parts,
};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;
use tower::{BoxError, Service, util::Oneshot};

use super::{
    access::has_token,
    body::RequestBody,
    dispatch::{Job, check_reached, count, gives_orders, request, run, run_handler},
    handshake::Handshake,
    hooks::Destination,
    log::Kind,
    rejection::{Cause, Rejection},
    remote::Remote,
    replies::{Collected, Replies},
    request::{encoded_by, peer_of, reads_like_ours, tokens},
    socket::{Socket, SocketEvent},
    source::Source,
    state::{State, Surface},
};
use crate::{
    config::ForwardHeaders,
    hub::{Key, Lane, User},
    protocol::SocketMessage,
};

/// Answers `POST …/__broadcastWebSocket.wc`: broadcasts a message to the sockets.
pub(super) async fn broadcast<B, RB, E>(
    state: Arc<State>,
    surface: Surface,
    parts: Parts,
    body: B,
) -> Result<Response<RB>, E>
where
    B: Body<Error: Into<BoxError>>,
    RB: From<Bytes>,
{
    let answer = match receive(&state, surface, &parts, body).await {
        Ok(message) => publish(&state, &message).await,
        Err(rejection) => Err(rejection),
    };
    Ok(answer.unwrap_or_else(|rejection| state.refuse(&parts, rejection)))
}

/// Answers `POST …/__WebSocket.<ext>` from outside: hands the application a message without a socket.
/// The handler's replies are the answer.
pub(super) async fn web_socket<S, B, RB>(
    state: Arc<State>,
    surface: Surface,
    parts: Parts,
    body: B,
    inner: S,
) -> Result<Response<RB>, S::Error>
where
    S: Service<Request<RequestBody<B>>, Response = Response<RB>>,
    B: Body<Error: Into<BoxError>>,
    RB: Body + From<Bytes>,
{
    let message = match receive(&state, surface, &parts, body).await {
        Ok(message) => message,
        Err(rejection) => return Ok(state.refuse(&parts, rejection)),
    };
    let hub = state.hub.clone();
    let replies = Replies::new(hub.max_queue_bytes());
    let source = Source::Request(replies.caller());
    let user = User::Claimed(message.user_id.clone());
    let socket = Socket::new(hub, source, user, SocketEvent::Message, message);
    let handler = match state.hooks.destination(&socket.message().action) {
        Destination::Handler(handler) => handler,
        Destination::Relay => {
            let answer = publish(&state, socket.message()).await;
            return Ok(answer.unwrap_or_else(|rejection| state.refuse(&parts, rejection)));
        }
        Destination::InnerService => {
            if let Some(upstream) = state.hooks.upstream.clone() {
                return Ok(ask(&state, &*upstream, &parts, socket).await);
            }
            return pass_on(&state, parts, socket, replies, inner).await;
        }
    };
    let work = run_handler(state.clone(), handler(socket.clone()));
    let job = Job {
        lane: Lane::Messages,
        key: Key::Callers,
        bytes: socket.text().len(),
        sender: None,
    };
    Ok(match run(&state, job, work).await {
        Ok(()) => {
            let Collected { json, has_orders } = replies.take();
            note_orders(&state, has_orders);
            answer(json.unwrap_or_else(|| Bytes::from_static(b"{}")))
        }
        Err(error) => state.refuse(&parts, error.into_rejection()),
    })
}

/// Sends a message from outside to the upstream, and returns its answer.
async fn ask<RB: From<Bytes>>(
    state: &State,
    upstream: &dyn Remote,
    parts: &Parts,
    socket: Socket,
) -> Response<RB> {
    let mut forwarded = parts.clone();
    // The token was for this layer, and the upstream may belong to others.
    if let Some(Ok(())) = has_token(&state.config.access, parts) {
        forwarded.headers.remove(AUTHORIZATION);
    }
    let caller = Handshake::new(&forwarded, peer_of(&parts.extensions), None);
    let caller = caller.forwarded(&ForwardHeaders::All);
    match upstream.post(socket, caller).await {
        Ok(answer) => {
            note_orders(state, gives_orders(answer.headers()));
            without_connection_headers(answer).map(RB::from)
        }
        Err(rejection) => state.refuse(parts, rejection),
    }
}

/// Removes what concerns the connection to the upstream, and orders that only a socket could follow.
fn without_connection_headers(mut answer: Response<Bytes>) -> Response<Bytes> {
    *answer.version_mut() = Version::HTTP_11;
    answer.extensions_mut().clear();
    let named = tokens(answer.headers(), CONNECTION);
    let mut gone: Vec<_> = named
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .collect();
    let own = |name: &&HeaderName| OF_CONNECTION.contains(name) || reads_like_ours(name.as_str());
    gone.extend(answer.headers().keys().filter(own).cloned());
    for name in gone {
        answer.headers_mut().remove(name);
    }
    answer
}

/// Sends a message from outside to the dispatch path, in its configured spelling. Returns the
/// application's answer, or its handler's replies where the answer is empty.
async fn pass_on<S, B, RB>(
    state: &State,
    parts: Parts,
    socket: Socket,
    replies: Replies,
    inner: S,
) -> Result<Response<RB>, S::Error>
where
    S: Service<Request<RequestBody<B>>, Response = Response<RB>>,
    RB: Body + From<Bytes>,
{
    let caller = Handshake::new(&parts, peer_of(&parts.extensions), None);
    let headers = caller.forwarded(&ForwardHeaders::All).headers();
    let json = socket.message().encode().into();
    let (request, mark) = request(state, &socket, json, headers, parts.extensions);
    let uri = request.uri().clone();
    let response = Oneshot::new(inner, request.map(RequestBody::message)).await?;
    let reached = check_reached(state, &mark, &uri, response.status());
    if let Err(error) = count(state, reached) {
        tracing::debug!(?error, "a message posted from outside found no handler");
    }
    let Collected { json, has_orders } = replies.take();
    note_orders(state, has_orders || gives_orders(response.headers()));
    Ok(match json {
        Some(json) if is_empty_success(&response) => with_body(response, json),
        Some(_) => {
            state.log.write(Kind::RepliesNotSent, |suppressed| {
                tracing::warn!(
                    suppressed,
                    "dropped the replies to a posted message: the application's own answer has a body, \
                     or a status other than 2xx"
                );
            });
            response
        }
        None => response,
    })
}

/// Warns that a handler wanted to regroup or close a socket, but a posted message has none.
fn note_orders(state: &State, has_orders: bool) {
    if !has_orders {
        return;
    }
    state.log.write(Kind::OrdersWithoutSocket, |suppressed| {
        tracing::warn!(
            suppressed,
            "ignored join, leave or close in the answer to a posted message: it has no socket"
        );
    });
}

/// Tells whether an answer is a success without a body.
fn is_empty_success<RB: Body>(response: &Response<RB>) -> bool {
    let body = response.body();
    response.status().is_success() && (body.is_end_stream() || body.size_hint().exact() == Some(0))
}

/// Gives an empty answer a body of JSON. Its other headers stay.
fn with_body<RB: From<Bytes>>(response: Response<RB>, json: Bytes) -> Response<RB> {
    let (mut parts, _empty) = response.into_parts();
    // RFC 9110 §15.3: these two statuses have no body.
    if matches!(
        parts.status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT
    ) {
        parts.status = StatusCode::OK;
    }
    parts.headers.remove(CONTENT_ENCODING);
    parts.headers.insert(CONTENT_LENGTH, json.len().into());
    parts.headers.insert(CONTENT_TYPE, JSON);
    Response::from_parts(parts, RB::from(json))
}

async fn publish<RB: From<Bytes>>(
    state: &State,
    message: &SocketMessage,
) -> Result<Response<RB>, Rejection> {
    let report = state
        .hub
        .try_broadcast(message)
        .map_err(Cause::ShuttingDown)?;
    let report = report.settled().await;
    let json = serde_json::to_vec(&report).expect("numbers and booleans are JSON");
    Ok(answer(json.into()))
}

/// Reads a message from a request. Checks surface, method, caller, coding, size, body and message, in
/// this order.
async fn receive<B>(
    state: &State,
    surface: Surface,
    parts: &Parts,
    body: B,
) -> Result<SocketMessage, Rejection>
where
    B: Body<Error: Into<BoxError>>,
{
    state.check_reserved(surface)?;
    if parts.method != Method::POST {
        return Err(Cause::ReservedMethod(parts.method.clone(), "POST").into());
    }
    state.admit_caller(surface, parts)?;
    for name in [CONTENT_ENCODING, TRANSFER_ENCODING] {
        if encoded_by(&parts.headers, &name).is_some() {
            return Err(Cause::EncodedBody(name).into());
        }
    }

    let limits = &state.config;
    let too_large = || Cause::TooLarge(limits.max_message_size).into();
    if body.size_hint().lower() > limits.max_message_size as u64 {
        return Err(too_large());
    }
    let body = Limited::new(body, limits.max_message_size).collect();
    let body = match timeout(limits.body_timeout, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the body of a posted message broke off");
            return Err(Cause::BodyFailed.into());
        }
        Err(_elapsed) => return Err(Cause::BodyTimeout.into()),
    };
    SocketMessage::read(&body, limits.max_recipients)
        .map_err(|error| Cause::BadMessage(error.to_string().into()).into())
}

fn answer<RB: From<Bytes>>(json: Bytes) -> Response<RB> {
    let mut response = Response::new(RB::from(json));
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// RFC 9110 §7.6.1. The length is that of the body as it was read.
const OF_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

const JSON: HeaderValue = HeaderValue::from_static("application/json");
