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
    let opened = tokio::select! {
        opened = open(server, address, &end) => opened,
        // Such as a user without permission.
        why = end.over() => Err(why.to_string()),
    };
    opened.map_err(|why| format!("{address} {why}"))
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
