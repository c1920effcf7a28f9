//! The library's promises over real sockets and at their full size: `tests/run --soak`.
//!
//! Every server is a process of its own (this program again, in another role) with the library's
//! defaults, so that its memory, tasks and descriptors are its alone. What clients saw is the
//! judge; the server's own figures are compared with it. One line is printed per promise.

#[path = "../it/support/proxy.rs"]
#[expect(dead_code, reason = "the tests of every run have more weather")]
mod proxy;
#[path = "../it/support/stalled.rs"]
#[expect(dead_code, reason = "the tests of every run end streams in more ways")]
mod stalled;
#[path = "../it/support/wire.rs"]
#[expect(dead_code, reason = "the tests of every run need more of it")]
mod wire;

#[path = "../outside/support/gate.rs"]
mod gate;

mod client;
mod flood;
mod held;
mod judge;
mod line;
mod named;
mod process;
mod promises;
mod server;
mod siege;

use std::{process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use tower::BoxError;

/// Shows the library's promises over real sockets.
#[derive(Parser)]
struct Options {
    /// Numbers of the promises to show, such as `2,7`; all of them without.
    #[arg(long, value_delimiter = ',')]
    only: Vec<u8>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What else this program does, most of it as a child of its own.
#[derive(Subcommand)]
enum Role {
    Serve(server::Options),
    Hold(held::Options),
    Flood(flood::Options),
    /// Attacks the examples for an hour.
    Siege(siege::Options),
    Attack,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.role {
        Some(Role::Serve(options)) => server::run(options).await.map(|()| true),
        Some(Role::Hold(options)) => held::run(options).await.map(|()| true),
        Some(Role::Flood(options)) => flood::run(options).await.map(|()| true),
        Some(Role::Siege(options)) => siege::run(options).await,
        Some(Role::Attack) => siege::attack().await.map(|()| true),
        None => promises::show(&options.only).await,
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What keeps a promise from being shown.
type Result<T> = std::result::Result<T, BoxError>;

/// Waits for what has to happen soon, on a machine however busy.
async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), event).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not come within a minute"),
    }
}

/// Runs something beside.
#[expect(clippy::disallowed_methods, reason = "its caller waits for it")]
fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}
