//! Whether a caller is in a network that is let in, and no page in one of its browsers.

use std::net::SocketAddr;

use http::{Method, request::Parts};

use super::verdict::{Verdict, refused};
use crate::{
    config::Access,
    middleware::request::{host_of, is_by_page, is_cross_site},
};

pub(super) fn is_in_network(access: &Access, parts: &Parts, peer: Option<SocketAddr>) -> Verdict {
    if access.networks.is_empty() {
        return None;
    }
    let Some(peer) = peer.map(|peer| peer.ip().to_canonical()) else {
        return refused(
            "The caller's address is unknown, but Config::allow_callers_from needs it. Serve with \
             axum's connect info or insert a PeerAddr.",
        );
    };
    if !access
        .networks
        .iter()
        .any(|network| network.contains(&peer))
    {
        let why = format!(
            "The caller's address is {peer}. Config::allow_callers_from with it would let it in."
        );
        return refused(&why);
    }
    if is_cross_site(parts) {
        return refused(
            "A page of another site made this request. A token of Config::bearer_tokens would let it \
             in.",
        );
    }
    // A page that DNS rebinding leads here counts as the same site under any name: only a list of names
    // tells it from ours. The `Host` of a local caller is this machine's.
    if !access.hosts.is_empty() {
        return Some(Ok(()));
    }
    if is_by_page(parts) {
        return refused(
            "A page in a browser made this request. Config::hosts with this site's names would let its \
             own pages in.",
        );
    }
    // A page's plain GET to its own site may say nothing of the page.
    if parts.method != Method::POST && !is_for_address(parts) {
        return refused(
            "The request is for a host's name, under which a page in a browser may ask by DNS rebinding. \
             Config::hosts with this site's names would let it in, as would the server's IP address for \
             the name.",
        );
    }
    Some(Ok(()))
}

fn is_for_address(parts: &Parts) -> bool {
    matches!(host_of(parts), Ok(Some(host)) if host.is_address())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::config::{Config, IpNet};

    /// It sends no `Origin` with a plain GET to its own site, and no `Sec-Fetch-Site` over plain HTTP.
    #[test]
    fn a_page_that_says_nothing_of_itself_is_told_by_the_name_of_its_host() {
        let office: IpNet = "10.1.0.0/16".parse().unwrap();
        let anywhere = Config::new().allow_callers_from([office]);
        let named = anywhere.clone().hosts(["app.example"]);
        let is_admitted = |config: &Config, method: Method, host: &str| {
            let request = Request::builder().method(method).header("host", host);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let peer = Some("10.1.2.3:5".parse().unwrap());
            is_in_network(&config.access, &parts, peer).is_some_and(|verdict| verdict.is_ok())
        };
        for host in ["evil.test", "localhost", "10.1.2.3.evil.test", "a b", ""] {
            assert!(!is_admitted(&anywhere, Method::GET, host), "{host:?}");
            assert!(is_admitted(&anywhere, Method::POST, host), "{host:?}");
        }
        for host in ["10.1.2.3", "10.1.2.3:3000", "[fd00::1]", "[fd00::1]:3000"] {
            assert!(is_admitted(&anywhere, Method::GET, host), "{host}");
        }
        // The host is checked first.
        assert!(is_admitted(&named, Method::GET, "app.example"));
    }
}
