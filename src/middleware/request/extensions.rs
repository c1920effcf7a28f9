//! The request extensions that servers and frameworks insert.

use std::net::SocketAddr;

use http::Extensions;

#[cfg(not(feature = "axum"))]
pub(super) fn connect_info(_extensions: &Extensions) -> Option<SocketAddr> {
    None
}

#[cfg(feature = "axum")]
pub(super) fn connect_info(extensions: &Extensions) -> Option<SocketAddr> {
    use axum::extract::ConnectInfo;

    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0)
}

/// Removes the extensions of the handshake's own request, which would mislead a dispatched one.
pub(crate) fn forget_request(extensions: &mut Extensions) {
    // The upgrade handle is `Clone`, and would keep the connection's parts alive.
    extensions.remove::<hyper::upgrade::OnUpgrade>();
    extensions.remove::<hyper::ext::Protocol>();
    // axum keeps an original URI that is already there, so a dispatch would seem to come to the
    // handshake's.
    #[cfg(feature = "axum")]
    extensions.remove::<axum::extract::OriginalUri>();
    if extensions.is_empty() {
        // An emptied map keeps its table.
        *extensions = Extensions::new();
    }
}
