//! The browser client, to be served or bundled.
//!
//! An ES module without dependencies: it opens the socket, sends and receives messages, tells why it
//! was refused, and comes back after a loss, each page after a random delay. Nothing is served
//! unless [`service`] is mounted:
//!
//! ```
//! use axum::Router;
//! use web_connection_socket::script;
//!
//! let app: Router = Router::new().nest_service("/scripts", script::service());
//! ```
//!
//! ```js
//! import { WebConnectionWebSocket } from "/scripts/webconnection-websocket.js";
//!
//! const socket = new WebConnectionWebSocket();          // __initializeSocket.wc beside the page
//! socket.onMessageHandler = (msg) => console.log(`${msg.userId}: ${msg.message}`);
//! socket.on("order.shipped", (msg) => console.log(msg.json().id));
//! socket.onErrorHandler = ({ status, code, detail }) => console.warn(status, code, detail);
//! socket.onStateHandler = ({ state, retryAt, error }) => console.log(state);
//! socket.tryConnect(true, "chatusers", "ann");          // retry, group, user
//!
//! const msg = socket.createBroadcastMessage("broadcastchatmessage", "Hello");
//! msg.addRecipient("chatusers", "group");               // nobody named is everybody
//! socket.send(msg);
//! ```
//!
//! A message whose action has a function of `on` does not reach `onMessageHandler`; the server's
//! error messages reach `onErrorHandler` alone. [`TYPES`] says what each name means, and
//! [`guide::browser`](crate::guide::browser) shows the client with Vite and React.
//!
//! # When the connection is lost
//!
//! With `retry` the client tries again after a random delay between nothing and a limit, which is 1 s
//! at first, doubles with every failure and stops at 30 s. Meanwhile messages wait in a queue of
//! 256 Ki characters. `send` is fulfilled when the browser took the message; what was on its way when
//! the connection broke is lost and never sent again, so that a message that the server ends the
//! connection for (1003, 1007, 1009) cannot do so twice. The wait ends early when the network or the
//! page comes back, unless the server named a time.
//!
//! A network that is lost in silence is noticed within 35 s, and within 5 s after the page or the
//! network came back: the client asks with the reserved action `__ping`, once after opening and when
//! nothing came for 25 s, and the layer answers with `__pong`, which it also sends to such a client
//! after 20 s without a message. Neither reaches a handler. An attempt ends after 15 s.
//!
//! Browsers show every refused attempt as the close code 1006. So after an attempt that never opened
//! the client asks the same URL with a plain GET, which the layer answers as it would the attempt. An
//! answer from 400 to 499 is final (except 408, 425 and 429): no further attempt is made, and
//! `onErrorHandler` gets its status, code and text. Once the page has been online that holds only for
//! the application's own answers, which proxies do not give: problem details with a `code`, or an
//! answer with the header `WebSocket-Refusal`. The close codes 1008 and 4000 to 4499 are final, too.
//! Any other answer means another attempt, not before its `Retry-After`; `onStateHandler` is told
//! why, where it is known. The code `not_opened` says that the server would take the connection: then
//! a proxy in between does not pass WebSockets on. The answer's header `WebSocket-Protocols` names the
//! subprotocols that the layer speaks.
//!
//! The layer answers that GET at `__initializeSocket.wc` in any directory, or at
//! [`Config::socket_path`](crate::Config::socket_path) where that is set. A socket opened at another
//! URL gets the application's own answer instead, and a 404 is final.
//!
//! # Content security policy
//!
//! `script-src 'self'; connect-src 'self'` is enough in today's browsers.
//!
//! # With a bundler, or outside a browser
//!
//! The folder `src/script` of this crate is an npm package with types; copy it, or install it with
//! `npm install <folder>`. Where there is no global `WebSocket`, give a constructor:
//!
//! ```js
//! import { WebSocket } from "ws";
//! import { WebConnectionWebSocket } from "web-connection-websocket";
//!
//! const socket = new WebConnectionWebSocket("ws://127.0.0.1:5200/__initializeSocket.wc", { WebSocket });
//! ```

mod service;

pub use self::service::{ServeScript, service};

/// The client's source: an ES module.
///
/// # Examples
///
/// ```
/// use web_connection_socket::script;
///
/// std::fs::write(std::env::temp_dir().join("webconnection-websocket.js"), script::SOURCE)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub const SOURCE: &str = include_str!("webconnection-websocket.js");

/// The client's types and their documentation, for TypeScript.
///
/// # Examples
///
/// ```
/// use web_connection_socket::script;
///
/// assert!(script::TYPES.contains("tryConnect("));
/// ```
pub const TYPES: &str = include_str!("webconnection-websocket.d.ts");

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::SOURCE;

    #[test]
    fn the_source_is_small() {
        assert!(SOURCE.len() <= 22 * 1024, "{} bytes", SOURCE.len());
    }

    #[test]
    fn the_npm_package_is_of_this_version() {
        let package: Value = serde_json::from_str(include_str!("package.json")).unwrap();
        assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(package["license"], env!("CARGO_PKG_LICENSE"));
    }
}
