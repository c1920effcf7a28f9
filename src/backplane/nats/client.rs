//! Opens a client of a NATS server, and says when its connection is over.

use std::{
    future,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use async_nats::{
    Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, rustls::ClientConfig,
};

use super::endpoints::NatsEndpoints;
use crate::{backplane::remote::Address, tls::Trust};

impl NatsEndpoints {
    /// Opens a client of one of the servers. `end` is called with the reason at the first event that
    /// means a loss, and may be called again: the client would connect once more by itself, and then
    /// send what was sent to the old connection.
    pub(crate) async fn open(
        &self,
        address: &Address,
        end: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Client, String> {
        let options = options(address, &self.trust, end);
        let options = log_in(options, address, self.credentials.as_deref())?;
        // The login is not part of that text, which the client may log.
        let opening = options.connect(address.to_string());
        let opening = async { opening.await.map_err(|error| refusal(&error)) };
        let client = address.opened(Box::pin(opening)).await?;
        check(&client)?;
        Ok(client)
    }
}

fn options(
    address: &Address,
    trust: &Trust,
    end: impl Fn(&str) + Send + Sync + 'static,
) -> ConnectOptions {
    let was_connected = AtomicBool::new(false);
    let server = address.to_string();
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
            match &event {
                Event::Connected if !was_connected.swap(true, Relaxed) => {}
                Event::Connected | Event::Disconnected | Event::Closed => {
                    end(&format!("the connection to {server} was closed"));
                }
                Event::ServerError(error) => end(&format!("{server} refused a command: {error}")),
                Event::SlowConsumer(_) => end("messages come faster than they are taken"),
                // Before it stops, a server closes the connection; the client's own errors are those
                // of its attempts to connect.
                _ => {}
            }
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
