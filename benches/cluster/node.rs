//! A node in a process of its own: it publishes what it is told to.

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{Result, figures::micros, hub, socket_io};

#[derive(Args)]
pub(crate) struct Node {
    pub(crate) server: Server,
    /// The broker's URL; empty without one.
    pub(crate) broker: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    Hub,
    SocketIo,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Waits until so many nodes know each other.
    Meet(usize),
    /// Publishes so many messages, so many of them unanswered at any time.
    Burst { count: usize, window: usize },
    /// Publishes so many messages, each to the next of so many groups.
    Groups {
        groups: usize,
        count: usize,
        /// Whether they travel on the topic of messages to all, as they would without partitions.
        is_one_topic: bool,
    },
    /// Publishes so many messages a second for that many seconds.
    Pace { rate: u64, seconds: u64 },
}

pub(crate) async fn run(node: &Node) -> Result<()> {
    match node.server {
        Server::Hub => hub::run(&node.broker).await,
        Server::SocketIo => socket_io::run(&node.broker).await,
    }
}

/// Answers orders until there are no more.
pub(crate) async fn obey(mut act: impl AsyncFnMut(Order) -> Result<usize>) -> Result<()> {
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(order) = orders.next_line().await? {
        println!("{}", act(serde_json::from_str(&order)?).await?);
    }
    Ok(())
}

/// The text of a message: when it was published, and padding to 128 bytes.
pub(crate) fn text() -> String {
    format!("{:<128}", micros())
}
