//! The layer: made of options and a hub, it makes services.

use std::{fmt, sync::Arc};

use tower::Layer;

use super::{control::ControlService, hooks::Hooks, service::WebConnectionSocket, state::State};
use crate::{config::Config, hub::Hub};

/// Adds WebSockets to the wrapped service.
///
/// The service opens a socket for every upgrade request, hands each message of a socket to the
/// application as `POST /__WebSocket.<ext>` (or to a handler set here), takes messages for the sockets
/// at `POST /__broadcastWebSocket.wc`, and passes all other requests on untouched.
///
/// Put it *around* the router: `layer.layer(router)`. axum's `router.layer(layer)` wraps each route
/// by itself, so dispatched messages would not find their route.
///
/// Layers of the router itself see dispatched messages as well as requests. Put layers that should see
/// only real HTTP requests (upgrades included) outside this one, and serve the result with
/// [`Server`](crate::Server). `axum::serve` needs axum's own body, which a router around the whole
/// restores: `Router::new().fallback_service(layer.layer(router)).layer(TraceLayer::new_for_http())`.
///
/// Clones of a layer, and all services that they make, share the hub, the limits on the log, and the
/// warnings that are given once.
///
/// # Examples
///
/// With axum's own server:
///
/// ```no_run
/// use std::net::SocketAddr;
///
/// use axum::{Router, ServiceExt, extract::Request, serve::ListenerExt};
/// use tower::Layer;
/// use web_connection_socket::{Config, Socket, SocketMessage, WebConnectionSocketLayer};
///
/// # async fn run() -> std::io::Result<()> {
/// let layer = WebConnectionSocketLayer::new(Config::new())
///     .on_web_socket(|socket: Socket| async move {
///         let heard = SocketMessage::new("heard").text(socket.text());
///         socket.broadcast(&heard.to_group("chat"));
///     });
/// let app = layer.layer(Router::new());
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:5200").await?;
/// // Without it small messages wait for the peer's delayed acknowledgements.
/// let listener = listener.tap_io(|stream| {
///     if let Err(error) = stream.set_nodelay(true) {
///         tracing::warn!(%error, "TCP_NODELAY was not set");
///     }
/// });
/// let app = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(app);
/// axum::serve(listener, app).await
/// # }
/// ```
#[derive(Clone)]
pub struct WebConnectionSocketLayer {
    pub(super) state: Arc<State>,
}

impl WebConnectionSocketLayer {
    /// Creates a layer with a hub of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new().script_map("wwd"));
    /// ```
    #[must_use]
    pub fn new(config: Config) -> Self {
        let hub = Arc::new(Hub::new(&config));
        Self::with_hub(config, hub)
    }

    /// Creates a layer over an existing hub, so that several layers share their sockets.
    ///
    /// The limits of queues, groups, sockets and dispatches, and the default audience, are the hub's.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, WebConnectionSocketLayer};
    ///
    /// let shop = WebConnectionSocketLayer::new(Config::new().base_path("/shop"));
    /// let admin = WebConnectionSocketLayer::with_hub(Config::new().base_path("/admin"), shop.hub());
    /// ```
    #[must_use]
    pub fn with_hub(config: Config, hub: Arc<Hub>) -> Self {
        Self {
            state: Arc::new(State::new(config, hub)),
        }
    }

    /// Returns the hub, to broadcast to the sockets, close and count them from anywhere.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::{Config, SocketMessage, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new());
    /// let hub = layer.hub();
    /// let clock = async move {
    ///     loop {
    ///         tokio::time::sleep(Duration::from_secs(60)).await;
    ///         hub.broadcast(&SocketMessage::new("tick"));
    ///     }
    /// };
    /// # fn check(_: impl Future<Output = ()> + Send) {}
    /// # check(clock);
    /// ```
    #[must_use]
    pub fn hub(&self) -> Arc<Hub> {
        self.state.hub.clone()
    }

    /// Creates a service of the reserved URLs alone, for a private port or a Unix socket.
    ///
    /// It admits every program that can reach it, or, where
    /// [`Config::bearer_tokens`] are configured, every program with a token. It refuses pages in a
    /// browser. `inner` gets what is posted to `__WebSocket.<ext>`: pass the service that the layer
    /// wraps.
    ///
    /// The layered service keeps its own rules for these URLs. With
    /// [`Config::control_service_only`] it answers them with 404.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::Router;
    /// use tower::Layer;
    /// use web_connection_socket::{Config, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new().control_service_only(true));
    /// let router: Router = Router::new();
    /// let control = layer.control_service(router.clone()); // for a private port
    /// let public = layer.layer(router);
    /// ```
    #[must_use]
    pub fn control_service<S: Clone>(&self, inner: S) -> ControlService<S> {
        ControlService::new(inner, self.state.clone())
    }

    /// Returns the hooks, in a copy of the state if a service or a clone of the layer holds the same.
    pub(super) fn hooks_mut(&mut self) -> &mut Hooks {
        &mut Arc::make_mut(&mut self.state).hooks
    }
}

impl<S: Clone> Layer<S> for WebConnectionSocketLayer {
    type Service = WebConnectionSocket<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WebConnectionSocket::new(inner, self.state.clone())
    }
}

impl fmt::Debug for WebConnectionSocketLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebConnectionSocketLayer")
            .field("config", &self.state.config)
            .finish_non_exhaustive()
    }
}
