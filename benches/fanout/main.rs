//! What a broadcast to many sockets costs, measured on real sockets against other servers.
//!
//! `cargo bench -p benches --bench fanout -- --help` lists the options.
//!
//! Every server and the client are processes of their own (this program again, with another role),
//! so the kernel accounts the processor time of each. The *floor* is a bare `epoll` loop that does
//! nothing but what no server can leave out, for no other sockets than those that get a message, and
//! that gets all that may be in flight at once. Machines drift, so servers take turns, and what counts
//! is the ratio to the floor of the same round. The receivers check the numbers in the messages:
//! one that is lost, doubled or out of order fails the run.

mod cell;
mod contender;
mod endpoints;
mod error;
mod figures;
mod frame;
mod http;
mod load;
mod markdown;
mod measure;
mod message;
mod options;
mod plan;
mod process;
mod results;
mod rounds;
mod run;
mod server;
mod servers;
mod table;
mod usage;

use std::process::ExitCode;

use clap::Parser;

use self::options::{Options, Role};

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.role {
        Some(Role::Serve { server, workers }) => servers::serve(server, workers),
        Some(Role::Load(load)) => load::run(&load),
        None if options.bench => rounds::run(&options),
        None => {
            println!("nothing is measured without `cargo bench -p benches --bench fanout`");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fanout: {error}");
            ExitCode::FAILURE
        }
    }
}
