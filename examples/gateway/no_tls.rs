//! A gateway that was built without TLS.

use std::{
    future::{Ready, ready},
    io,
    path::Path,
    time::SystemTime,
};

use hyper_util::client::legacy::connect::HttpConnector;
use tokio::net::TcpStream;

use web_connection_socket::Upstream;

use crate::Problem;

/// Never made.
#[derive(Clone)]
pub(crate) enum Acceptor {}

impl Acceptor {
    pub(crate) fn read(_: &Path, _: &Path) -> Result<Self, Problem> {
        Err("--tls-cert: this gateway was built without TLS; build it with the feature `client-tls`, \
             or let a proxy in front speak it"
            .into())
    }

    pub(crate) fn reload(&self) {
        match *self {}
    }

    #[cfg_attr(unix, expect(dead_code, reason = "Unix has a signal for it"))]
    pub(crate) fn written_at(&self) -> Option<SystemTime> {
        match *self {}
    }

    pub(crate) fn accept(&self, tcp: TcpStream) -> Ready<io::Result<TcpStream>> {
        ready(Ok(tcp))
    }
}

pub(crate) fn trust(_: Upstream, _: &Path) -> Result<Upstream, Problem> {
    Err(
        "--upstream-ca: this gateway was built without TLS; build it with the feature `client-tls`"
            .into(),
    )
}

pub(crate) fn connector(_: HttpConnector, _: Option<&Path>) -> Result<HttpConnector, Problem> {
    Err("--upstream: this gateway was built without TLS; build it with the feature `client-tls`, or \
         give the application an http:// address"
        .into())
}
