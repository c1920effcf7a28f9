//! Where a request goes, decided by its head alone.

use http::{HeaderMap, HeaderValue, Method, header::SEC_WEBSOCKET_PROTOCOL, request::Parts};

use super::request::{asks_for_websocket, tokens};
use crate::config::{Config, Subprotocol, segment_is};

/// A predicate of the application's on a request's head.
pub(crate) type Predicate = dyn Fn(&Parts) -> bool + Send + Sync;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A handshake for one of our sockets, not checked yet.
    Upgrade,
    /// The browser client asks why its handshake failed.
    Probe,
    /// A message for the sockets.
    Broadcast,
    /// A message for the application.
    WebSocket,
    /// A question for the members of a group.
    Presence,
    /// Any other request.
    Inner,
}

/// Decides where a request goes. The reserved names and a dispatch path of one's own come first, so that
/// no header diverts a call.
pub(crate) fn route(config: &Config, predicate: Option<&Predicate>, parts: &Parts) -> Route {
    if !config.enabled {
        return Route::Inner;
    }
    let path = parts.uri.path();
    if let Some(route) = reserved(config, path) {
        return route;
    }
    let dispatch = config.routes.dispatch.as_ref();
    if parts.method == Method::POST && dispatch.is_some_and(|dispatch| dispatch.is(path)) {
        return Route::WebSocket;
    }
    if asks_for_websocket(parts) {
        return if is_socket(config, predicate, parts) && speaks_ours(config, &parts.headers) {
            Route::Upgrade
        } else {
            Route::Inner
        };
    }
    if parts.method == Method::GET && is_probe(config, predicate, parts) {
        return Route::Probe;
    }
    Route::Inner
}

/// Picks the first subprotocol of the client's offer that is configured.
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
    } else if segment_is(name, &[WEB_SOCKET, config.routes.script_map.as_str()]) {
        Route::WebSocket
    } else if segment_is(name, &[PRESENCE]) {
        Route::Presence
    } else {
        return None;
    };
    config.routes.base.contains(path).then_some(route)
}

fn is_socket(config: &Config, predicate: Option<&Predicate>, parts: &Parts) -> bool {
    let path = parts.uri.path();
    match (predicate, &config.routes.socket) {
        (Some(predicate), _) => predicate(parts),
        (None, Some(socket)) => socket.is(path),
        (None, None) => config.routes.base.contains(path),
    }
}

