use std::{
    fmt,
    future::Future,
    sync::{Arc, atomic::AtomicBool},
};

use http::request::Parts;
use tower::Layer;

use super::{
    control::ControlService,
    handshake::Handshake,
    hooks::{Fallback, HandlerOutput, Hooks, handler, hook},
    rejection::Rejection,
    service::WebConnectionSocket,
    shared::Shared,
    socket::Socket,
};
use crate::{
    config::Config,
    hub::{Hub, Identity},
};

/// Gives the application inside it WebSockets.
///
/// It opens a socket for every upgrade request, hands each message of a socket to the application
/// as `POST /__WebSocket.<ext>` (or to a handler set here), takes messages for the sockets at
/// `POST /__broadcastWebSocket.wc`, and passes everything else on untouched.
///
/// Put it *around* the router: `layer.layer(router)`. axum's `router.layer(layer)` wraps each route
/// by itself, so that no dispatched message would find its route.
///
/// Layers of the router's own see dispatched messages as well as requests. What is to see requests
/// alone, upgrades included, goes outside, and [`Server`](crate::Server) serves what comes of it.
/// `axum::serve` wants axum's own body, which a router around all of it restores:
/// `Router::new().fallback_service(layer.layer(router)).layer(TraceLayer::new_for_http())`.
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
///         let heard = SocketMessage::new("heard").text(&socket.message().message);
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
    config: Arc<Config>,
    hub: Arc<Hub>,
    hooks: Hooks,
    /// The reserved URLs moved to a control service.
    controlled: Arc<AtomicBool>,
}

impl WebConnectionSocketLayer {
    /// Makes a layer with a hub of its own.
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

