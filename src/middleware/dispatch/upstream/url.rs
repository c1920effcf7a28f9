//! The URL of an upstream, and the one for broadcasts.

use std::{fmt, path::PathBuf};

use http::{
    HeaderValue, Uri,
    uri::{Authority, Scheme},
};

use super::error::{Cause, UrlFlaw};

/// Where an upstream listens, and the directory in it that all paths begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
    /// Without a slash at its end.
    pub(super) directory: Box<str>,
    pub(super) socket: Option<PathBuf>,
}

impl Base {
    pub(super) fn parse(url: &str) -> Result<Self, Cause> {
        parse(url).map_err(Cause::Url)
    }

    /// Returns the URL of a path of ours at the upstream.
    pub(super) fn join(&self, path: &Uri) -> Uri {
        let text = format!("{}{path}", self.directory);
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(text)
            .build()
            .expect("a directory and a path are a path")
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "unix:{}", path.display()),
            None => write!(f, "{}://{}{}", self.scheme, self.authority, self.directory),
        }
    }
}

/// Returns a URL for broadcasts as a header value.
pub(super) fn broadcast_url(url: &str) -> Result<HeaderValue, Cause> {
    let uri = check(url).map_err(Cause::Url)?;
    HeaderValue::try_from(uri.to_string()).map_err(|_| Cause::Url(UrlFlaw::Scheme))
}

fn parse(url: &str) -> Result<Base, UrlFlaw> {
    if let Some(path) = url.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') || path.len() < 2 || !cfg!(unix) {
            return Err(UrlFlaw::Socket);
        }
        return Ok(Base {
            scheme: Scheme::HTTP,
            authority: Authority::from_static("localhost"),
            directory: "".into(),
            socket: Some(path.into()),
        });
    }
    let parts = check(url)?.into_parts();
    let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
        return Err(UrlFlaw::Scheme);
    };
    let path = parts.path_and_query;
    let directory = path.as_ref().map_or("", |path| path.as_str());
    Ok(Base {
        scheme,
        authority,
        directory: directory.trim_end_matches('/').into(),
        socket: None,
    })
}

fn check(url: &str) -> Result<Uri, UrlFlaw> {
    // `Uri` drops a fragment silently.
    if url.contains(['?', '#']) {
        return Err(UrlFlaw::Query);
    }
    // `Uri` takes others in a path, but not every client and verifier does.
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UrlFlaw::NotAscii);
    }
    let uri: Uri = url.parse().map_err(UrlFlaw::Unreadable)?;
    let has_scheme = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
    let Some(authority) = uri.authority().filter(|_| has_scheme) else {
        return Err(UrlFlaw::Scheme);
    };
    if authority.as_str().contains('@') {
        return Err(UrlFlaw::Password);
    }
    // `Uri` accepts any number as a port.
    if authority.as_str() != authority.host() && authority.port_u16().is_none() {
        return Err(UrlFlaw::Port);
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::dispatch::upstream::{UpstreamError, UpstreamErrorKind};

    #[test]
    fn a_path_of_ours_is_below_the_directory_of_the_url() {
        for (base, expected) in [
            ("http://app:8080", "http://app:8080/__WebSocket.wwd"),
            ("http://app:8080/", "http://app:8080/__WebSocket.wwd"),
            ("HTTPS://[::1]/shop/", "https://[::1]/shop/__WebSocket.wwd"),
            ("http://app/a/b", "http://app/a/b/__WebSocket.wwd"),
        ] {
            let base = Base::parse(base).unwrap();
            let path = Uri::from_static("/__WebSocket.wwd");
            assert_eq!(base.join(&path).to_string(), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_has_a_path_and_no_directory() {
        for url in ["unix:/run/app.sock", "unix:///run/app.sock"] {
            let base = Base::parse(url).unwrap();
            assert_eq!(base.socket, Some("/run/app.sock".into()));
            let path = Uri::from_static("/x.wwd");
            assert_eq!(base.join(&path).to_string(), "http://localhost/x.wwd");
        }
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused_and_no_password_repeated() {
        for bad in [
            "",
            "127.0.0.1:8080",
            "/app",
            "ws://app",
            "ftp://app",
            "http://",
            "http://app?x=1",
            "http://app#x",
            "http://a b",
            "http://app/gr\u{fc}\u{df}e",
            "http://app:99999",
            "http://ann:hunter2@app",
            "unix:",
            "unix:/",
            "unix:relative.sock",
        ] {
            let error = UpstreamError::from(Base::parse(bad).unwrap_err());
            assert_eq!(error.kind(), UpstreamErrorKind::Url, "{bad}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_url_for_broadcasts_keeps_its_path() {
        let url = "https://gateway.internal:5201/__broadcastWebSocket.wc";
        assert_eq!(broadcast_url(url).unwrap(), url);
        assert!(broadcast_url("/__broadcastWebSocket.wc").is_err());
        assert!(broadcast_url("http://x/\u{e4}/__broadcastWebSocket.wc").is_err());
        assert!(broadcast_url("http://x/\r\nevil: 1").is_err());
    }
}
