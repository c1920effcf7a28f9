//! Promises that are shown in full by tests of every run: they are run again, and counted.

use std::process::Stdio;

use tokio::process::Command;

use crate::{Result, line::Line};

pub(crate) async fn audience() -> Result<Line> {
    tests(&[("--lib", "protocol::audience::"), ("it", "delivery::")]).await
}

pub(crate) async fn conformance() -> Result<Line> {
    tests(&[("it", "conformance::")]).await
}

pub(crate) async fn oversize() -> Result<Line> {
    run(&[("outside", "oversize::")], &[("TRIES", "100")]).await
}

pub(crate) async fn handshakes() -> Result<Line> {
    tests(&[("it", "handshake::"), ("--lib", "middleware::handshake::")]).await
}

pub(crate) async fn origins() -> Result<Line> {
    tests(&[
        ("it", "origins::"),
        ("it", "hosts::"),
        ("--lib", "origin::"),
        ("--lib", "middleware::access::page::"),
    ])
    .await
}

pub(crate) async fn reserved() -> Result<Line> {
    tests(&[
        ("it", "reserved::"),
        ("it", "control::"),
        ("--lib", "middleware::access::caller::"),
    ])
    .await
}

pub(crate) async fn local() -> Result<Line> {
    tests(&[
        ("it", "local::"),
        ("--lib", "middleware::access::loopback::"),
        ("outside", "nginx::"),
    ])
    .await
}

pub(crate) async fn spellings() -> Result<Line> {
    tests(&[("it", "spellings::"), ("--lib", "middleware::route::")]).await
}

pub(crate) async fn identity() -> Result<Line> {
    tests(&[
        ("it", "identity::"),
        ("it", "claims::"),
        ("it", "expiry::"),
        ("it", "reidentify::"),
    ])
    .await
}

pub(crate) async fn caps() -> Result<Line> {
    tests(&[("it", "caps::"), ("it", "rates::"), ("it", "secrets::")]).await
}

pub(crate) async fn nodes() -> Result<Line> {
    tests(&[
        ("outside", "cluster::delivery::"),
        ("outside", "cluster::refusals::"),
        ("outside", "cluster::brokers_of_many::"),
    ])
    .await
}

pub(crate) async fn names() -> Result<Line> {
    tests(&[("it", "names::"), ("--lib", "config::options::")]).await
}

pub(crate) async fn rates() -> Result<Line> {
    tests(&[("it", "rates::"), ("--lib", "session::rate_limit::")]).await
}

/// Runs tests by target and name.
pub(crate) async fn tests(tests: &[(&str, &str)]) -> Result<Line> {
    run(tests, &[]).await
}

async fn run(tests: &[(&str, &str)], environment: &[(&str, &str)]) -> Result<Line> {
    let mut line = Line::new();
    for (target, filter) in tests {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["test", "--all-features", "--workspace"]);
        match *target {
            "--lib" => cargo.arg("--lib"),
            target => cargo.args(["--test", target]),
        };
        cargo.arg(filter).envs(environment.iter().copied());
        let output = cargo.stderr(Stdio::null()).output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        let passed: usize = said
            .lines()
            .filter_map(|line| line.strip_prefix("test result: ok. "))
            .filter_map(|rest| rest.split_once(' ')?.0.parse::<usize>().ok())
            .sum();
        let which = format!("{passed} tests `{filter}` passed");
        line = line.figure(which, output.status.success() && passed > 0);
    }
    Ok(line)
}
