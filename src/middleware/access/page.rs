//! Which requests may open a socket: those for a served host, from an allowed page.

use http::{HeaderMap, header::ORIGIN, request::Parts};

use crate::{
    config::{Access, Config, Origin, Origins},
    middleware::{
        rejection::{Cause, Rejection},
        request::{PageOrigin, host_of, is_same_host, shown_header, shown_host},
    },
};

/// Checks that the request is for a served host, which stops DNS rebinding.
///
/// # Errors
///
/// If hosts are configured and the request is for none of them, or for several.
pub(crate) fn check_host(config: &Config, parts: &Parts) -> Result<(), Rejection> {
    let hosts = &config.access.hosts;
    let is_served = || match host_of(parts) {
        Ok(Some(host)) => hosts.iter().any(|served| served.admits(&host)),
        Ok(None) | Err(_) => false,
    };
    if hosts.is_empty() || is_served() {
        return Ok(());
    }
    Err(Cause::HostNotAllowed(shown_host(parts)).into())
}

/// Checks that the page may open a socket. A program sends no `Origin` and passes.
///
/// # Errors
///
/// If the origin is not allowed, or if the header is not a single valid origin.
pub(crate) fn check_origin(config: &Config, parts: &Parts) -> Result<(), Rejection> {
    if matches!(config.access.origins, Origins::Any) {
        return Ok(());
    }
    match PageOrigin::from_headers(&parts.headers) {
        PageOrigin::Absent => Ok(()),
        PageOrigin::Malformed => {
            Err(Cause::MalformedOrigin(shown_header(&parts.headers, &ORIGIN)).into())
        }
        PageOrigin::One(origin) if may_open(&config.access, &origin, parts) => Ok(()),
        PageOrigin::One(origin) => {
            let origin = origin.to_string().into();
            Err(Cause::ForeignOrigin {
                origin,
                host: shown_host(parts),
            }
            .into())
        }
    }
}

/// How far the page that made a request is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// It may not open sockets, or the request names no page.
    None,
    /// It may open sockets because every page may, even one without an origin.
    Any,
    /// It may open sockets because its origin is allowed.
    Named,
}

/// Returns how far the page that a request names in `Origin` is trusted.
pub(crate) fn trust(config: &Config, parts: &Parts) -> Trust {
    let is_any = matches!(config.access.origins, Origins::Any);
    match PageOrigin::from_headers(&parts.headers) {
        PageOrigin::One(_) if is_any => Trust::Any,
        PageOrigin::One(origin) if may_open(&config.access, &origin, parts) => Trust::Named,
        PageOrigin::Malformed if is_any && is_null(&parts.headers) => Trust::Any,
        PageOrigin::Absent | PageOrigin::Malformed | PageOrigin::One(_) => Trust::None,
    }
}

/// Tells whether the page has no origin, as a sandboxed frame or a file.
fn is_null(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(ORIGIN).iter();
    lines.next().is_some_and(|line| line == "null") && lines.next().is_none()
}

fn may_open(access: &Access, origin: &Origin, parts: &Parts) -> bool {
    let by_rule = match (&access.origins, &access.public_origin) {
        (Origins::Any, _) => true,
        (Origins::SameHost, None) => is_same_host(origin, parts),
        (Origins::SameHost, Some(public)) => origin == public,
        (Origins::Listed(listed), public) => listed.iter().chain(public).any(|one| origin == one),
    };
    by_rule || access.localhost_origins && origin.is_loopback() && is_for_loopback(parts)
}

fn is_for_loopback(parts: &Parts) -> bool {
    host_of(parts).is_ok_and(|host| host.is_some_and(|host| host.is_loopback()))
}

#[cfg(test)]
mod tests {
    use http::{Request, request::Parts};

    use super::*;
    use crate::protocol::RejectionKind;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post("/__broadcastWebSocket.wc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn origin(config: &Config, host: &str, origin: &str) -> Result<(), Rejection> {
        check_origin(config, &request(&[("host", host), ("origin", origin)]))
    }

    fn is_forbidden(refused: Result<(), Rejection>) -> bool {
        refused.is_err_and(|rejection| {
            use RejectionKind::{ForeignOrigin, MalformedOrigin};
            let is_origin = matches!(rejection.kind(), ForeignOrigin | MalformedOrigin);
            is_origin && rejection.status() == 403
        })
    }

    #[test]
    fn hosts_stop_dns_rebinding() {
        let config = Config::new().hosts(["app.example", "localhost:3000"]);
        for host in [
            "app.example",
            "APP.example:8080",
            "app.example:",
            "app.example.:8080",
            "localhost:3000",
        ] {
            assert!(
                check_host(&config, &request(&[("host", host)])).is_ok(),
                "{host}"
            );
        }
        for headers in [
            &[("host", "evil.test")][..],
            &[("host", "localhost:3001")],
            &[("host", "localhost:")],
            &[("host", "sub.app.example")],
            &[("host", "app.example"), ("host", "evil.test")],
            &[("host", "")],
            &[],
        ] {
            let rejection = check_host(&config, &request(headers)).unwrap_err();
            assert_eq!(
                rejection.kind(),
                RejectionKind::HostNotAllowed,
                "{headers:?}"
            );
        }
        assert!(check_host(&Config::new(), &request(&[])).is_ok());
    }

