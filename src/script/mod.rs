//! The browser client, to be served or bundled.
//!
//! An ES module without dependencies: it opens the socket, sends and receives messages, reports why it
//! was refused, and reconnects after a loss, each page after a random delay. It is served only where
//! [`service()`] is mounted:
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
//! msg.addRecipient("chatusers", "group");               // without a recipient: all sockets
//! socket.send(msg);
//! ```
//!
//! A message whose action has a function of `on` does not reach `onMessageHandler`; the server's
//! error messages reach only `onErrorHandler`. [`TYPES`] documents each name, and
//! [`guide::browser`](crate::guide::browser) shows the client with Vite and React.
//!
//! # When the connection is lost
//!
//! With `retry` the client tries again after a random delay between nothing and a limit, which is 1 s
//! at first, doubles with every failure and stops at 30 s. Meanwhile messages wait in a queue of
//! 256 Ki characters. `send` is fulfilled when the browser took the message; a message on its way when
//! the connection broke is lost and never sent again, so that a message for which the server ends the
//! connection (1003, 1007, 1009) cannot do so twice. The wait ends early when the network or the page
//! comes back, unless the server named a time.
//!
//! A network that is lost silently is noticed within 35 s, and within 5 s after the page or the
//! network came back: the client sends the reserved action `__ping` once after opening and whenever
//! nothing arrived for 25 s, and the layer answers with `__pong`, which it also sends to such a client
//! after 20 s without a message. Neither reaches a handler. An attempt ends after 15 s.
//!
//! Browsers report every refused attempt as the close code 1006. So after an attempt that never opened
//! the client sends a plain GET to the same URL, which the layer answers as it would answer the
//! attempt. An answer from 400 to 499 is final (except 408, 425 and 429): no further attempt is made,
//! and `onErrorHandler` gets its status, code and text. Once the page has been online, that applies
//! only to the application's own answers, which proxies do not give: problem details with a `code`, or
//! an answer with the header `WebSocket-Refusal`. The close codes 1008 and 4000 to 4499 are final, too.
//! After any other answer the client tries again, not before its `Retry-After`; `onStateHandler` gets
//! the reason, if it is known. The code `not_opened` means that the server would accept the connection,
//! but a proxy in between does not forward WebSockets. The answer's header `WebSocket-Protocols` names
//! the subprotocols that the layer speaks.
//!
//! The layer answers that GET at `__initializeSocket.wc` in any directory, or at
//! [`Config::socket_path`](crate::Config::socket_path) if that is set. A client of another URL gets the
//! application's own answer instead, and a 404 is final.
//!
//! # What was missed meanwhile
//!
//! Messages of a group, a user or all sockets whose history the server keeps carry their position, as
//! the key `__position`. The client remembers the newest one of each and names them when it reconnects,
//! so that the server sends what came in between; a message that the page has already is not told again.
//! `onResumeHandler` learns whether that worked. With the option `remember: "session"` a reload of the
//! page resumes as well, and with `positions` a page begins behind the state that it loaded first. Pages
//! that get no positions see none of it.
//!
//! `presence` tells who is in a group. [`guide::browser`](crate::guide::browser) has examples of both.
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
mod source;

pub use self::service::{ServeScript, service};
pub use self::source::{SOURCE, TYPES};
