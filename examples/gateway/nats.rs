//! NATS between several gateways.

use web_connection_socket::backplane::NatsBackplane;

use crate::{Problem, cluster::Join};

pub(crate) fn join(urls: &str, prefix: &str) -> Result<Join, Problem> {
    let backplane = NatsBackplane::new(urls).map_err(|error| format!("--nats: {error}"))?;
    let backplane = backplane.prefix(prefix);
    Ok(Box::new(|layer| layer.backplane(backplane)))
}
