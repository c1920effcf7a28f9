//! A machine without Unix sockets.

use std::path::Path;

use hyper_util::client::legacy::connect::HttpConnector;

use crate::Problem;

pub(crate) fn connector(_: &Path) -> Result<HttpConnector, Problem> {
    Err("--upstream: this machine has no Unix sockets".into())
}
