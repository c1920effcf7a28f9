use std::fmt::Display;

use super::text::literal;
use super::{BasePath, Config, ScriptMap, UrlPath};

/// Where the middleware listens, and where it sends messages for the application.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    pub(crate) script_map: ScriptMap,
    pub(crate) base: BasePath,
    pub(crate) socket: Option<UrlPath>,
    pub(crate) dispatch: Option<UrlPath>,
}

impl Config {
    /// Sets the extension of `__WebSocket.<ext>` (`WebSocketProcessScriptmap`); `wwd` by default.
    ///
    /// # Panics
    ///
    /// If it is not letters and digits, after an optional dot.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().script_map("wwd");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn script_map(mut self, map: impl TryInto<ScriptMap, Error: Display>) -> Self {
        self.paths.script_map = literal("script_map", map);
        self
    }

    /// Limits upgrades and both reserved names to one virtual directory; by default they are
    /// recognised under any.
    ///
    /// Two layers with a directory each can so share one application.
    ///
    /// # Panics
    ///
    /// If it is not a path of plain segments.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().base_path("/chat");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn base_path(mut self, path: impl TryInto<BasePath, Error: Display>) -> Self {
        self.paths.base = literal("base_path", path);
        self
    }

    /// Accepts upgrades at this one path only; by default any WebSocket upgrade under
    /// [`base_path`](Self::base_path) opens a socket.
    ///
    /// The path is the whole one, base path included. A plain `GET` of it is answered by the
    /// middleware too (204, or the refusal that an upgrade would get), so name a path where the
    /// application has no page.
    ///
    /// # Panics
    ///
    /// If it is not a slash and plain segments.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().socket_path("/ws");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn socket_path(mut self, path: impl TryInto<UrlPath, Error: Display>) -> Self {
        self.paths.socket = Some(literal("socket_path", path));
        self
    }

    /// Sets the path that messages are posted to in the application; by default `__WebSocket.<ext>`
    /// in the virtual directory of the handshake.
    ///
    /// A `POST` to this path from outside is then guarded as the reserved name is.
    ///
    /// # Panics
    ///
    /// If it is not a slash and plain segments.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    ///
    /// let config = Config::new().dispatch_path("/messages");
    /// ```
    #[must_use]
    #[track_caller]
    pub fn dispatch_path(mut self, path: impl TryInto<UrlPath, Error: Display>) -> Self {
        self.paths.dispatch = Some(literal("dispatch_path", path));
        self
    }
}
