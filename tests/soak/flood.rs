//! Visitors that send as much as the server takes, and those that receive it: a process of their own.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::timeout};
use web_connection_socket::SocketMessage;

use crate::{
    Result,
    client::Client,
    process::{Process, obey, say},
    soon,
};

#[derive(Args, Debug)]
pub(crate) struct Options {
    address: SocketAddr,
    /// Sockets that only listen.
    readers: usize,
    /// Sockets that say something as well, one message after the other.
    visitors: usize,
    /// The length of each message's text.
    size: usize,
}

/// Sockets that wait for the flood to begin.
pub(crate) struct Flood(Process);

impl Flood {
    pub(crate) async fn open(
        address: SocketAddr,
        readers: usize,
        visitors: usize,
        size: usize,
    ) -> Result<Self> {
        let numbers = [readers, visitors, size].map(|number| number.to_string());
        let arguments = ["flood".to_owned(), address.to_string()];
        let arguments: Vec<_> = arguments.into_iter().chain(numbers).collect();
        let mut process = Process::start(&arguments)?;
        let _open: usize = soon("open sockets", process.answer()).await?;
        Ok(Self(process))
    }

    /// Floods the server for so long, and tells what came of it.
    pub(crate) async fn go(&mut self, seconds: u64) -> Result<Flooded> {
        self.0.ask(&seconds).await
    }
}

/// What sockets saw in a flood.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Flooded {
    pub(crate) sent: usize,
    pub(crate) seen: usize,
    /// Sockets that were closed.
    pub(crate) cut: usize,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let readers = Client::open_many(options.address, "reader", options.readers).await?;
    let visitors = Client::open_many(options.address, "visitor", options.visitors).await?;
    say(&(readers.len() + visitors.len()))?;
    let mut clients: Vec<_> = readers.into_iter().map(|client| (client, 0)).collect();
    clients.extend(visitors.into_iter().map(|client| (client, options.size)));
    obey(async |seconds| {
        let mut tasks = JoinSet::new();
        for (client, size) in clients.drain(..) {
            tasks.spawn(take_part(client, size, Duration::from_secs(seconds)));
        }
        let mut total = Flooded::default();
        while let Some(flooded) = tasks.join_next().await {
            let flooded = flooded?;
            total.sent += flooded.sent;
            total.seen += flooded.seen;
            total.cut += flooded.cut;
        }
        Ok(total)
    })
    .await
}

/// Listens, and with a size says a message whenever the one before has come back.
async fn take_part(mut client: Client, size: usize, time: Duration) -> Flooded {
    let mut total = Flooded::default();
    let talk = async {
        let message = SocketMessage::new("news").text("x".repeat(size));
        loop {
            if size > 0 {
                client.send(&message).await?;
                total.sent += 1;
            }
            client.message().await?;
            total.seen += 1;
        }
    };
    let end: std::result::Result<Result<()>, _> = timeout(time, talk).await;
    total.cut += usize::from(end.is_ok());
    total
}