fn is_probe(config: &Config, predicate: Option<&Predicate>, parts: &Parts) -> bool {
    let is_named = config.routes.socket.is_some() && predicate.is_none();
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

pub(super) const INITIALIZE: &str = "__initializeSocket.wc";
pub(super) const BROADCAST: &str = "__broadcastWebSocket.wc";
pub(super) const PRESENCE: &str = "__presence.wc";
pub(super) const WEB_SOCKET: &str = "__WebSocket.";

#[cfg(test)]
mod tests {
    use http::Request;
    use hyper::ext::Protocol;

    use super::*;

    const HANDSHAKE: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "websocket")];

    fn parts(method: Method, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn post(config: &Config, path: &str) -> Route {
        route(config, None, &parts(Method::POST, path, &[]))
    }

    fn get(config: &Config, path: &str) -> Route {
        route(config, None, &parts(Method::GET, path, &[]))
    }

    fn upgrade(config: &Config, path: &str) -> Route {
        route(config, None, &parts(Method::GET, path, &HANDSHAKE))
    }

    #[test]
    fn s02_s05_reserved_names_are_recognised_by_every_method() {
        for method in [
            Method::POST,
            Method::GET,
            Method::PUT,
            Method::OPTIONS,
            Method::HEAD,
        ] {
            let at = |path| route(&Config::new(), None, &parts(method.clone(), path, &[]));
            assert_eq!(at("/__broadcastWebSocket.wc"), Route::Broadcast, "{method}");
            assert_eq!(at("/__WebSocket.wwd"), Route::WebSocket, "{method}");
            assert_eq!(at("/__presence.wc"), Route::Presence, "{method}");
        }
    }

    #[test]
    fn s03_the_script_map_is_part_of_the_name() {
        let config = Config::new().script_map(".wc3");
        assert_eq!(post(&config, "/__websocket.WC3"), Route::WebSocket);
        assert_eq!(post(&config, "/__WebSocket.wwd"), Route::Inner);
        assert_eq!(post(&config, "/__broadcastWebSocket.wc3"), Route::Inner);
        assert_eq!(post(&config, "/__broadcastWebSocket.wc"), Route::Broadcast);
    }

    #[test]
    fn s04_switched_off_every_request_is_the_inner_services() {
        let config = Config::new().enabled(false).dispatch_path("/messages");
        assert_eq!(upgrade(&config, "/__initializeSocket.wc"), Route::Inner);
        assert_eq!(get(&config, "/__initializeSocket.wc"), Route::Inner);
        for path in [
            "/__broadcastWebSocket.wc",
            "/__WebSocket.wwd",
            "/__presence.wc",
            "/messages",
        ] {
            assert_eq!(post(&config, path), Route::Inner);
        }
    }

    #[test]
    fn spellings_that_an_application_would_read_as_the_name_are_guarded() {
        for name in [
            "__broadcastWebSocket.wc",
            "__WebSocket.wwd",
            "__presence.wc",
        ] {
            let guarded = post(&Config::new(), &format!("/{name}"));
            for spelling in [
                format!("/{}", name.to_ascii_uppercase()),
                format!("/{}", name.to_ascii_lowercase()),
                format!("//{name}"),
                format!("/./{name}"),
                format!("/a/../{name}"),
                format!("/../{name}"),
                format!("/a;b=c/{name}"),
                format!("/a/b/c/{name}"),
                format!("/{name}?x=y"),
                format!("/{}", name.replace('_', "%5f")),
                format!("/{}", name.replace('_', "%5F")),
                format!("/{}", name.replace('.', "%2e")),
                format!("/{}", name.replace('W', "%77").replace('p', "%50")),
                format!("/%2f/{name}"),
                format!("/\\/{name}"),
                format!("http://app.example/{name}"),
                format!("http://app.example//x/{name}"),
            ] {
                assert_eq!(post(&Config::new(), &spelling), guarded, "{spelling}");
            }
        }
    }

    #[test]
    fn other_spellings_are_the_inner_services() {
        for name in [
            "__broadcastWebSocket.wc",
            "__WebSocket.wwd",
            "__presence.wc",
        ] {
            for spelling in [
                format!("/{name}/"),
                format!("/{name}/x"),
                format!("/{name}/."),
                format!("/{name};a=b"),
                format!("/{name}%20"),
                format!("/{name}%00"),
                format!("/{name}."),
                format!("/{name}::$DATA"),
                format!("/%2f{name}"),
                format!("/a%2f{name}"),
                format!("/a\\{name}"),
                format!("/a%5c{name}"),
                format!("/{}", name.replace('_', "%255f")),
                format!("/{}", name.replace('_', "%c1%9f")),
                format!("/{}", name.replace('_', "_%00")),
                format!("/x{name}"),
                format!("/?/{name}"),
                "/__WebSocket.php/x".to_owned(),
                "/__WebSocket.".to_owned(),
                "/__WebSocket".to_owned(),
                "/".to_owned(),
            ] {
                assert_eq!(post(&Config::new(), &spelling), Route::Inner, "{spelling}");
            }
        }
        let asterisk = parts(Method::OPTIONS, "*", &[]);
        assert_eq!(route(&Config::new(), None, &asterisk), Route::Inner);
    }

    #[test]
    fn a_base_path_limits_upgrades_and_names() {
        let config = Config::new().base_path("/chat");
        for inside in ["/chat", "/CHAT/room", "/chat/__initializeSocket.wc"] {
            assert_eq!(upgrade(&config, inside), Route::Upgrade, "{inside}");
        }
        assert_eq!(upgrade(&config, "/chatter"), Route::Inner);
        assert_eq!(
            post(&config, "/Chat/x/__broadcastWebSocket.wc"),
            Route::Broadcast
        );
        assert_eq!(post(&config, "/__broadcastWebSocket.wc"), Route::Inner);
        assert_eq!(post(&config, "/other/__WebSocket.wwd"), Route::Inner);
        assert_eq!(get(&config, "/__initializeSocket.wc"), Route::Inner);
    }

    #[test]
    fn a_socket_path_or_a_predicate_limits_upgrades_alone() {
        let config = Config::new().socket_path("/ws");
        assert_eq!(upgrade(&config, "/ws"), Route::Upgrade);
        assert_eq!(upgrade(&config, "/ws/x"), Route::Inner);
        assert_eq!(upgrade(&config, "/__initializeSocket.wc"), Route::Inner);
        assert_eq!(
            post(&config, "/x/__broadcastWebSocket.wc"),
            Route::Broadcast
        );

        let live: &Predicate = &|parts| parts.uri.path().starts_with("/live/");
        let at = |path, headers| route(&config, Some(live), &parts(Method::GET, path, headers));
        assert_eq!(at("/live/1", &HANDSHAKE), Route::Upgrade);
        assert_eq!(at("/ws", &HANDSHAKE), Route::Inner);
        assert_eq!(at("/live/1", &[]), Route::Inner);
        assert_eq!(at("/live/__initializeSocket.wc", &[]), Route::Probe);
        assert_eq!(at("/__initializeSocket.wc", &[]), Route::Inner);
    }

    #[test]
    fn an_upgrade_by_another_method_is_one_that_will_be_refused() {
        let config = Config::new();
        let parts = parts(Method::POST, "/", &HANDSHAKE);
        assert_eq!(route(&config, None, &parts), Route::Upgrade);
    }

    #[test]
    fn an_extended_connect_is_an_upgrade_as_any_other() {
        let connect = |uri, headers: &[_]| {
            let mut parts = parts(Method::CONNECT, uri, headers);
            parts.extensions.insert(Protocol::from_static("websocket"));
            parts
        };
        let at = |config: &Config, parts| route(config, None, &parts);
        let (config, uri) = (Config::new(), "https://app.example/ws");
        let websocket = || connect(uri, &[]);
        assert_eq!(at(&config, websocket()), Route::Upgrade);
        assert_eq!(
            at(&config.clone().socket_path("/ws"), websocket()),
            Route::Upgrade
        );
        assert_eq!(
            at(&config.clone().socket_path("/x"), websocket()),
            Route::Inner
        );
        assert_eq!(
            at(&config.clone().enabled(false), websocket()),
            Route::Inner
        );
        let offer = [("sec-websocket-protocol", "graphql-ws")];
        assert_eq!(at(&config, connect(uri, &offer)), Route::Inner);
        let reserved = "https://app.example/__broadcastWebSocket.wc";
        assert_eq!(at(&config, connect(reserved, &[])), Route::Broadcast);
    }

    #[test]
    fn no_upgrade_header_opens_a_reserved_url() {
        assert_eq!(
            upgrade(&Config::new(), "/__broadcastWebSocket.wc"),
            Route::Broadcast
        );
        assert_eq!(
            upgrade(&Config::new(), "/__WebSocket.wwd"),
            Route::WebSocket
        );
        assert_eq!(
            upgrade(&Config::new(), "/__presence.wc?group=lobby"),
            Route::Presence
        );
    }

    #[test]
    fn subprotocols_that_are_not_ours_are_the_applications() {
        let offering = |config: &Config, offers: &[&str]| {
            let mut headers = HANDSHAKE.to_vec();
            headers.extend(
                offers
                    .iter()
                    .map(|offer| ("sec-websocket-protocol", *offer)),
            );
            route(config, None, &parts(Method::GET, "/", &headers))
        };
        assert_eq!(offering(&Config::new(), &["graphql-ws"]), Route::Inner);
        let config = Config::new().subprotocols(["chat"]);
        assert_eq!(offering(&config, &[]), Route::Upgrade);
        assert_eq!(offering(&config, &["graphql-ws"]), Route::Inner);
        assert_eq!(offering(&config, &["Chat"]), Route::Inner);
        assert_eq!(offering(&config, &["graphql-ws, chat"]), Route::Upgrade);
        assert_eq!(offering(&config, &["graphql-ws", "chat"]), Route::Upgrade);
    }

    #[test]
    fn a_plain_get_of_the_socket_path_is_a_probe() {
        let config = Config::new();
        assert_eq!(
            get(&config, "/a/__INITIALIZEsocket.wc?userId=x"),
            Route::Probe
        );
        assert_eq!(post(&config, "/__initializeSocket.wc"), Route::Inner);
        assert_eq!(get(&config, "/ws"), Route::Inner);
        let config = config.socket_path("/ws");
        assert_eq!(get(&config, "/ws"), Route::Probe);
        assert_eq!(get(&config, "/__initializeSocket.wc"), Route::Inner);
    }

    #[test]
    fn a_dispatch_path_of_ones_own_is_guarded_too() {
        let config = Config::new().dispatch_path("/messages");
        assert_eq!(post(&config, "/Messages"), Route::WebSocket);
        assert_eq!(get(&config, "/messages"), Route::Inner);
        assert_eq!(upgrade(&config, "/messages"), Route::Upgrade);
        for offer in ["graphql-ws", ""] {
            let mut headers = HANDSHAKE.to_vec();
            headers.push(("sec-websocket-protocol", offer));
            let posted = parts(Method::POST, "/messages", &headers);
            assert_eq!(route(&config, None, &posted), Route::WebSocket);
        }
    }
}
