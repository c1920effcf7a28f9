use http::request::Parts;

use crate::config::Config;
use crate::middleware::host::host_of;
use crate::middleware::rejection::{Cause, Rejection};

use super::seen::seen_host;

/// Checks that the request is for a host that is served, against DNS rebinding.
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
    Err(Cause::HostNotAllowed(seen_host(parts)).into())
}

#[cfg(test)]
mod tests {
    use http::Request;
    use http::request::Parts;

    use super::check_host;
    use crate::config::Config;
    use crate::middleware::rejection::RejectionKind;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post("/__broadcastWebSocket.wc");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
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
}
