//! Which callers may use the reserved URLs: by token, network, this machine, or a predicate.

use std::net::SocketAddr;

use http::{HeaderMap, header::AUTHORIZATION, request::Parts};

use super::{
    loopback::{check_local, is_proxied},
    network::is_in_network,
    page::check_host,
    verdict::{Verdict, refused},
};
use crate::{
    config::{Access, BearerToken, Config},
    middleware::{
        rejection::{Cause, Rejection},
        route::Predicate,
    },
};

/// Checks that the caller may use the reserved URLs. Each configured condition admits by itself.
///
/// # Errors
///
/// If the host is not served, if no condition is configured, or if the caller meets none.
pub(crate) fn may_call(
    config: &Config,
    parts: &Parts,
    peer: Option<SocketAddr>,
    custom: Option<&Predicate>,
) -> Result<(), Rejection> {
    check_host(config, parts)?;
    let access = &config.access;
    let conditions: [&dyn Fn() -> Verdict; 4] = [
        &|| has_token(access, parts),
        &|| is_in_network(access, parts, peer),
        &|| is_local(access, parts, peer),
        &|| meets_predicate(custom, parts),
    ];
    // The first refusal is told: a missing token before all, since the caller can add one.
    let mut refused = None;
    for condition in conditions {
        match condition() {
            Some(Ok(())) => return Ok(()),
            Some(Err(cause)) => _ = refused.get_or_insert(cause),
            None => {}
        }
    }
    Err(refused.unwrap_or(Cause::CallersNotConfigured).into())
}

/// Tells whether local callers are trusted although a proxy on this machine makes every client local.
pub(crate) fn looks_proxied(config: &Config, parts: &Parts, peer: Option<SocketAddr>) -> bool {
    config.access.local_callers && is_proxied(parts, peer)
}

/// Says whether the caller sent one of the layer's own tokens.
pub(crate) fn has_token(access: &Access, parts: &Parts) -> Verdict {
    if access.bearer_tokens.is_empty() {
        return None;
    }
    Some(match sent_token(&parts.headers) {
        Some(sent) if BearerToken::is_one_of(sent, &access.bearer_tokens) => Ok(()),
        Some(_) => Err(Cause::TokenWrong),
        None => Err(Cause::TokenMissing),
    })
}

fn is_local(access: &Access, parts: &Parts, peer: Option<SocketAddr>) -> Verdict {
    if !access.local_callers {
        return None;
    }
    match check_local(parts, peer) {
        Ok(()) => Some(Ok(())),
        Err(why) => refused(&format!(
            "Config::trust_local_callers admits local callers only: {why}. A token of \
             Config::bearer_tokens would let it in."
        )),
    }
}

fn meets_predicate(custom: Option<&Predicate>, parts: &Parts) -> Verdict {
    if custom?(parts) {
        return Some(Ok(()));
    }
    refused(
        "The predicate of allow_callers_if does not admit this request. A token of \
         Config::bearer_tokens would let it in.",
    )
}

