//! Setters of where the middleware listens, and where it sends messages.

use std::fmt::Display;

use crate::config::parse::literal;
use crate::config::{BasePath, Config, ScriptMap, UrlPath};

impl Config {
    /// Sets the extension of `__WebSocket.<ext>` (`WebSocketProcessScriptmap`); `wwd` by default.
    ///
    /// # Panics
    ///
    /// If it does not consist of letters and digits, after an optional dot.
    #[must_use]
    #[track_caller]
    pub fn script_map(mut self, map: impl TryInto<ScriptMap, Error: Display>) -> Self {
        self.routes.script_map = literal("script_map", map);
        self
    }

    /// Limits upgrades and both reserved names to one virtual directory; any directory by default.
    ///
    /// Messages are posted to `__WebSocket.<ext>` in this directory, by default in the root. Two layers
    /// can share one application if each has a directory of its own.
    ///
    /// # Panics
    ///
    /// If it is not a path of plain segments.
    #[must_use]
    #[track_caller]
    pub fn base_path(mut self, path: impl TryInto<BasePath, Error: Display>) -> Self {
        self.routes.base = literal("base_path", path);
        self
    }

    /// Accepts upgrades at this one path only; by default any WebSocket upgrade under
    /// [`base_path`](Self::base_path) opens a socket.
    ///
    /// The path includes the base path. The middleware also answers a plain `GET` of it (204, or the
    /// refusal that an upgrade would get), so choose a path without a page of the application.
    ///
    /// # Panics
    ///
    /// If it is not a slash followed by plain segments.
    #[must_use]
    #[track_caller]
    pub fn socket_path(mut self, path: impl TryInto<UrlPath, Error: Display>) -> Self {
        self.routes.socket = Some(literal("socket_path", path));
        self
    }

    /// Sets the path in the application to which messages are posted; by default `__WebSocket.<ext>`
    /// in [`base_path`](Self::base_path), whichever page opened the socket.
    ///
    /// A `POST` to this path from outside is then guarded like the reserved name.
    ///
    /// # Panics
    ///
    /// If it is not a slash followed by plain segments.
    #[must_use]
    #[track_caller]
    pub fn dispatch_path(mut self, path: impl TryInto<UrlPath, Error: Display>) -> Self {
        self.routes.dispatch = Some(literal("dispatch_path", path));
        self
    }

    /// Posts messages to `__WebSocket.<ext>` in the directory of the page that opened the socket;
    /// off by default, so that pages anywhere share one handler.
    ///
    /// Use it for an application with a handler in each virtual directory, like a Web Connection server:
    /// a page `/shop/orders.html` opens `/shop/__initializeSocket.wc`, and its messages go to
    /// `/shop/__WebSocket.wwd`. Each directory with pages then needs the route; without it their
    /// messages get the error `no_handler`.
    ///
    /// The directory is used if the client's URL ends with `__initializeSocket.wc`, lies under
    /// [`base_path`](Self::base_path), and has plain segments: letters, digits and
    /// ``-._~@$!+=,&``, which every server reads alike. Otherwise the option has no effect, nor has it
    /// with [`dispatch_path`](Self::dispatch_path).
    #[must_use]
    pub fn follow_page_directory(mut self, on: bool) -> Self {
        self.routes.follow_page_directory = on;
        self
    }
}
