//! Opens a connection to Redis that receives what is published beside the answers to commands.

use std::{fmt, str, sync::Arc};

use bytes::Bytes;
use redis::{
    AsyncConnectionConfig, ErrorKind, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo,
    RedisError, Value, aio::MultiplexedConnection,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::link::{RedisInlet, RedisOutlet};
use crate::{
    backplane::{
        command::Arrival,
        error::BackplaneError,
        link::Link,
        prefix::Prefix,
        remote::{Address, Inbox},
    },
    tls::Trust,
};

pub(super) async fn connect(
    address: &Address,
    prefix: &Prefix,
    trust: &Trust,
) -> Result<Link, BackplaneError> {
    let opened = open(address, prefix, trust).await;
    opened.map_err(|error| BackplaneError::not_sent(format!("{address} {error}")))
}

async fn open(address: &Address, prefix: &Prefix, trust: &Trust) -> Result<Link, String> {
    let unreachable = |error| format!("cannot be reached: {error}");
    let server = (&*address.host, address.port);
    let tcp = TcpStream::connect(server).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    if !address.is_tls {
        return log_in(address, prefix, tcp).await;
    }
    let host = ServerName::try_from(address.host.clone()).map_err(|error| without_tls(&error))?;
    let tls = TlsConnector::from(trust.config().clone());
    let tls = tls.connect(host, tcp).await;
    log_in(address, prefix, tls.map_err(|error| without_tls(&error))?).await
}

async fn log_in<S>(address: &Address, prefix: &Prefix, stream: S) -> Result<Link, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let inbox = Arc::new(Inbox::new());
    let receive = {
        let (inbox, prefix) = (inbox.clone(), prefix.clone());
        move |push: PushInfo| -> Result<(), ()> {
            take_in(&inbox, &prefix, push);
            Ok(())
        }
    };
    // An answer that is late is not one that does not come: the cluster judges silence.
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_connection_timeout(None)
        .set_push_sender(receive);
    let opened = MultiplexedConnection::new_with_config(&login(address), stream, config).await;
    let (connection, driver) = opened.map_err(|error| refusal(&error))?;
    let session = inbox.clone();
    #[expect(
        clippy::disallowed_methods,
        reason = "the task that reads and writes the connection ends with its link"
    )]
    tokio::spawn(async move {
        tokio::select! {
            () = driver => session.end(CLOSED),
            _ = session.over() => {}
        }
    });
    let outlet = RedisOutlet::new(connection, inbox.clone(), prefix.clone());
    Ok((Box::new(outlet), Box::new(RedisInlet::new(inbox))))
}

fn login(address: &Address) -> RedisConnectionInfo {
    let mut login = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    if let Some(user) = &address.user {
        login = login.set_username(user);
    }
    if let Some(password) = &address.password {
        login = login.set_password(password);
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

/// Takes in what the server sends unasked.
fn take_in(inbox: &Inbox, prefix: &Prefix, push: PushInfo) {
    match push.kind {
        PushKind::Message => {
            let Ok([Value::BulkString(channel), Value::BulkString(payload)]) =
                <[Value; 2]>::try_from(push.data)
            else {
                return;
            };
            let channel = str::from_utf8(&channel).ok();
            if let Some(topic) = channel.and_then(|channel| prefix.topic(channel)) {
                inbox.push(Arrival::new(topic, Bytes::from(payload)));
            }
        }
        PushKind::Disconnection => inbox.end(CLOSED),
        // Confirmations, which are answers to commands as well.
        _ => {}
    }
}

const CLOSED: &str = "the connection was closed";
