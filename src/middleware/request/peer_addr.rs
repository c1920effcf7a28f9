//! The TCP peer of a request.

use std::net::SocketAddr;

use http::Extensions;

use super::extensions::connect_info;

/// The address of a request's TCP peer, as a request extension.
///
/// `axum::serve` with connect info does without it. Other servers insert the address of the accepted
/// socket, never that of a header: callers are admitted by it.
///
/// # Examples
///
/// ```
/// use std::net::SocketAddr;
/// use web_connection_socket::PeerAddr;
///
/// let accepted_from: SocketAddr = ([192, 0, 2, 7], 50123).into();
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(PeerAddr(accepted_from));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the server's code constructs it")]
pub struct PeerAddr(pub SocketAddr);

/// Returns the TCP peer, unless the server named none or two that differ.
pub(crate) fn peer_of(extensions: &Extensions) -> Option<SocketAddr> {
    let inserted = extensions.get::<PeerAddr>().map(|peer| canonical(peer.0));
    match (inserted, connect_info(extensions).map(canonical)) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

/// Turns the mapped address of an IPv4 peer on a dual-stack socket into its own.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_no_extension_names_is_unknown() {
        assert_eq!(peer_of(&Extensions::new()), None);
    }

    #[test]
    fn a_mapped_address_is_read_as_ipv4() {
        let mut extensions = Extensions::new();
        extensions.insert(PeerAddr("[::ffff:127.0.0.1]:9".parse().unwrap()));
        assert_eq!(peer_of(&extensions), Some(([127, 0, 0, 1], 9).into()));
    }

    #[cfg(feature = "axum")]
    #[test]
    fn two_addresses_that_differ_are_none() {
        use axum::extract::ConnectInfo;

        let address: SocketAddr = ([192, 0, 2, 1], 9).into();
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(address));
        assert_eq!(peer_of(&extensions), Some(address));
        extensions.insert(PeerAddr(address));
        assert_eq!(peer_of(&extensions), Some(address));
        extensions.insert(PeerAddr(([127, 0, 0, 1], 9).into()));
        assert_eq!(peer_of(&extensions), None);
    }
}
