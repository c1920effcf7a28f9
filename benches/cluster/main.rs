//! What a message between nodes costs: deliveries a second, added latency and bytes through the broker,
//! for 1, 2 and 4 nodes on Redis and NATS, beside socketioxide with its Redis adapter.
//!
//! `cargo bench -p benches --bench cluster -- --help` lists the options.
//!
//! Every node is a process of its own (this program again, in another role), and so are the brokers.
//! All share a machine: ratios inside one run count, and the bare loop over redis-rs stands beside them.

mod broker;
mod client;
mod figures;
mod groups;
mod hub;
mod measure;
mod node;
mod pipe;
mod process;
mod socket_io;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tower::BoxError;

/// Measures what a message between nodes costs.
#[derive(Parser)]
struct Options {
    /// Sockets of all nodes together.
    #[arg(long, default_value_t = 100)]
    sockets: usize,
    /// Broadcasts of one measurement of throughput.
    #[arg(long, default_value_t = 50_000)]
    broadcasts: usize,
    /// Broadcasts a second of one measurement of latency.
    #[arg(long, default_value_t = 10_000)]
    rate: u64,
    /// Rounds, of which the median is shown.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only the loops of pipelines, without sockets.
    #[arg(long)]
    pipes: bool,
    /// Only messages to groups.
    #[arg(long)]
    groups: bool,
    /// Said by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What this program is, where it started itself again.
#[derive(Subcommand)]
#[command(hide = true)]
enum Role {
    /// A node, until its standard input ends.
    Node(node::Node),
    /// A loop that publishes as fast as it can.
    Pipe(pipe::Pipe),
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.role {
        Some(Role::Node(node)) => node::run(node).await,
        Some(Role::Pipe(pipe)) => pipe::run(pipe).await,
        None if options.bench => measure::run(&options).await,
        None => {
            println!("nothing is measured without `cargo bench -p benches --bench cluster`");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cluster: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What keeps a measurement from being made.
type Result<T> = std::result::Result<T, BoxError>;
