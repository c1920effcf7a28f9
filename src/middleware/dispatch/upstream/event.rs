//! One message or event on its way to an upstream, and the request that carries it.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Uri, response::Parts};
use tokio::time::Instant;

use super::{
    body::{Departure, UpstreamBody},
    headers::{BROADCAST_URL, EVENT_AGE, MESSAGE_ID, STATE, forward},
    options::Upstream,
    sign::sign,
    socket_state::SocketState,
};
use crate::middleware::{
    dispatch::{http as dispatch, limits::Job, message_id::message_id},
    handshake::Handshake,
    sender::Sender,
    socket::Socket,
    source::Source,
    state::State,
};

/// A message or event, which keeps its id however often it is sent.
pub(super) struct Event {
    pub(super) socket: Socket,
    pub(super) job: Job,
    /// Whether the body of an answer matters.
    pub(super) wanted: fn(&Parts) -> bool,
    /// Whose it is; none if a program posted it.
    pub(super) owner: Option<Arc<SocketState>>,
    /// Whether the client named a group of its own, which must still be one when the event is sent.
    names_group: bool,
    /// The request with which a program posted it.
    caller: Option<Handshake>,
    id: HeaderValue,
    began: Instant,
}

impl Event {
    pub(super) fn new(socket: Socket, job: Job, wanted: fn(&Parts) -> bool) -> Self {
        Self {
            socket,
            job,
            wanted,
            owner: None,
            names_group: false,
            caller: None,
            id: message_id(),
            began: Instant::now(),
        }
    }

    pub(super) fn of(self, owner: Arc<SocketState>) -> Self {
        Self {
            owner: Some(owner),
            ..self
        }
    }

    pub(super) fn naming_group(self, names_group: bool) -> Self {
        Self {
            names_group,
            ..self
        }
    }

    pub(super) fn posted_by(self, caller: Handshake) -> Self {
        Self {
            caller: Some(caller),
            ..self
        }
    }

    /// Returns when it came.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    /// Checks, when its turn has come, that the sender is still who it was, and in the group that it
    /// named. A group that it did not name becomes its first one now.
    pub(super) fn look_again(&mut self) -> bool {
        let Some(owner) = &self.owner else {
            return true;
        };
        let hub = self.socket.hub();
        let sender = Sender::look_up(hub, &owner.connection.entry);
        let mut changed = None;
        if !sender.is_in(&self.socket.message().group_id) {
            let mut message = self.socket.message().clone();
            changed = sender.attest(&mut message).then_some(message);
        }
        let user = sender.into_user();
        if owner.is_expired() || user != self.socket.user() {
            return false;
        }
        match changed {
            Some(_) if self.names_group => false,
            Some(message) => {
                let source = Source::Socket(owner.connection.clone());
                self.socket = Socket::new(hub.clone(), source, user, self.socket.event(), message);
                true
            }
            None => true,
        }
    }

    /// Returns whether the sender has become another user since then.
    pub(super) fn is_of_another(&self) -> bool {
        let owner = self.owner.as_ref();
        owner.is_some_and(|owner| owner.connection.entry.user() != self.socket.user())
    }

    /// Returns the URL to which it is posted.
    pub(super) fn uri(&self, state: &State, upstream: &Upstream) -> Uri {
        let path = self.socket.handshake().map_or("", Handshake::path);
        upstream.base.join(&state.dispatch_url.uri(path))
    }

    /// Makes the request, with what the application last asked to get back (`WebSocket-State`).
    pub(super) fn request(
        &self,
        state: &State,
        upstream: &Upstream,
        departure: &Departure,
    ) -> Request<UpstreamBody> {
        let handshake = self.caller.as_ref().or_else(|| self.socket.handshake());
        let mut headers = handshake.map_or_else(HeaderMap::new, Handshake::headers);
        let proxies = &state.config.proxies;
        forward(&mut headers, handshake, proxies, &upstream.proto);
        let json = self.socket.message().encode().into();
        let (mut request, _mark) =
            dispatch::request(state, &self.socket, json, headers, Extensions::new());
        request.extensions_mut().clear();
        *request.uri_mut() = self.uri(state, upstream);

        let age = self.began.elapsed().as_secs();
        let headers = request.headers_mut();
        headers.insert(MESSAGE_ID, self.id.clone());
        headers.insert(EVENT_AGE, age.into());
        let owner = self.owner.as_ref();
        let kept = owner.map_or(HeaderValue::from_static(""), |owner| owner.kept());
        headers.insert(STATE, kept);
        headers.insert(BROADCAST_URL, upstream.broadcast_url.clone());
        headers
            .entry(CONNECTION_ID)
            .or_insert(HeaderValue::from_static(""));
        let body: Bytes = request.body().clone();
        if let Some(keys) = &upstream.keys {
            sign(&mut request, &body, keys, now());
        }
        request.map(|json| UpstreamBody::new(json, departure.clone()))
    }
}

/// Returns the time in seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

const CONNECTION_ID: HeaderName = HeaderName::from_static("websocket-connection-id");
