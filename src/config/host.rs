//! The type [`Host`]: what stands in a `Host` header.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::parse::parsed_from_text;

/// A host name or address with an optional port, as in a `Host` header.
///
/// Hosts are compared without regard to case; an IPv6 address stands in brackets. A colon without a
/// port after it is ignored (RFC 3986 §3.2.3).
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::Host;
///
/// let host: Host = "App.Example:8443".parse()?;
/// assert_eq!(host.to_string(), "app.example:8443");
/// # Ok::<(), web_connection_socket::config::ParseHostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    name: Box<str>,
    port: Option<u16>,
}

impl Host {
    /// Returns the name or address without a port, in lower case.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::config::{Host, ParseHostError};
    ///
    /// let host: Host = "[::1]:3000".parse()?;
    /// assert_eq!(host.name(), "[::1]");
    /// # Ok::<(), ParseHostError>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the port, if one was written.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::config::{Host, ParseHostError};
    ///
    /// let host: Host = "app.example".parse()?;
    /// assert_eq!(host.port(), None);
    /// # Ok::<(), ParseHostError>(())
    /// ```
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Tells whether `seen` is this host: a port written here must be the same there, and none
    /// written here means any.
    ///
    /// Clients leave out the default port of the scheme. The scheme is not known here, since TLS may end
    /// in front of this process, so a missing port counts as 80 and as 443. A dot at the end of a name,
    /// which ends the search for longer names in DNS, does not make it another host.
    pub(crate) fn admits(&self, seen: &Self) -> bool {
        let is_same_port = match (self.port, seen.port) {
            (None, _) => true,
            (Some(own), None) => matches!(own, 80 | 443),
            (own, seen) => own == seen,
        };
        self.without_dot() == seen.without_dot() && is_same_port
    }

    /// Tells whether the name can only mean this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let name = self.without_dot();
        if name == "localhost" || name.ends_with(".localhost") {
            return true;
        }
        if let Some(address) = bracketed(name) {
            return address.to_canonical().is_loopback();
        }
        name.parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
    }

    /// Tells whether it is an address, which no lookup leads anywhere else.
    pub(crate) fn is_address(&self) -> bool {
        bracketed(&self.name).is_some() || self.name.parse::<Ipv4Addr>().is_ok()
    }

    fn without_dot(&self) -> &str {
        self.name.strip_suffix('.').unwrap_or(&self.name)
    }

    pub(super) fn with_default_port(mut self, port: Option<u16>) -> Self {
        self.port = self.port.or(port);
        self
    }
}

impl FromStr for Host {
    type Err = ParseHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseHostError::new(text))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

parsed_from_text!(Host, ParseHostError, "a host", expected "a name or address such as app.example or [::1]:3000");

fn parse(text: &str) -> Option<Host> {
    let name_end = match text.find(']') {
        Some(bracket) => bracket + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (name, rest) = text.split_at(name_end);
    let port = match rest.strip_prefix(':') {
        // RFC 3986 §3.2.3: a port is any number of digits, none included.
        Some("") => None,
        Some(digits) => Some(parse_port(digits)?),
        None if rest.is_empty() => None,
        None => return None,
    };
    let name = match bracketed(name) {
        // One spelling per address, so that comparing names compares addresses.
        Some(address) => format!("[{address}]"),
        None if is_name(name) => name.to_ascii_lowercase(),
        None => return None,
    };
    Some(Host {
        name: name.into(),
        port,
    })
}

fn parse_port(digits: &str) -> Option<u16> {
    // `u16::from_str` alone would take a plus sign.
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits {
        digits.parse().ok()
    } else {
        None
    }
}

fn bracketed(name: &str) -> Option<Ipv6Addr> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_name(name: &str) -> bool {
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !name.is_empty() && name.bytes().all(is_name_byte)
}

#[cfg(test)]
mod tests {
    use super::Host;

    fn host(text: &str) -> Host {
        text.parse().unwrap()
    }

    #[test]
    fn names_compare_without_case_and_addresses_by_value() {
        assert_eq!(host("APP.example"), host("app.EXAMPLE"));
        assert_eq!(host("[0:0:0::1]:80"), host("[::1]:80"));
        assert_ne!(host("app.example"), host("app.example:80"));
    }

    #[test]
    fn a_host_without_port_admits_every_port() {
        assert!(host("app.example").admits(&host("app.example:8080")));
        assert!(host("app.example:80").admits(&host("app.example:80")));
        assert!(!host("app.example:80").admits(&host("app.example:81")));
        assert!(!host("app.example:8080").admits(&host("app.example")));
        assert!(!host("app.example").admits(&host("sub.app.example")));
    }

    #[test]
    fn a_port_that_is_left_out_is_the_default_one() {
        for own in ["app.example:80", "app.example:443"] {
            for seen in ["app.example", "APP.example:", "app.example.", own] {
                assert!(host(own).admits(&host(seen)), "{own} {seen}");
            }
        }
        assert!(!host("app.example:443").admits(&host("app.example:80")));
    }

    #[test]
    fn a_dot_at_the_end_does_not_make_another_host() {
        assert!(host("app.example").admits(&host("app.example.")));
        assert!(host("app.example.").admits(&host("app.example:8080")));
        assert!(!host("app.example").admits(&host("app.example..")));
        assert_ne!(host("app.example"), host("app.example."));
    }

    #[test]
    fn an_empty_port_is_ignored() {
        for (text, same) in [
            ("app.example:", "app.example"),
            ("APP.example.:", "app.example."),
            ("127.0.0.1:", "127.0.0.1"),
            ("[::1]:", "[::1]"),
        ] {
            assert_eq!(host(text), host(same), "{text}");
            assert_eq!(host(text).to_string(), same);
        }
    }

    #[test]
    fn invalid_hosts_are_refused() {
        for bad in [
            "",
            ":80",
            "a b",
            "a@b",
            "a/b",
            ":",
            "a::",
            "a:+80",
            "a:65536",
            "a:80:81",
            "::1",
            "[::1",
            "[::1]80",
            "[::1]::",
            "[nope]",
            "a,b",
            "a]",
            "x[::1]",
            "é",
            "a\\b",
            "a%2eb",
            "[fe80::1%25eth0]",
        ] {
            assert!(bad.parse::<Host>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn loopback_names_and_addresses_are_known() {
        for yes in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "localhost:3000",
            "a.localhost",
            "a.localhost.:1",
            "127.0.0.1",
            "127.255.0.9:80",
            "127.0.0.1.",
            "[::1]",
            "[::1]:3000",
            "[::ffff:127.0.0.1]",
        ] {
            assert!(host(yes).is_loopback(), "{yes}");
        }
        for no in [
            "localhost..",
            "notlocalhost",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "128.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::2]",
            "127.1",
            "2130706433",
            "10.0.0.1",
            "[::ffff:10.0.0.1]",
            "localhost-x",
        ] {
            assert!(!host(no).is_loopback(), "{no}");
        }
    }
}
