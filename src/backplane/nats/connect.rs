//! Opens a connection to a NATS server.

use std::sync::Arc;

use super::{
    client,
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
    let ended = session.clone();
    let client = client::open(address, credentials, trust, move |reason| ended.end(reason)).await?;
    session.open(client);
    let outlet = NatsOutlet::new(session.clone(), prefix.clone());
    Ok((Box::new(outlet), Box::new(NatsInlet::new(session))))
}
