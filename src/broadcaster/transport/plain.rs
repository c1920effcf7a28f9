//! The transport without TLS: `http://` only.

use std::error::Error;
use std::fmt;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;

use crate::broadcaster::error::{BroadcastErrorKind, Cause};

/// Connects to `http://` only.
pub(in crate::broadcaster) type Connector = HttpConnector;

/// The trusted certificates: none, without TLS.
#[derive(Clone, Debug)]
pub(in crate::broadcaster) struct Trust {
    _private: (),
}

impl Trust {
    pub(in crate::broadcaster) fn for_endpoint(endpoint: &Uri) -> Result<Self, Cause> {
        if endpoint.scheme() == Some(&Scheme::HTTPS) {
            return Err(Cause::Trust {
                kind: BroadcastErrorKind::Url,
                error: Box::new(NoTls),
            });
        }
        Ok(Self { _private: () })
    }

    pub(in crate::broadcaster) fn connector(&self, tcp: HttpConnector) -> Connector {
        tcp
    }
}

#[derive(Debug)]
struct NoTls;

impl fmt::Display for NoTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the base URL cannot be used: https needs the feature client-tls")
    }
}

impl Error for NoTls {}
