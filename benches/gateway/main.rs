//! What the gateway costs: a message from a socket beside Pushpin, a page beside nginx.
//!
//! `cargo bench -p benches --bench gateway` needs Debian's `pushpin` and `nginx`, and builds the example
//! `gateway`.
//!
//! All stand in front of one backend, which answers each message with a reply to its sender, and each
//! request with a page. Every server is a process of its own, so the kernel accounts its processor
//! time. Machines drift, so the servers take turns, and what counts are ratios within a round.

mod backend;
mod load;
mod servers;
mod usage;

use std::{env, error::Error, process::ExitCode, time::Duration};

use self::{
    load::Outcome,
    servers::{Ports, Server},
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["backend", port] => backend::serve(port),
        _ if arguments.iter().any(|argument| argument == "--bench") => compare(&arguments),
        _ => {
            println!("nothing is measured without `cargo bench -p benches --bench gateway`");
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn compare(arguments: &[String]) -> Result<()> {
    let rounds = value(arguments, "--rounds").unwrap_or(3);
    let time = Duration::from_secs(value(arguments, "--seconds").unwrap_or(5));
    let ports = Ports::default();
    let mut backend = Server::backend(ports.backend)?;
    let mut gateway = Server::gateway(&ports)?;
    let mut pushpin = Server::pushpin(&ports)?;
    let mut nginx = Server::nginx(&ports)?;
    for (server, port) in [
        (&mut backend, ports.backend),
        (&mut gateway, ports.gateway),
        (&mut pushpin, ports.pushpin),
        (&mut nginx, ports.nginx),
    ] {
        server.listens(port).await?;
    }

    println!("round  what                      per second   p50 µs   p99 µs   CPU µs each");
    for round in 1..=rounds {
        for (name, server, port) in [
            ("message: gateway", &gateway, ports.gateway),
            ("message: pushpin", &pushpin, ports.pushpin),
        ] {
            for sockets in [1, 32] {
                let before = server.cpu()?;
                let outcome = load::messages(port, sockets, time).await?;
                show(
                    round,
                    &format!("{name}, {sockets}"),
                    &outcome,
                    server.cpu()? - before,
                );
            }
        }
        for (name, server, port) in [
            ("post: backend alone", &backend, ports.backend),
            ("page: gateway", &gateway, ports.gateway),
            ("page: nginx", &nginx, ports.nginx),
        ] {
            let posts = name.starts_with("post");
            for connections in [1, 32] {
                let before = server.cpu()?;
                let outcome = load::requests(port, posts, connections, time).await?;
                let what = format!("{name}, {connections}");
                show(round, &what, &outcome, server.cpu()? - before);
            }
        }
    }
    Ok(())
}

fn show(round: u64, what: &str, outcome: &Outcome, cpu: Duration) {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{round:>5}  {what:<24} {:>11.0} {:>8.0} {:>8.0} {:>13.1}",
        outcome.per_second(),
        micros(outcome.quantile(0.5)),
        micros(outcome.quantile(0.99)),
        micros(cpu) / outcome.count() as f64,
    );
}

fn value(arguments: &[String], name: &str) -> Option<u64> {
    let at = arguments.iter().position(|argument| argument == name)?;
    arguments.get(at + 1)?.parse().ok()
}
