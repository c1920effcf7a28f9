//! Opens a connection to a NATS server.

use std::{future, sync::Arc, time::Duration};

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, rustls::ClientConfig};

use super::{
    link::{NatsInlet, NatsOutlet},
    session::Session,
};
use crate::{
    backplane::{error::BackplaneError, link::Link, prefix::Prefix, remote::Address},
    tls::Trust,
};

pub(super) async fn connect(
    address: &Address,
    credentials: Option<&str>,
    prefix: &Prefix,
    trust: &Trust,
) -> Result<Link, BackplaneError> {
    let opened = open(address, credentials, prefix, trust).await;
    opened.map_err(|error| BackplaneError::not_sent(format!("{address} {error}")))
}

async fn open(
    address: &Address,
    credentials: Option<&str>,
    prefix: &Prefix,
    trust: &Trust,
) -> Result<Link, String> {
    let session = Arc::new(Session::new());
    let options = log_in(options(address, trust, &session), address, credentials)?;
    // The login is not part of that text, which the client may log.
    let opened = options.connect(address.to_string()).await;
    let client = opened.map_err(|error| refusal(&error))?;
    check(&client)?;
    session.open(client);
    let outlet = NatsOutlet::new(session.clone(), prefix.clone());
    Ok((Box::new(outlet), Box::new(NatsInlet::new(session))))
}

fn options(address: &Address, trust: &Trust, session: &Arc<Session>) -> ConnectOptions {
    let events = session.clone();
    ConnectOptions::new()
        .name(env!("CARGO_PKG_NAME"))
        // 0 means for ever.
        .max_reconnects(1)
        .ignore_discovered_servers()
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(MAX_WAITING)
        .require_tls(address.is_tls)
        .tls_client_config(ClientConfig::clone(trust.config()))
        .event_callback(move |event| {
            events.on_event(&event);
            future::ready(())
        })
}

fn log_in(
    options: ConnectOptions,
    address: &Address,
    credentials: Option<&str>,
) -> Result<ConnectOptions, String> {
    if let Some(credentials) = credentials {
        let options = options.credentials(credentials);
        return options.map_err(|error| format!("was not asked: {error}"));
    }
    Ok(match (address.user.clone(), address.password.clone()) {
        (Some(user), Some(password)) => options.user_and_password(user, password),
        (Some(token), None) => options.token(token),
        (None, _) => options,
    })
}

fn refusal(error: &ConnectError) -> String {
    let what = match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            "did not accept the user and password, token or credentials"
        }
        ConnectErrorKind::Tls => "did not open TLS, `root_certificates` names a private authority",
        _ => "cannot be reached",
    };
    format!("{what}: {error}")
}

/// Whether the server carries the largest message of a cluster.
fn check(client: &Client) -> Result<(), String> {
    let max_payload = client.server_info().max_payload;
    if max_payload < MAX_PAYLOAD {
        return Err(format!(
            "carries messages of {max_payload} bytes at most: raise its max_payload to {MAX_PAYLOAD}"
        ));
    }
    Ok(())
}

/// Two pings without an answer end the connection.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// How many messages of one subscription wait until they are moved to the inbox, which is bounded in
/// bytes as well.
const MAX_WAITING: usize = 65_536;

const MAX_PAYLOAD: usize = 1 << 20;
