//! Opens a connection to a NATS server.

use std::sync::Arc;

use super::{
    endpoints::NatsEndpoints,
    link::{NatsInlet, NatsOutlet},
    session::Session,
};
use crate::backplane::{error::BackplaneError, link::Link, prefix::Prefix};

/// Opens a link to the next of the servers.
pub(super) async fn connect(
    endpoints: &NatsEndpoints,
    prefix: &Prefix,
) -> Result<Link, BackplaneError> {
    let address = endpoints.next();
    let session = Arc::new(Session::default());
    let ended = session.clone();
    let client = endpoints.open(address, move |reason| ended.end(reason));
    let client = client.await;
    session.open(client.map_err(|why| BackplaneError::not_sent(format!("{address} {why}")))?);
    let outlet = NatsOutlet::new(session.clone(), prefix.clone());
    Ok((Box::new(outlet), Box::new(NatsInlet::new(session))))
}
