//! Which of the middleware's concerns a request is, read off its head alone.

use http::header::{CONNECTION, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use hyper::ext::Protocol;

use crate::config::{Config, Subprotocol, segment_is};

use super::tokens::{has_token, tokens};

pub(super) const INITIALIZE: &str = "__initializeSocket.wc";
const BROADCAST: &str = "__broadcastWebSocket.wc";
pub(super) const WEB_SOCKET: &str = "__WebSocket.";

/// A condition of the user's that takes the place of the socket path.
pub(crate) type Predicate = dyn Fn(&Parts) -> bool + Send + Sync;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A handshake for one of our sockets, still to be checked.
    Upgrade,
    /// The browser client's question why its handshake failed.
    Probe,
    /// A message for the sockets.
    Broadcast,
    /// A message for the application.
    WebSocket,
    /// Not ours.
    Inner,
}

/// Decides where a request goes.
///
/// The reserved names come first, so that no header turns a call of one into something else.
pub(crate) fn route(config: &Config, predicate: Option<&Predicate>, parts: &Parts) -> Route {
    if !config.enabled {
        return Route::Inner;
    }
    let path = parts.uri.path();
    if let Some(route) = reserved(config, path) {
        return route;
    }
    if is_upgrade(&parts.headers) || is_extended_connect(parts) {
        return if is_socket(config, predicate, parts) && speaks_ours(config, &parts.headers) {
            Route::Upgrade
        } else {
            Route::Inner
        };
    }
    if parts.method == Method::GET && is_probe(config, predicate, parts) {
        return Route::Probe;
    }
    let dispatch = config.paths.dispatch.as_ref();
    if parts.method == Method::POST && dispatch.is_some_and(|dispatch| dispatch.is(path)) {
        return Route::WebSocket;
    }
    Route::Inner
}

/// Picks the subprotocol: the first that the client offers and we speak.
pub(super) fn subprotocol<'a>(config: &'a Config, headers: &HeaderMap) -> Option<&'a Subprotocol> {
    tokens(headers, SEC_WEBSOCKET_PROTOCOL).find_map(|offered| {
        config
            .subprotocols
            .iter()
            .find(|ours| ours.as_str().as_bytes() == offered)
    })
}

fn reserved(config: &Config, path: &str) -> Option<Route> {
    let name = last_segment(path);
    let route = if segment_is(name, &[BROADCAST]) {
        Route::Broadcast
    } else if segment_is(name, &[WEB_SOCKET, config.paths.script_map.as_str()]) {
        Route::WebSocket
    } else {
        return None;
    };
    config.paths.base.contains(path).then_some(route)
}

/// Tells whether the connection is asked to become a WebSocket, by whatever method.
fn is_upgrade(headers: &HeaderMap) -> bool {
    // RFC 6455 §4.2.1, items 3 and 4; RFC 9110 §7.8: both may be lists, over several lines.
    has_token(headers, UPGRADE, "websocket") && has_token(headers, CONNECTION, "upgrade")
}

/// Tells whether one stream of an HTTP/2 connection is asked to become a WebSocket.
pub(super) fn is_extended_connect(parts: &Parts) -> bool {
    // RFC 8441 §5: `:protocol` has the value `websocket`, which names the protocol of the registry
    // that `Upgrade` draws from: RFC 9110 §7.8 compares those without regard to case. What a
    // `CONNECT` without it opens, or with another, is not our affair.
    let protocol = parts.extensions.get::<Protocol>();
    parts.method == Method::CONNECT
        && protocol.is_some_and(|named| named.as_str().eq_ignore_ascii_case("websocket"))
}

fn is_socket(config: &Config, predicate: Option<&Predicate>, parts: &Parts) -> bool {
    let path = parts.uri.path();
    match (predicate, &config.paths.socket) {
        (Some(predicate), _) => predicate(parts),
        (None, Some(socket)) => socket.is(path),
        (None, None) => config.paths.base.contains(path),
    }
}

fn is_probe(config: &Config, predicate: Option<&Predicate>, parts: &Parts) -> bool {
    let is_named = config.paths.socket.is_some() && predicate.is_none();
    (is_named || segment_is(last_segment(parts.uri.path()), &[INITIALIZE]))
        && is_socket(config, predicate, parts)
}

fn speaks_ours(config: &Config, headers: &HeaderMap) -> bool {
    let offers = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .any(|line: &HeaderValue| !line.is_empty());
    !offers || subprotocol(config, headers).is_some()
}

fn last_segment(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests;
