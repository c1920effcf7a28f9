//! Machines without Unix sockets, where no URL names one.

use std::path::Path;

use hyper_util::client::legacy::connect::HttpConnector;

use super::tcp;

/// Never called: a `unix:` URL is refused here.
pub(in super::super) fn unix(_: &Path) -> HttpConnector {
    tcp()
}
