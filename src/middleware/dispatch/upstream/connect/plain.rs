//! Connections without TLS: `http` only.

use std::{error::Error, fmt};

use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;

use super::{
    super::error::{Cause, UpstreamErrorKind},
    tcp,
};

/// The trusted certificates: none, without TLS.
#[derive(Clone, Debug)]
pub(in super::super) struct Trust {
    _private: (),
}

impl Trust {
    pub(in super::super) fn for_scheme(scheme: &Scheme) -> Result<Self, Cause> {
        if *scheme == Scheme::HTTPS {
            return Err(Cause::Trust {
                kind: UpstreamErrorKind::Url,
                error: Box::new(NoTls),
            });
        }
        Ok(Self { _private: () })
    }

    pub(in super::super) fn connector(&self) -> HttpConnector {
        tcp()
    }
}

#[derive(Debug)]
struct NoTls;

impl fmt::Display for NoTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the URL cannot be used: https needs the feature client-tls")
    }
}

impl Error for NoTls {}
