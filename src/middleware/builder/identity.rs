//! Hooks that say who a socket's user is.

use std::future::Future;

use crate::{
    hub::Identity,
    middleware::{
        handshake::Handshake, hooks::hook, layer::WebConnectionSocketLayer, rejection::Rejection,
        socket::Socket,
    },
};

impl WebConnectionSocketLayer {
    /// Calls a function to identify the user of each socket before it opens.
    ///
    /// Without this hook user and group ids are what visitors claim in the query string, and no
    /// broadcast is private. With it the query is ignored, each message's sender is overwritten with
    /// the identity that the hook returned, and [`Socket::user`] is
    /// [`User::Verified`](crate::User::Verified).
    ///
    /// If the hook takes longer than [`Config::identify_timeout`](crate::Config::identify_timeout), the
    /// upgrade is refused with 503; if it panics, with 500.
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
        self.hooks_mut().identify = Some(hook(function));
        self
    }

    /// Calls a function for a new identity before a socket's identity expires
    /// ([`Identity::expires_at`]).
    ///
    /// It is called [`Config::identify_timeout`](crate::Config::identify_timeout) before the end, or
    /// after half of the time that is left if that is less. Meanwhile the old identity holds and the
    /// socket goes on. A new identity, of the same user or another, takes effect as by
    /// [`Hub::reidentify`](crate::Hub::reidentify).
    ///
    /// The socket is closed with 4401 if the function refuses, whose detail the client is told, if it
    /// panics, or if it has not answered when the identity expires. Without this hook every expired
    /// identity closes its socket with 4401.
    ///
    /// The function's future is dropped when the socket ends, or when the application re-identifies it
    /// meanwhile. If many identities expire at the same moment, the function is called for all of them
    /// at once.
    ///
    /// The socket has the headers of its handshake ([`Socket::handshake`]), a session cookie among
    /// them, but the browser cannot change those. Look up what is new in the session store, or let the
    /// page send it in a message ([`Socket::reidentify`]).
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
        self.hooks_mut().expiry = Some(hook(function));
        self
    }
}
