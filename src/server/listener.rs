//! The sources of connections: TCP, Unix sockets, and what an application makes.

use std::{future::Future, io, net::SocketAddr};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};

/// A source of connections for a [`Server`](super::Server): a TCP listener, a Unix socket, or your own.
///
/// # Examples
///
/// A listener that accepts connections from one network only:
///
/// ```
/// use std::{io, net::SocketAddr};
///
/// use tokio::net::{TcpListener, TcpStream};
/// use web_connection_socket::{Listener, config::IpNet};
///
/// struct Inside(TcpListener, IpNet);
///
/// impl Listener for Inside {
///     type Io = TcpStream;
///
///     async fn accept(&mut self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
///         loop {
///             let (stream, peer) = Listener::accept(&mut self.0).await?;
///             if peer.is_some_and(|peer| self.1.contains(&peer.ip())) {
///                 return Ok((stream, peer));
///             }
///         }
///     }
/// }
/// ```
pub trait Listener: Send + 'static {
    /// A connection's byte stream.
    type Io: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for the next connection and returns it with the address of its peer, where it has one.
    ///
    /// The address becomes the request extension [`PeerAddr`](crate::PeerAddr). Take it from the
    /// accepted connection, never from what the client sends.
    ///
    /// # Errors
    ///
    /// If a connection could not be accepted. The server logs the error at most once a second and goes
    /// on, after a pause unless the error is that of a single connection.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future must lose no connection: the server does so when it stops.
    fn accept(&mut self)
    -> impl Future<Output = io::Result<(Self::Io, Option<SocketAddr>)>> + Send;
}

/// Sets `TCP_NODELAY`.
impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let (stream, peer) = Self::accept(self).await?;
        // Nagle's algorithm would hold small messages back until the peer acknowledges the last one.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set on a connection");
        }
        Ok((stream, Some(peer)))
    }
}

/// The peers have no address, so `trust_local_callers` and `allow_callers_from` do not let them call
/// the reserved URLs.
#[cfg(unix)]
impl Listener for tokio::net::UnixListener {
    type Io = tokio::net::UnixStream;

    async fn accept(&mut self) -> io::Result<(Self::Io, Option<SocketAddr>)> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, None))
    }
}
