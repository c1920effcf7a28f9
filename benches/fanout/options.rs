//! The command line, that of the other roles included.

use clap::{Args, Parser, Subcommand};

use crate::{cell::Cell, server::Server};

/// Measures what a broadcast to many sockets costs, on real sockets against other servers.
#[derive(Parser)]
pub(crate) struct Options {
    /// A minute of small cells instead of everything.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only these servers; ratios need the floors `limit-each` (window 1) and `limit-coalesce`.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<Server>,
    /// Only this cell, repeatable: `sockets,bytes,window`, then `group=n`, `stalled=n` or `inbound`.
    #[arg(long = "cell")]
    pub(crate) cells: Vec<Cell>,
    /// Rounds, of which the median is shown [default: 3, or 1 with --quick].
    #[arg(long)]
    pub(crate) rounds: Option<usize>,
    /// Deliveries of one measurement [default: 1000000, or 100000 with --quick].
    #[arg(long)]
    pub(crate) deliveries: Option<u64>,
    /// Threads of the servers' runtimes; the floors have one.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
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
        threads: usize,
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
