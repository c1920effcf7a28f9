//! Opens a connection to Redis that receives what is published beside the answers to commands.

use std::{str, sync::Arc};

use bytes::Bytes;
use redis::{
    AsyncConnectionConfig, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo, Value,
};

use super::{
    endpoints::RedisEndpoints,
    link::{RedisInlet, RedisOutlet},
};
use crate::backplane::{
    command::Arrival,
    error::BackplaneError,
    link::Link,
    prefix::Prefix,
    remote::{Address, Inbox},
};

/// Opens a link to the next of the servers.
pub(super) async fn connect(
    endpoints: &RedisEndpoints,
    prefix: &Prefix,
) -> Result<Link, BackplaneError> {
    let address = endpoints.next();
    let opened = open(endpoints, address, prefix).await;
    opened.map_err(|error| BackplaneError::not_sent(format!("{address} {error}")))
}

async fn open(
    endpoints: &RedisEndpoints,
    address: &Address,
    prefix: &Prefix,
) -> Result<Link, String> {
    let inbox = Arc::new(Inbox::default());
    let receive = {
        let (inbox, prefix) = (inbox.clone(), prefix.clone());
        move |push: PushInfo| -> Result<(), ()> {
            take_in(&inbox, &prefix, push);
            Ok(())
        }
    };
    let login = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
    let config = AsyncConnectionConfig::new().set_push_sender(receive);
    let (connection, driver) = endpoints.open(address, login, config).await?;
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
    let outlet = RedisOutlet::new(connection, address, inbox.clone(), prefix.clone());
    Ok((Box::new(outlet), Box::new(RedisInlet::new(inbox))))
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