    /// Makes a layer over an existing hub, so that several share their sockets. Limits of queues,
    /// groups, sockets and dispatches, and the default audience, are the hub's.
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
            config: Arc::new(config),
            hub,
            hooks: Hooks::default(),
            controlled: Arc::default(),
        }
    }

    /// The sockets: to broadcast from anywhere, to close, to count.
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
        self.hub.clone()
    }

    /// Asks the application who opens a socket, before it is opened.
    ///
    /// Without this hook user and group ids are what visitors claim in the query string, and no
    /// broadcast is private. With it the query is ignored, what a socket's messages say of their
    /// sender is overwritten with what the hook found out, and
    /// [`Socket::user`] is [`User::Verified`](crate::User::Verified).
    ///
    /// A hook that takes longer than [`Config::identify_timeout`] refuses with 503, one that
    /// panics with 500.
    ///
    /// # Examples
    ///
    /// ```
    /// use http::StatusCode;
    /// use web_connection_socket::{Config, Handshake, Identity, Rejection, WebConnectionSocketLayer};
    ///
    /// # async fn user_of(_token: &str) -> Option<String> { None }
    /// // A token that the page fetched from the application, for `new WebSocket("/?token=…")`. The
    /// // guide shows cookies.
    /// let layer = WebConnectionSocketLayer::new(Config::new()).identify(|handshake: Handshake| async move {
    ///     let token = handshake.query("token").unwrap_or_default();
    ///     match user_of(&token).await {
    ///         Some(user) => Ok(Identity::user(user).group("staff")),
    ///         None => Err(Rejection::new(StatusCode::UNAUTHORIZED).detail("Sign in first.")),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn identify<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, Rejection>> + Send + 'static,
    {
        self.hooks.identify = Some(hook(function));
        self
    }

    /// Asks the application before an identity ends ([`Identity::expires_at`]) for another one.
    ///
    /// It is asked [`Config::identify_timeout`] before the end, or, where less time is left, after
    /// half of that. Meanwhile the identity holds and the socket goes on. An answer in time takes
    /// effect as [`Hub::reidentify`] does, for the same user or another. A refusal, whose detail is
    /// what the client is told, a panic, or no answer when the identity ends closes the socket with
    /// 4401. So does the end of every identity where this hook is not set. Its future is dropped
    /// when the socket ends, or somebody else re-identifies it. Sockets whose identities end at one
    /// moment are asked about at one moment, however many they are.
    ///
    /// The socket has the headers of its handshake ([`Socket::handshake`]), so a session's cookie,
    /// but a browser cannot change them any more: what is new has to be found in the session store,
    /// or is sent by the page in a message ([`Socket::reidentify`]).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use http::StatusCode;
    /// use web_connection_socket::{Config, Identity, Rejection, Socket, WebConnectionSocketLayer};
    ///
    /// # async fn is_active(_: &str) -> bool { true }
    /// let layer = WebConnectionSocketLayer::new(Config::new()).on_expiry(|socket: Socket| async move {
    ///     let user = socket.user().id().clone();
    ///     if !is_active(user.as_str()).await {
    ///         return Err(Rejection::new(StatusCode::UNAUTHORIZED).detail("Sign in again."));
    ///     }
    ///     Ok(Identity::user(user).expires_in(Duration::from_secs(15 * 60)))
    /// });
    /// ```
    #[must_use]
    pub fn on_expiry<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Identity, Rejection>> + Send + 'static,
    {
        self.hooks.expiry = Some(hook(function));
        self
    }

    /// Hands messages to a function instead of the inner service.
    ///
    /// A socket's next message waits until the function is done with the one before.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, MessageError, Socket, SocketMessage, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new()).on_web_socket(|socket: Socket| async move {
    ///     let numbers: Vec<i64> = socket.message().parse_json()?;
    ///     let sum = numbers.iter().sum::<i64>();
    ///     socket.broadcast(&SocketMessage::new("sum").text(sum.to_string()));
    ///     Ok::<(), MessageError>(())
    /// });
    /// ```
    #[must_use]
    pub fn on_web_socket<F, Fut>(mut self, function: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.hooks.otherwise = Fallback::Handler(handler(function));
        self
    }

    /// Hands messages of one action, compared exactly, to a function. Other messages go where they
    /// go without it.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, Socket, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new())
    ///     .on_action("enter", |socket: Socket| async move { socket.join(&*socket.message().message) });
    /// ```
    #[must_use]
    pub fn on_action<F, Fut>(mut self, action: impl Into<Box<str>>, function: F) -> Self
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HandlerOutput> + Send + 'static,
    {
        self.hooks.actions.insert(action.into(), handler(function));
        self
    }

    /// Broadcasts messages as they are, without asking the application.
    ///
    /// Without [`identify`](Self::identify) every visitor may address anybody. With it a socket may
    /// address its own groups, its own user and what
    /// [`Identity::may_broadcast`] allows; the rest is answered with the error `refused`. Either way its
    /// sender writes the whole message, action included: what a page takes for the application's own
    /// word must come by other means.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, Handshake, Identity, Recipient, Rejection, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new())
    ///     .identify(|_: Handshake| async {
    ///         let member = Identity::user("ann").group("lobby");
    ///         Ok::<_, Rejection>(member.may_broadcast(Recipient::user("support")))
    ///     })
    ///     .relay();
    /// ```
    #[must_use]
    pub fn relay(mut self) -> Self {
        self.hooks.otherwise = Fallback::Relay;
        self
    }

    /// Takes only upgrades for which the function returns `true`; others go to the inner service.
    /// It stands in the place of [`Config::socket_path`], and sees the request as it came: over HTTP/2
    /// its cookies may be split over several lines.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new())
    ///     .upgrade_if(|parts| parts.uri.path().starts_with("/live/"));
    /// ```
    #[must_use]
    pub fn upgrade_if(
        mut self,
        predicate: impl Fn(&Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.hooks.upgrade_if = Some(Arc::new(predicate));
        self
    }

    /// Lets callers for which the function returns `true` use the reserved URLs, beside those whom
    /// the configuration allows. By default no caller may. The function sees the request as it came.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, WebConnectionSocketLayer};
    ///
    /// /// Put into the request by a layer of your own, outside of this one.
    /// #[derive(Clone)]
    /// struct ClientCertificate;
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new())
    ///     .allow_callers_if(|parts| parts.extensions.get::<ClientCertificate>().is_some());
    /// ```
    #[must_use]
    pub fn allow_callers_if(
        mut self,
        predicate: impl Fn(&Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.hooks.caller_if = Some(Arc::new(predicate));
        self
    }

    /// Moves the two reserved URLs to a service of their own, for a private port or a Unix socket.
    ///
    /// From now on this layer answers them with 404, in services that it made before, too. The
    /// control service trusts whoever can reach it; bearer tokens, where configured, are still
    /// asked for, and pages in a browser are refused. `inner` gets what is posted to
    /// `__WebSocket.<ext>`: the same service that the layer wraps.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::Router;
    /// use tower::Layer;
    /// use web_connection_socket::{Config, WebConnectionSocketLayer};
    ///
    /// let layer = WebConnectionSocketLayer::new(Config::new());
    /// let router: Router = Router::new();
    /// let control = layer.control_service(router.clone()); // for a private port
    /// let public = layer.layer(router);
    /// ```
    #[must_use]
    pub fn control_service<S: Clone>(&self, inner: S) -> ControlService<S> {
        self.controlled
            .store(true, std::sync::atomic::Ordering::Relaxed);
        ControlService::new(inner, self.shared())
    }

    pub(super) fn hooks_mut(&mut self) -> &mut Hooks {
        &mut self.hooks
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::new(Shared::new(
            self.config.clone(),
            self.hub.clone(),
            self.hooks.clone(),
            self.controlled.clone(),
        ))
    }
}

impl<S: Clone> Layer<S> for WebConnectionSocketLayer {
    type Service = WebConnectionSocket<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WebConnectionSocket::new(inner, self.shared())
    }
}

impl fmt::Debug for WebConnectionSocketLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebConnectionSocketLayer")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
