//! The option that sends messages and events to a server of its own.

use std::sync::Arc;

use crate::middleware::{
    dispatch::{Upstream, UpstreamRemote},
    layer::WebConnectionSocketLayer,
};

impl WebConnectionSocketLayer {
    /// Sends messages of sockets to another server, instead of the inner service.
    ///
    /// Messages for which a handler is set with [`on_action`](Self::on_action) still go there. `connect`
    /// and `disconnect` events go to the upstream where
    /// [`Config::lifecycle_events`](crate::Config::lifecycle_events) is on, and so does what programs
    /// post to `__WebSocket.<ext>`, whose answer they get. All other requests go to the inner service.
    ///
    /// Options of the layer's [`Config`](crate::Config) hold as for the inner service.
    ///
    /// # Panics
    ///
    /// If neither [`Upstream::signing_keys`] nor [`Upstream::unsigned`] was called.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, Upstream, WebConnectionSocketLayer};
    ///
    /// let upstream = Upstream::new("unix:/run/app.sock")?.unsigned();
    /// let config = Config::new().lifecycle_events(true);
    /// let layer = WebConnectionSocketLayer::new(config).upstream(upstream);
    /// # Ok::<(), web_connection_socket::UpstreamError>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn upstream(mut self, upstream: Upstream) -> Self {
        assert!(
            upstream.is_signed_or_not(),
            "WebConnectionSocketLayer::upstream: call Upstream::signing_keys, or Upstream::unsigned for \
             a private network"
        );
        let target = UpstreamRemote::new(self.state.clone(), upstream);
        self.hooks_mut().upstream = Some(Arc::new(target));
        self
    }
}
