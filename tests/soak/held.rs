//! Sockets in a process of their own, which can be stopped where it stands.

use std::net::SocketAddr;

use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{
    Result,
    client::{Client, connect_narrow},
    process::{Process, obey, say},
    soon,
    wire::{Wire, handshake},
};

#[derive(Args, Debug)]
pub(crate) struct Options {
    address: SocketAddr,
    /// Opens sockets of the users `name0`, `name1`, … in a group of this name.
    name: String,
    count: usize,
    /// With windows so small that nearly all waits at the server.
    #[arg(long)]
    narrow: bool,
}

/// Sockets that are open, read and answer pings, until they are frozen or dropped.
pub(crate) struct Held(Process);

impl Held {
    pub(crate) async fn open(address: SocketAddr, name: &str, count: usize) -> Result<Self> {
        Self::start(&[&address.to_string(), name, &count.to_string()]).await
    }

    /// Opens sockets whose windows are small and that are never read.
    pub(crate) async fn stalled(address: SocketAddr, name: &str, count: usize) -> Result<Self> {
        let (address, count) = (address.to_string(), count.to_string());
        let held = Self::start(&[&address, name, &count, "--narrow"]).await?;
        held.0.freeze().await?;
        Ok(held)
    }

    /// Pings the server over each socket, and tells how many answers came and what was read before.
    pub(crate) async fn ping(&mut self) -> Result<Pinged> {
        self.0.ask(&()).await
    }

    async fn start(arguments: &[&str]) -> Result<Self> {
        let arguments = ["hold"].iter().chain(arguments);
        let arguments: Vec<_> = arguments.map(ToString::to_string).collect();
        let mut process = Process::start(&arguments)?;
        let _open: usize = soon("open sockets", process.answer()).await?;
        Ok(Self(process))
    }
}

/// What became of sockets that were held.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pinged {
    pub(crate) answered: usize,
}

/// Opens sockets and holds them until the standard input ends.
pub(crate) async fn run(options: Options) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    if options.narrow {
        return run_narrow(options).await;
    }
    let clients = Client::open_many(options.address, &options.name, options.count).await?;
    say(&clients.len())?;
    let (ask, _) = tokio::sync::broadcast::channel(1);
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let mut asked = ask.subscribe();
        tasks.spawn(async move {
            loop {
                tokio::select! {
                    _ = asked.recv() => return client.ping().await.is_ok(),
                    frame = client.next() => if frame.is_err() { return false },
                }
            }
        });
    }
    obey(async |()| {
        let _receivers = ask.send(());
        let mut answered = 0;
        while let Some(pinged) = tasks.join_next().await {
            answered += usize::from(pinged?);
        }
        Ok(Pinged { answered })
    })
    .await
}

async fn run_narrow(options: Options) -> Result<()> {
    let mut sockets = Vec::new();
    for number in 0..options.count {
        let mut wire = Wire::over(connect_narrow(options.address).await?);
        let name = &options.name;
        let path = format!("/?userId={name}{number}&groupId={name}");
        wire.send(handshake(&path).as_bytes()).await;
        wire.head().await;
        sockets.push(wire);
    }
    say(&sockets.len())?;
    obey(async |()| Ok(())).await
}
