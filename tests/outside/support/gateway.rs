//! The gateway as a program of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use super::example;
use super::process::Process;

/// What the gateway and the applications behind it share.
pub(crate) const KEY: &str = "a key of the tests";
pub(crate) const TOKEN: &str = "token-of-the-tests";

/// A running gateway in front of one application.
#[derive(Debug)]
pub(crate) struct Gateway {
    port: u16,
    process: Process,
}

impl Gateway {
    /// Starts it with a token and a key, at a free port.
    pub(crate) async fn start(upstream: &str, arguments: &[&str]) -> Self {
        let mut command = command(&["--upstream", upstream, "--port", "0"]);
        command
            .args(arguments)
            .env("WEBCONNECTION_BROADCAST_TOKEN", TOKEN)
            .env("WEBCONNECTION_SIGNING_KEY", KEY);
        Self::run(command).await
    }

    /// Starts it without a key.
    pub(crate) async fn start_unsigned(upstream: &str, arguments: &[&str]) -> Self {
        let mut command = command(&["--upstream", upstream, "--port", "0", "--unsigned"]);
        command
            .args(arguments)
            .env("WEBCONNECTION_BROADCAST_TOKEN", TOKEN);
        Self::run(command).await
    }

    async fn run(command: Command) -> Self {
        let mut process = Process::start("gateway", command);
        let line = process.line_with("Open http").await;
        let port = line.split(['/', ':']).find_map(|part| part.parse().ok());
        Self {
            port: port.expect("a port"),
            process,
        }
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL of `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The URL at which sockets open, with a query.
    pub(crate) fn socket_url(&self, query: &str) -> String {
        format!("ws://{}/__initializeSocket.wc?{query}", self.address())
    }
}

/// Runs a gateway that ends by itself, with nothing in its environment.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command(arguments)
        .output()
        .expect("the gateway that was built")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments);
    for variable in [
        "BROADCAST_TOKEN",
        "NATS",
        "REDIS",
        "SIGNING_KEY",
        "UPSTREAM",
    ] {
        command.env_remove(format!("WEBCONNECTION_{variable}"));
    }
    command
}

/// Where its program lies.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::build("gateway"))
}
