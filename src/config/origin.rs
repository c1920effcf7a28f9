//! The type [`Origin`]: what stands in an `Origin` header.

use std::fmt;
use std::str::FromStr;

use super::host::Host;
use super::parse::parsed_from_text;

/// Where a page came from: scheme, host and port, as browsers write them in `Origin`.
///
/// Origins are compared without regard to case, with the default port of `http`, `https`, `ws` and
/// `wss` filled in. Text with a path, even a lone slash, or with a colon but no port is not a valid
/// origin.
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::Origin;
///
/// let origin: Origin = "HTTPS://App.Example:443".parse()?;
/// assert_eq!(origin.to_string(), "https://app.example");
/// # Ok::<(), web_connection_socket::config::ParseOriginError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Box<str>,
    host: Host,
}

impl Origin {
    /// Tells whether this origin's host and port are those of `host`.
    ///
    /// A missing port on either side is the default of the origin's scheme. The scheme itself is
    /// not compared, since TLS may end in front of this process.
    pub(crate) fn is_at(&self, host: &Host) -> bool {
        self.host == host.clone().with_default_port(default_port(&self.scheme))
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.host.is_loopback()
    }
}

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseOriginError::new(text))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, name) = (&self.scheme, self.host.name());
        match self.host.port() {
            Some(port) if default_port(scheme) != Some(port) => {
                write!(f, "{scheme}://{name}:{port}")
            }
            _ => write!(f, "{scheme}://{name}"),
        }
    }
}

parsed_from_text!(Origin, ParseOriginError, "an origin", expected "just scheme, host and port, such as https://app.example");

fn parse(text: &str) -> Option<Origin> {
    let (scheme, host) = text.split_once("://")?;
    // RFC 6454 §6.2: a port is written with its digits or not at all. A host is read more liberally.
    if !is_scheme(scheme) || host.ends_with(':') {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let host = host
        .parse::<Host>()
        .ok()?
        .with_default_port(default_port(&scheme));
    Some(Origin {
        scheme: scheme.into(),
        host,
    })
}

fn is_scheme(text: &str) -> bool {
    // RFC 3986 §3.1
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn case_and_default_ports_do_not_matter() {
        assert_eq!(
            origin("HTTPS://APP.EXAMPLE"),
            origin("https://app.example:443")
        );
        assert_eq!(
            origin("http://app.example:80"),
            origin("http://app.example")
        );
        assert_ne!(origin("http://app.example"), origin("https://app.example"));
        assert_ne!(
            origin("https://app.example:444"),
            origin("https://app.example")
        );
        assert_eq!(
            origin("http://app.example:8080").to_string(),
            "http://app.example:8080"
        );
    }

    #[test]
    fn invalid_origins_are_refused() {
        for bad in [
            "",
            "null",
            "file://",
            "app.example",
            "https://",
            "https:app.example",
            "https://app.example/",
            "https://app.example/path",
            "https://app.example?q",
            "https://app.example#f",
            "https://app.example@evil.test",
            "https://app.example https://b.example",
            "https://app.example, https://b.example",
            "://app.example",
            "1http://app.example",
            "https://app.example:",
            "https://app.example.:",
            "https://[::1]:",
            "file://:",
            " https://app.example",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_missing_port_of_the_host_is_the_default_of_the_origins_scheme() {
        let at = |text: &str, host: &str| origin(text).is_at(&host.parse().unwrap());
        assert!(at("https://app.example", "app.example"));
        assert!(at("http://app.example", "APP.example"));
        assert!(at("https://app.example", "app.example:443"));
        assert!(at("http://[::1]:3000", "[::1]:3000"));
        assert!(at("https://app.example", "app.example:"));
        assert!(!at("https://app.example:8443", "app.example:"));
        assert!(!at("https://app.example", "app.example."));
        assert!(!at("https://app.example", "app.example:80"));
        assert!(!at("https://app.example", "app.example:8443"));
        assert!(!at("https://app.example:8443", "app.example"));
        assert!(!at("https://sub.app.example", "app.example"));
    }
}