    #[test]
    fn by_default_a_page_needs_the_host_and_port_of_the_request() {
        let config = Config::new();
        for (host, page) in [
            ("app.example", "https://app.example"),
            ("app.example", "http://app.example"),
            ("APP.example", "HTTPS://app.EXAMPLE:443"),
            ("app.example:443", "https://app.example"),
            ("app.example:", "https://app.example"),
            ("app.example:", "http://app.example:80"),
            ("app.example.", "https://app.example."),
            ("app.example:80", "http://app.example"),
            ("localhost:3000", "http://localhost:3000"),
            ("[::1]:3000", "http://[::1]:3000"),
            ("192.0.2.1", "http://192.0.2.1"),
        ] {
            assert!(origin(&config, host, page).is_ok(), "{host} {page}");
        }
        for (host, page) in [
            ("app.example", "https://evil.test"),
            ("app.example", "https://app.example.evil.test"),
            ("app.example", "https://sub.app.example"),
            ("app.example", "https://app.example:444"),
            ("app.example:8080", "http://app.example"),
            ("app.example:80", "https://app.example"),
            ("app.example:", "https://app.example:"),
            ("app.example", "https://app.example:"),
            ("app.example:", "https://app.example:8443"),
            ("app.example", "https://app.example."),
            ("localhost:3000", "http://localhost:5173"),
            ("localhost", "http://127.0.0.1"),
            ("app.example", "null"),
            ("app.example", ""),
            ("app.example", "file://"),
        ] {
            assert!(is_forbidden(origin(&config, host, page)), "{host} {page}");
        }
    }

    #[test]
    fn a_program_without_origin_passes() {
        assert!(check_origin(&Config::new(), &request(&[("host", "app.example")])).is_ok());
        let none: [&str; 0] = [];
        assert!(check_origin(&Config::new().origins(none), &request(&[])).is_ok());
    }

    #[test]
    fn listed_origins_are_matched_exactly() {
        const APP: &str = "https://app.example";
        for config in [
            Config::new().origins([APP]),
            Config::new().public_origin(APP),
            Config::new()
                .origins(["https://other.example"])
                .public_origin(APP),
            Config::new().origins([APP]).allow_localhost_origins(true),
        ] {
            for page in [APP, "HTTPS://APP.EXAMPLE", "https://app.example:443"] {
                assert!(origin(&config, "inside:8080", page).is_ok(), "{page}");
            }
            for page in [
                "https://app.example.evil.test",
                "https://evilapp.example",
                "https://app.example@evil.test",
                "http://app.example",
                "https://app.example:444",
                "null",
                "",
                "https://app.example, https://app.example",
                "https://app.example https://evil.test",
                "https://sub.app.example",
                "file://",
                "https://app.example/path",
                "https://app.example/",
                "https://app.example.",
                "https://app.example\\@evil.test",
                "http://inside:8080",
                "http://localhost",
            ] {
                assert!(is_forbidden(origin(&config, "inside:8080", page)), "{page}");
            }
            let twice = request(&[("host", "app.example"), ("origin", APP), ("origin", APP)]);
            assert!(is_forbidden(check_origin(&config, &twice)));
        }
    }

    #[test]
    fn localhost_origins_count_only_for_a_loopback_host() {
        let config = Config::new().allow_localhost_origins(true);
        for (host, page) in [
            ("localhost:3000", "http://localhost:5173"),
            ("127.0.0.1:3000", "http://localhost:5173"),
            ("[::1]:3000", "https://app.localhost"),
            ("localhost.:3000", "http://127.0.0.1:8080"),
            ("app.example", "https://app.example"),
        ] {
            assert!(origin(&config, host, page).is_ok(), "{host} {page}");
        }
        for (host, page) in [
            ("app.example", "http://localhost:5173"),
            ("localhost:3000", "http://evil.test"),
            ("localhost:3000", "http://localhost.evil.test"),
            ("localhost:3000", "null"),
        ] {
            assert!(is_forbidden(origin(&config, host, page)), "{host} {page}");
        }
    }

    #[test]
    fn any_origin_is_any() {
        let config = Config::new()
            .any_origin()
            .public_origin("https://app.example");
        for page in ["https://evil.test", "null", "file://", ""] {
            assert!(origin(&config, "app.example", page).is_ok(), "{page}");
        }
    }

    #[test]
    fn a_rejected_page_is_told_its_origin_and_what_would_let_it_in() {
        let told = origin(&Config::new(), "app.example", "https://evil.test")
            .unwrap_err()
            .to_string();
        for word in ["https://evil.test", "app.example", "Config::origins"] {
            assert!(told.contains(word), "{told}");
        }
    }
}
