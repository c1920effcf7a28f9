//! Hooks that decide which requests are the layer's.

use std::sync::Arc;

use http::request::Parts;

use crate::middleware::layer::WebConnectionSocketLayer;

impl WebConnectionSocketLayer {
    /// Takes only upgrades for which the function returns `true`; others go to the inner service.
    ///
    /// It replaces [`Config::socket_path`](crate::Config::socket_path), and sees the request as it
    /// came: over HTTP/2 its cookies may be split over several lines.
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
        self.hooks_mut().upgrade_if = Some(Arc::new(predicate));
        self
    }

    /// Lets callers for which the function returns `true` use the reserved URLs, besides those that
    /// the configuration allows.
    ///
    /// By default no caller may use them. The function sees the request as it came. To let in networks,
    /// set [`Config::allow_callers_from`](crate::Config::allow_callers_from) instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, WebConnectionSocketLayer};
    ///
    /// /// Inserted into the request by a layer of your own, outside this one.
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
        self.hooks_mut().caller_if = Some(Arc::new(predicate));
        self
    }
}