/// Returns the bearer token of a request that has exactly one `Authorization` header.
fn sent_token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    // RFC 9110 §11.1: the scheme is case-insensitive.
    let (scheme, token) = line.as_bytes().split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::{config::IpNet, protocol::RejectionKind};

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post("/__broadcastWebSocket.wc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn call(
        config: &Config,
        headers: &[(&str, &str)],
        peer: &str,
    ) -> Result<(), (RejectionKind, u16)> {
        let peer: SocketAddr = peer.parse().unwrap();
        may_call(config, &request(headers), Some(peer), None)
            .map_err(|rejection| (rejection.kind(), rejection.status().as_u16()))
    }

    const LOCALHOST: (&str, &str) = ("host", "localhost");

    #[test]
    fn by_default_no_caller_is_admitted() {
        let headers = [LOCALHOST, ("authorization", "Bearer x")];
        let refused = Err((RejectionKind::CallersNotConfigured, 403));
        assert_eq!(call(&Config::new(), &headers, "127.0.0.1:5"), refused);
    }

    #[test]
    fn a_token_admits_from_anywhere() {
        let config = Config::new().bearer_tokens(["new", "old"]);
        for value in ["Bearer new", "Bearer old", "bearer new", "BEARER  new "] {
            assert_eq!(
                call(&config, &[("authorization", value)], "192.0.2.1:5"),
                Ok(()),
                "{value:?}"
            );
        }
        let missing = Err((RejectionKind::TokenMissing, 401));
        assert_eq!(call(&config, &[], "127.0.0.1:5"), missing);
        for value in ["new", "Basic new", "Bearernew", "Bearer", ""] {
            assert_eq!(
                call(&config, &[("authorization", value)], "127.0.0.1:5"),
                missing,
                "{value:?}"
            );
        }
        let twice = [
            ("authorization", "Bearer new"),
            ("authorization", "Bearer new"),
        ];
        assert_eq!(call(&config, &twice, "127.0.0.1:5"), missing);
        for value in [
            "Bearer neW",
            "Bearer ne",
            "Bearer new,old",
            "Bearer new old",
            "Bearer  ",
        ] {
            let wrong = Err((RejectionKind::TokenWrong, 401));
            assert_eq!(
                call(&config, &[("authorization", value)], "127.0.0.1:5"),
                wrong,
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_network_admits_its_peers_but_no_page_of_another_site() {
        let office: IpNet = "10.1.0.0/16".parse().unwrap();
        let config = Config::new().allow_callers_from([office]);
        let host = ("host", "app.example");
        assert_eq!(call(&config, &[host], "10.1.2.3:5"), Ok(()));
        assert_eq!(call(&config, &[host], "[::ffff:10.1.2.3]:5"), Ok(()));
        let refused = Err((RejectionKind::CallerNotAllowed, 403));
        assert_eq!(call(&config, &[host], "10.2.0.1:5"), refused);
        assert_eq!(
            call(
                &config,
                &[host, ("x-forwarded-for", "10.1.2.3")],
                "192.0.2.1:5"
            ),
            refused
        );
        assert_eq!(
            call(
                &config,
                &[host, ("origin", "http://evil.test")],
                "10.1.2.3:5"
            ),
            refused
        );
        assert_eq!(
            call(
                &config,
                &[host, ("sec-fetch-site", "cross-site")],
                "10.1.2.3:5"
            ),
            refused
        );
        let unknown = may_call(&config, &request(&[host]), None, None).unwrap_err();
        assert_eq!(unknown.kind(), RejectionKind::CallerNotAllowed);
    }

    #[test]
    fn a_page_in_a_network_is_admitted_only_under_a_host_that_is_named() {
        let office: IpNet = "10.1.0.0/16".parse().unwrap();
        let anywhere = Config::new().allow_callers_from([office]);
        let named = anywhere.clone().hosts(["app.example"]);
        let refused = |kind| Err((kind, 403));
        let not_a_caller = refused(RejectionKind::CallerNotAllowed);
        for page in [
            &[("origin", "http://HOST")][..],
            &[("sec-fetch-site", "same-origin")],
            &[("origin", "http://HOST"), ("sec-fetch-site", "same-origin")],
        ] {
            let ask = |config: &Config, host: &str| {
                let origin = format!("http://{host}");
                let page = page.iter().map(|&(name, value)| match name {
                    "origin" => (name, origin.as_str()),
                    _ => (name, value),
                });
                let headers: Vec<_> = [("host", host)].into_iter().chain(page).collect();
                call(config, &headers, "10.1.2.3:5")
            };
            // DNS rebinding: the page's own name leads to this machine.
            assert_eq!(ask(&anywhere, "evil.test"), not_a_caller, "{page:?}");
            assert_eq!(ask(&anywhere, "app.example"), not_a_caller, "{page:?}");
            let rebound = refused(RejectionKind::HostNotAllowed);
            assert_eq!(ask(&named, "evil.test"), rebound, "{page:?}");
            assert_eq!(ask(&named, "app.example"), Ok(()), "{page:?}");
        }
        let by_hand = [("host", "app.example"), ("sec-fetch-site", "none")];
        assert_eq!(call(&anywhere, &by_hand, "10.1.2.3:5"), Ok(()));
    }

    /// The other conditions say by themselves which pages they mean.
    #[test]
    fn no_other_condition_admits_a_page_of_dns_rebinding_unless_it_is_meant_to() {
        let page = |host: &str| {
            let origin = format!("http://{host}");
            request(&[
                ("host", host),
                ("origin", &origin),
                ("sec-fetch-site", "same-origin"),
            ])
        };
        let peer = Some("127.0.0.1:5".parse().unwrap());
        let kind = |config: &Config, parts: &Parts, custom| {
            may_call(config, parts, peer, custom).map_err(|rejection| rejection.kind())
        };
        // Its host is not this machine's; that of the application's own pages is.
        let local = Config::new().trust_local_callers();
        let refused = Err(RejectionKind::CallerNotAllowed);
        assert_eq!(kind(&local, &page("evil.test"), None), refused);
        assert_eq!(kind(&local, &page("localhost:3000"), None), Ok(()));

        // It has no token; a page that has one is meant to call.
        let tokens = Config::new().bearer_tokens(["secret"]);
        let missing = Err(RejectionKind::TokenMissing);
        assert_eq!(kind(&tokens, &page("evil.test"), None), missing);
        let mut trusted = page("evil.test");
        let token = http::HeaderValue::from_static("Bearer secret");
        trusted.headers.insert(http::header::AUTHORIZATION, token);
        assert_eq!(kind(&tokens, &trusted, None), Ok(()));

        // The predicate sees the page, and the host is checked first.
        let admit_all: &Predicate = &|_| true;
        assert_eq!(
            kind(&Config::new(), &page("evil.test"), Some(admit_all)),
            Ok(())
        );
        let named = Config::new().hosts(["app.example"]);
        let rebound = Err(RejectionKind::HostNotAllowed);
        assert_eq!(kind(&named, &page("evil.test"), Some(admit_all)), rebound);
    }

    #[test]
    fn local_callers_are_admitted_only_if_trusted() {
        let config = Config::new().trust_local_callers();
        assert_eq!(call(&config, &[LOCALHOST], "127.0.0.1:5"), Ok(()));
        let refused = Err((RejectionKind::CallerNotAllowed, 403));
        assert_eq!(call(&config, &[LOCALHOST], "192.0.2.1:5"), refused);
        assert_eq!(
            call(&config, &[LOCALHOST, ("via", "1.1 proxy")], "127.0.0.1:5"),
            refused
        );
        let told = may_call(&config, &request(&[LOCALHOST]), None, None)
            .unwrap_err()
            .to_string();
        assert!(
            told.contains("PeerAddr") && told.contains("Config::bearer_tokens"),
            "{told}"
        );
    }

    #[test]
    fn each_condition_admits_by_itself_and_a_missing_token_is_told_first() {
        let config = Config::new()
            .bearer_tokens(["secret"])
            .trust_local_callers();
        assert_eq!(call(&config, &[LOCALHOST], "127.0.0.1:5"), Ok(()));
        assert_eq!(
            call(
                &config,
                &[("authorization", "Bearer secret")],
                "192.0.2.1:5"
            ),
            Ok(())
        );
        let missing = Err((RejectionKind::TokenMissing, 401));
        assert_eq!(call(&config, &[LOCALHOST], "192.0.2.1:5"), missing);
    }

    #[test]
    fn the_applications_predicate_admits_too() {
        let cron: &Predicate = &|parts| parts.headers.contains_key("x-cron");
        let config = Config::new();
        let ask = |headers| may_call(&config, &request(headers), None, Some(cron));
        assert!(ask(&[("x-cron", "1")]).is_ok());
        assert_eq!(
            ask(&[]).unwrap_err().kind(),
            RejectionKind::CallerNotAllowed
        );
    }

    #[test]
    fn a_proxy_on_this_machine_matters_only_while_local_callers_are_trusted() {
        let proxied = request(&[("host", "app.example")]);
        let peer = Some("127.0.0.1:5".parse().unwrap());
        assert!(looks_proxied(
            &Config::new().trust_local_callers(),
            &proxied,
            peer
        ));
        assert!(!looks_proxied(&Config::new(), &proxied, peer));
    }

    #[test]
    fn a_host_that_is_not_served_admits_no_caller() {
        let config = Config::new().hosts(["app.example"]).trust_local_callers();
        let refused = Err((RejectionKind::HostNotAllowed, 403));
        assert_eq!(call(&config, &[LOCALHOST], "127.0.0.1:5"), refused);
    }
}
