//! The host that a request is for.

use http::{HeaderMap, HeaderName, header::HOST, request::Parts};

use crate::config::Host;

/// Returns the host of a request, from its `Host` header and its URL's authority.
///
/// # Errors
///
/// If there are several, if they differ, or if one is not a valid host.
pub(crate) fn host_of(parts: &Parts) -> Result<Option<Host>, AmbiguousHost> {
    let mut lines = parts.headers.get_all(HOST).iter();
    let header = match (lines.next(), lines.next()) {
        (_, Some(_)) => return Err(AmbiguousHost::Several),
        (Some(line), None) => {
            let text = line.to_str().map_err(|_opaque| AmbiguousHost::Malformed)?;
            Some(parse(text)?)
        }
        (None, None) => None,
    };
    let authority = match parts.uri.authority() {
        Some(authority) => Some(parse(authority.as_str())?),
        None => None,
    };
    match (header, authority) {
        // RFC 9113 §8.3.1 and RFC 9112 §3.2.2: both name the same target.
        (Some(header), Some(authority)) if !same(&header, &authority, parts) => {
            Err(AmbiguousHost::Differs)
        }
        (header, authority) => Ok(authority.or(header)),
    }
}

/// Shows the host of a request, as it was sent.
pub(crate) fn shown_host(parts: &Parts) -> Box<str> {
    match host_of(parts) {
        Ok(Some(host)) => host.to_string().into(),
        Ok(None) | Err(_) => shown_header(&parts.headers, &HOST),
    }
}

/// Shows a header as it was sent, cut to 200 characters.
pub(crate) fn shown_header(headers: &HeaderMap, name: &HeaderName) -> Box<str> {
    let values = headers.get_all(name).iter();
    let shown: Vec<_> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    shown
        .join(" and ")
        .chars()
        .take(200)
        .collect::<String>()
        .into()
}

/// Why a request's host is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AmbiguousHost {
    Several,
    Differs,
    Malformed,
}

impl AmbiguousHost {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Several => "there is more than one Host header",
            Self::Differs => "the Host header is not the host of the URL",
            Self::Malformed => "the Host header is not a valid host with an optional port",
        }
    }
}

fn parse(text: &str) -> Result<Host, AmbiguousHost> {
    text.parse().map_err(|_no_host| AmbiguousHost::Malformed)
}

/// Compares two hosts. A missing port is the default of the URL's scheme.
fn same(header: &Host, authority: &Host, parts: &Parts) -> bool {
    let default = match parts.uri.scheme_str() {
        Some("https" | "wss") => Some(443),
        Some(_) => Some(80),
        None => None,
    };
    header.name() == authority.name() && header.port().or(default) == authority.port().or(default)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::{AmbiguousHost, host_of};

    fn host(uri: &str, headers: &[&str]) -> Result<Option<String>, AmbiguousHost> {
        let mut request = Request::get(uri);
        for host in headers {
            request = request.header("host", *host);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Ok(host_of(&parts)?.map(|host| host.to_string()))
    }

    #[test]
    fn header_and_authority_name_one_host() {
        let app = Ok(Some("app.example".to_owned()));
        assert_eq!(host("/", &["app.example"]), app);
        assert_eq!(host("https://app.example/", &[]), app);
        assert_eq!(host("https://app.example/", &["APP.example:443"]), app);
        assert_eq!(host("/", &[]), Ok(None));
        // RFC 3986 §3.2.3 allows the colon alone; it names no other port.
        assert_eq!(host("/", &["app.example:"]), app);
        assert_eq!(host("https://app.example:/", &[]), app);
        assert_eq!(host("https://app.example:/", &["app.example"]), app);
        assert_eq!(host("https://app.example/", &["App.Example:"]), app);
        assert_eq!(
            host("https://app.example:443/", &["app.example:"]),
            Ok(Some("app.example:443".to_owned()))
        );
    }

    #[test]
    fn several_different_or_malformed_hosts_are_none() {
        let twice = ["app.example", "app.example"];
        assert_eq!(host("/", &twice), Err(AmbiguousHost::Several));
        assert_eq!(
            host("http://a.example/", &["b.example"]),
            Err(AmbiguousHost::Differs)
        );
        assert_eq!(
            host("http://a.example/", &["a.example:81"]),
            Err(AmbiguousHost::Differs)
        );
        assert_eq!(
            host("http://a.example:81/", &["a.example:"]),
            Err(AmbiguousHost::Differs)
        );
        for bad in ["", ":", "a::", "a@b", "a b", "a:x", "a,b"] {
            assert_eq!(host("/", &[bad]), Err(AmbiguousHost::Malformed), "{bad}");
        }
        assert_eq!(
            host("http://u@a.example/", &[]),
            Err(AmbiguousHost::Malformed)
        );
    }
}
