//! The command line, that of the other roles included.

use std::num::NonZeroUsize;

use clap::{Args, Parser, Subcommand};

use crate::{cell::Cell, server::Server};

/// Measures what a broadcast to many sockets costs, on real sockets against other servers.
#[derive(Parser)]
pub(crate) struct Options {
    /// A minute of small cells instead of everything.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these servers, and the floor of each cell.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Server>,
    /// Only this cell, repeatable: `sockets,bytes,window`, then `lockstep`, `group=n`, `user=n`,
    /// `stalled=n`, `inbound` or `idle`.
    #[arg(long = "cell")]
    pub(crate) cells: Vec<Cell>,
    /// Rounds, of which the median is shown [default: 3, or 1 with --quick].
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// Deliveries of one measurement, and five times as many where frames coalesce
    /// [default: 1000000, or 100000 with --quick].
    #[arg(long)]
    pub(crate) deliveries: Option<u64>,
    /// Worker threads of the servers' runtimes, each in turn; the floors have one.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    pub(crate) workers: Vec<NonZeroUsize>,
    /// One Markdown table of all cells at the end.
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Said by `cargo bench`.
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

/// What this program is, where it started itself again.
#[derive(Subcommand)]
#[command(hide = true)]
pub(crate) enum Role {
    /// A server, until its standard input ends.
    #[command(hide = true)]
    Serve {
        server: Server,
        #[arg(long)]
        workers: usize,
    },
    /// The client with all sockets.
    #[command(hide = true)]
    Load(Load),
}

#[derive(Args)]
pub(crate) struct Load {
    #[arg(long)]
    pub(crate) server: Server,
    #[arg(long)]
    pub(crate) port: u16,
    #[arg(long)]
    pub(crate) cell: Cell,
    #[arg(long)]
    pub(crate) warm_up: u64,
    #[arg(long)]
    pub(crate) messages: u64,
}
