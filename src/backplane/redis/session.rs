//! Opens a session with a Redis server: its connection, TLS and login, and what a refusal means.

use std::{fmt, pin::Pin};

use redis::{
    AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, aio::MultiplexedConnection,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::endpoints::RedisEndpoints;
use crate::backplane::remote::Address;

/// What reads and writes a connection for as long as it is polled.
pub(crate) type RedisDriver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl RedisEndpoints {
    /// Opens a session with one of the servers, or another of its cluster. Once it is open, no answer has a
    /// deadline.
    pub(crate) async fn open(
        &self,
        address: &Address,
        login: RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> Result<(MultiplexedConnection, RedisDriver), String> {
        address.opened(self.connect(address, login, config)).await
    }

    async fn connect(
        &self,
        address: &Address,
        login: RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> Result<(MultiplexedConnection, RedisDriver), String> {
        let unreachable = |error| format!("cannot be reached: {error}");
        let server = (&*address.host, address.port);
        let tcp = TcpStream::connect(server).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let login = with_password(login, address);
        // An answer that is late is not one that does not come: who asks judges silence.
        let config = config
            .set_response_timeout(None)
            .set_connection_timeout(None);
        if !address.is_tls {
            return log_in(tcp, &login, config).await;
        }
        let host =
            ServerName::try_from(address.host.clone()).map_err(|error| without_tls(&error))?;
        let tls = TlsConnector::from(self.trust.config().clone());
        let tls = tls.connect(host, tcp).await;
        log_in(tls.map_err(|error| without_tls(&error))?, &login, config).await
    }
}

async fn log_in<S>(
    stream: S,
    login: &RedisConnectionInfo,
    config: AsyncConnectionConfig,
) -> Result<(MultiplexedConnection, RedisDriver), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let opened = MultiplexedConnection::new_with_config(login, stream, config).await;
    let (connection, driver) = opened.map_err(|error| refusal(&error))?;
    Ok((connection, Box::pin(driver)))
}

fn with_password(login: RedisConnectionInfo, address: &Address) -> RedisConnectionInfo {
    let mut login = login.set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if let Some(password) = &address.password {
        // A password alone is that of this user, who is let in with any if the server asks for none.
        let user = address.user.as_deref().unwrap_or("default");
        login = login.set_username(user).set_password(password);
    }
    login
}

fn without_tls(error: &dyn fmt::Display) -> String {
    format!("did not open TLS: {error}; `root_certificates` names a private authority")
}

fn refusal(error: &RedisError) -> String {
    let what = match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            "did not accept the user and password of its URL"
        }
        (ErrorKind::RESP3NotSupported, _) => "is too old: Redis 6 or later is needed, or Valkey",
        _ => "did not open a session",
    };
    format!("{what}: {error}")
}
