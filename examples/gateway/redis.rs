//! Redis between several gateways.

use web_connection_socket::backplane::RedisBackplane;

use crate::{Problem, cluster::Join};

pub(crate) fn join(urls: &str, prefix: &str) -> Result<Join, Problem> {
    let backplane = RedisBackplane::new(urls).map_err(|error| format!("--redis: {error}"))?;
    let backplane = backplane.prefix(prefix);
    Ok(Box::new(|layer| layer.backplane(backplane)))
}
