//! Opens a link: connects, and finds the stream or makes it.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    api::{self, Api, Failure, Info, Limits},
    link::{Found, JetStreamLink},
    place::{JetStreamServer, Names},
};
use crate::{
    backplane::remote::{Address, end::End},
    history::{random::random, remote::Driver, retention::Retention},
};

/// Opens a link to the next of the servers.
pub(super) async fn connect(
    server: &JetStreamServer,
) -> Result<(Arc<JetStreamLink>, Driver), String> {
    let address = server.endpoints.next();
    let end = Arc::new(End::default());
    tokio::select! {
        opened = open(server, address, &end) => opened.map_err(|why| format!("{address} {why}")),
        // Such as a user without permission.
        why = end.over() => Err(why.to_string()),
    }
}

async fn open(
    server: &JetStreamServer,
    address: &Address,
    end: &Arc<End>,
) -> Result<(Arc<JetStreamLink>, Driver), String> {
    let ended = end.clone();
    let client = server.endpoints.open(address, move |why| ended.end(why));
    let api = Api {
        client: client.await?,
        stream: server.names.stream(),
    };
    let found = stream(server, &api).await.map_err(Failure::into_text)?;
    let link = JetStreamLink::new(api, server, end.clone(), found);
    let link = Arc::new(link);
    let driver = link.driver().await?;
    Ok((link, driver))
}

/// Finds the stream, or makes it.
async fn stream(server: &JetStreamServer, api: &Api) -> Result<Found, Failure> {
    let mut behind = 0;
    for _ in 0..MAX_ATTEMPTS {
        if let Some(Info { mut config, state }) = api.info().await? {
            let headers_only = config["republish"]["headers_only"].as_bool();
            let epoch = server.names.epoch(&config);
            let epoch = epoch.filter(|_| headers_only == Some(true));
            let (birth, epoch) = epoch.ok_or_else(|| {
                Failure::Link(format!(
                    "has a stream {} that was not made by this library: delete it, or choose another \
                     prefix",
                    api.stream
                ))
            })?;
            let replicas = config["num_replicas"].as_u64().unwrap_or(1);
            check_replication(replicas, &api.client.server_info().version)?;
            let highest = server.highest.of(epoch);
            if state.last >= highest {
                let limits = Limits::of_config(&config);
                return Ok(Found {
                    birth,
                    epoch,
                    limits,
                });
            }
            behind += 1;
            if behind < MAX_BEHIND {
                // A leader that was just elected has not all at once.
                sleep(LATER).await;
                continue;
            }
            tracing::warn!(
                stream = api.stream,
                last = state.last,
                highest,
                "the history's server has lost entries that it had confirmed: all streams get another \
                 epoch"
            );
            Names::renew(&mut config, random());
            api.update(&config).await?;
            continue;
        }
        check_replication(server.replicas as u64, &api.client.server_info().version)?;
        match api.create(&config(server)).await {
            // Another node was faster.
            Err(failure) if failure.is(api::NAME_IN_USE) => {}
            result => result?,
        }
    }
    Err(Failure::Link(format!(
        "does not keep the stream {}",
        api.stream
    )))
}

/// Refuses servers that lose entries of replicated streams without a trace: of nats-server 2.9.10 some
/// were missing after one of three servers had been killed; of 2.10.25 none.
fn check_replication(replicas: u64, version: &str) -> Result<(), Failure> {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (major, minor) = (numbers.next(), numbers.next());
    let is_old = match (major, minor) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) < (2, 10),
        _ => false,
    };
    if is_old && replicas > 1 {
        return Err(Failure::Link(format!(
            "is nats-server {version}, which may lose entries of replicated streams when a server ends: \
             use 2.10 or newer, or one replica"
        )));
    }
    Ok(())
}

fn config(server: &JetStreamServer) -> Value {
    let limits = Limits::of(Retention::new(0, Default::default()));
    let mut config = json!({
        "name": server.names.stream(),
        "subjects": [server.names.subjects()],
        "retention": "limits",
        "discard": "old",
        "storage": "file",
        "num_replicas": server.replicas,
        "republish": {
            "src": server.names.subjects(),
            "dest": server.names.stored(random()),
            "headers_only": true,
        },
    });
    limits.write(&mut config);
    config
}

const MAX_ATTEMPTS: usize = 8;

/// How often a stream is looked at that seems to have lost entries.
const MAX_BEHIND: usize = 4;
const LATER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_need_a_server_that_keeps_them_alike() {
        for (replicas, version, is_fine) in [
            (1, "2.9.10", true),
            (3, "2.9.10", false),
            (2, "1.4.1", false),
            (3, "2.10.0", true),
            (3, "2.10.25", true),
            (3, "2.15.1", true),
            (3, "3.0.0-beta.1", true),
            // A server that does not say what it is.
            (3, "", true),
            (3, "latest", true),
        ] {
            let checked = check_replication(replicas, version);
            assert_eq!(checked.is_ok(), is_fine, "{replicas} on {version}");
        }
    }
}
