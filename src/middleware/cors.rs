//! The CORS headers by which a page of another origin may read why a handshake failed.

use http::{
    HeaderMap, HeaderValue,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ORIGIN, VARY,
    },
    request::Parts,
};

use super::{
    access::{Trust, check_host, trust},
    request::has_token,
};
use crate::config::Config;

/// A page that may read the answers of the handshake's URL, because it may open sockets there.
pub(super) struct Reader {
    /// As the browser wrote it: it compares byte for byte.
    origin: HeaderValue,
    with_credentials: bool,
}

impl Reader {
    /// Finds the page that a request names; none if it may not open sockets, or the request names none.
    pub(super) fn find(config: &Config, parts: &Parts) -> Option<Self> {
        let trust = trust(config, parts);
        if trust == Trust::None || check_host(config, parts).is_err() {
            return None;
        }
        Some(Self {
            origin: parts.headers.get(ORIGIN)?.clone(),
            with_credentials: trust == Trust::Named,
        })
    }
}

/// Adds which page may read an answer. An answer that already says so, as a hook's may, keeps its own.
pub(super) fn let_read(headers: &mut HeaderMap, reader: Option<Reader>) {
    // A cache must not give one page what was meant for another.
    if !has_token(headers, VARY, "origin") && !has_token(headers, VARY, "*") {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    let Some(reader) = reader else {
        return;
    };
    if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return;
    }
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, reader.origin);
    headers.append(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(EXPOSED),
    );
    if reader.with_credentials {
        headers.insert(
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
}

/// Header names that the Fetch standard's safelist does not hold.
const EXPOSED: &str = "Retry-After, WebSocket-Protocols, WebSocket-Refusal";

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const APP: &str = "https://app.example";

    /// Returns the headers of an answer to a request with these origins.
    fn told(config: &Config, origins: &[&str], answer: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut request = Request::get("/__initializeSocket.wc").header("host", "inside:8080");
        for origin in origins {
            request = request.header("origin", *origin);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let mut headers = HeaderMap::new();
        for (name, value) in answer {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let_read(&mut headers, Reader::find(config, &parts));
        let lines = headers.iter();
        let mut lines: Vec<_> = lines
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        lines.sort();
        lines
    }

    fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        let lines = lines.iter();
        lines
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    const VARIES: (&str, &str) = ("vary", "Origin");
    const EXPOSES: (&str, &str) = ("access-control-expose-headers", EXPOSED);

    #[test]
    fn a_page_that_may_open_sockets_may_read_with_its_cookies() {
        let config = Config::new().origins([APP]);
        for page in [APP, "https://app.example:443", "HTTPS://app.example"] {
            let expected = lines(&[
                ("access-control-allow-credentials", "true"),
                ("access-control-allow-origin", page),
                EXPOSES,
                VARIES,
            ]);
            assert_eq!(told(&config, &[page], &[]), expected);
        }
    }

    #[test]
    fn no_other_page_is_told_anything() {
        let config = Config::new().origins([APP]);
        let rebound = Config::new().origins([APP]).hosts(["app.example"]);
        for (config, origins) in [
            (&config, &["https://evil.test"][..]),
            (&config, &["null"]),
            (&config, &[APP, APP]),
            (&config, &[]),
            (&rebound, &[APP]),
        ] {
            assert_eq!(told(config, origins, &[]), lines(&[VARIES]), "{origins:?}");
        }
    }

    #[test]
    fn where_any_page_may_open_sockets_none_reads_with_its_cookies() {
        let config = Config::new().any_origin().public_origin(APP);
        for page in [APP, "https://evil.test", "null"] {
            let expected = [("access-control-allow-origin", page), EXPOSES, VARIES];
            assert_eq!(told(&config, &[page], &[]), lines(&expected));
        }
        for none in [&["no origin"][..], &[""], &[APP, APP], &[]] {
            assert_eq!(told(&config, none, &[]), lines(&[VARIES]), "{none:?}");
        }
    }

    #[test]
    fn what_a_hook_says_itself_stands() {
        let config = Config::new().origins([APP]);
        let own = [
            ("access-control-allow-origin", "*"),
            ("vary", "Cookie, Origin"),
        ];
        assert_eq!(told(&config, &[APP], &own), lines(&own));
        let more = told(
            &config,
            &[APP],
            &[
                ("access-control-expose-headers", "X-Why"),
                ("vary", "Cookie"),
            ],
        );
        let expected = [
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-origin", APP),
            EXPOSES,
            ("access-control-expose-headers", "X-Why"),
            ("vary", "Cookie"),
            VARIES,
        ];
        assert_eq!(more, lines(&expected));
    }
}
