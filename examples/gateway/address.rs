//! Where the application listens, and where it broadcasts to.

use std::{net::IpAddr, path::PathBuf};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

use crate::{Problem, options::Options};

/// The application's address, of a URL that `Upstream` accepts.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// The directory that all paths begin with, without a slash at its end.
    pub(crate) directory: String,
    pub(crate) socket: Option<PathBuf>,
}

impl Address {
    pub(crate) fn parse(url: &str) -> Result<Self, Problem> {
        if let Some(path) = url.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self {
                scheme: Scheme::HTTP,
                authority: Authority::from_static("localhost"),
                directory: String::new(),
                socket: Some(path.into()),
            });
        }
        let parts = url.parse::<Uri>()?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err("--upstream needs http:// or https:// and a host".into());
        };
        let path = parts.path_and_query;
        let directory = path.as_ref().map_or("", |path| path.path());
        Ok(Self {
            scheme,
            authority,
            directory: directory.trim_end_matches('/').to_owned(),
            socket: None,
        })
    }

    /// Whether the application is on this machine.
    fn is_local(&self) -> bool {
        let host = self.authority.host();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
        self.socket.is_some()
            || host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(is_loopback)
    }
}

/// Finds the URL at which the application broadcasts. It never comes from a request: an application
/// that derives it from a visitor's `Host` sends its token wherever a visitor likes.
///
/// `ports` are the public one and the control service's.
pub(crate) fn broadcast_url(
    options: &Options,
    address: &Address,
    ports: (u16, Option<u16>),
) -> Result<String, Problem> {
    if let Some(url) = &options.broadcast_url {
        return Ok(url.clone());
    }
    if !address.is_local() {
        return Err(
            "--broadcast-url is needed: the application is on another machine, and only you \
                    know by which name it reaches this gateway"
                .into(),
        );
    }
    let (host, port) = match ports {
        (_, Some(control)) => ("127.0.0.1".to_owned(), control),
        _ if options.tls_cert.is_some() => {
            return Err(
                "--control-port or --broadcast-url is needed: with TLS, the application on \
                        this machine has no plain port to broadcast to"
                    .into(),
            );
        }
        (public, None) => (reachable(options.bind), public),
    };
    Ok(format!("http://{host}:{port}/__broadcastWebSocket.wc"))
}

/// Returns the address by which programs of this machine reach a listener.
fn reachable(bind: IpAddr) -> String {
    match bind {
        _ if bind.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V4(bind) => bind.to_string(),
        IpAddr::V6(bind) => format!("[{bind}]"),
    }
}
