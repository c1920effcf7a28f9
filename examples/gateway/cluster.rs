//! Several gateways before one application: what is broadcast at one reaches the sockets of all.

use std::path::PathBuf;

use web_connection_socket::{ClusterEvent, WebConnectionSocketLayer};

use crate::{Problem, nats, options::Options, redis, secrets};

/// Lets a layer's hub act as one with those of the other gateways.
pub(crate) type Join = Box<dyn FnOnce(WebConnectionSocketLayer) -> WebConnectionSocketLayer>;

/// Reads the URLs of the broker. Nothing is connected yet; without a broker the gateway stays alone.
pub(crate) fn of(options: &Options) -> Result<Join, Problem> {
    let redis = servers("redis", options.redis.as_slice(), &options.redis_file)?;
    let nats = servers("nats", options.nats.as_slice(), &options.nats_file)?;
    let prefix = &options.cluster_prefix;
    let join = match (redis, nats) {
        (None, None) => return Ok(Box::new(|layer| layer)),
        (Some(urls), None) => redis::join(&urls, prefix)?,
        (None, Some(urls)) => nats::join(&urls, prefix)?,
        (Some(_), Some(_)) => return Err("--redis and --nats exclude each other".into()),
    };
    Ok(Box::new(|layer| join(layer.on_cluster_event(log))))
}

/// Collects the URLs of an option and of its file.
fn servers(
    option: &str,
    given: &[String],
    file: &Option<PathBuf>,
) -> Result<Option<String>, Problem> {
    let urls = secrets::collect(option, given, file.as_ref())?;
    Ok(Some(urls.join(",")).filter(|urls| !urls.is_empty()))
}

fn log(event: ClusterEvent) {
    match event {
        ClusterEvent::Gap { node, missing } => {
            tracing::warn!(%node, missing, "missed messages of another gateway");
        }
        // The hub logs them.
        ClusterEvent::Deaf | ClusterEvent::Garbage { .. } => {}
        event => tracing::info!(?event, "the cluster has changed"),
    }
}
