//! The chat example as a program of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::process::Process;
use super::{example, free_port};

/// The largest message that the chat under test takes, in bytes.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;

/// A running chat server.
#[derive(Debug)]
pub(crate) struct Chat {
    port: u16,
    process: Process,
}

impl Chat {
    pub(crate) async fn start() -> Self {
        let port = free_port();
        Self {
            port,
            process: start_at(port).await,
        }
    }

    /// Kills the server as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops the server as a debugger does: its connections stay open, and nothing is answered.
    pub(crate) fn suspend(&self) {
        self.process.signal("STOP");
    }

    /// Lets a suspended server go on.
    pub(crate) fn resume(&self) {
        self.process.signal("CONT");
    }

    /// Starts a killed server again, at the same port.
    pub(crate) async fn start_again(&mut self) {
        self.process = start_at(self.port).await;
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The URL of `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The URL at which sockets open.
    pub(crate) fn socket_url(&self) -> String {
        format!("ws://{}/__initializeSocket.wc", self.address())
    }

    /// The resident memory of the server in KiB.
    pub(crate) fn resident_kib(&self) -> usize {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("the kernel's view of a running process");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .expect("a line with the resident memory");
        line.split_ascii_whitespace()
            .nth(1)
            .and_then(|kib| kib.parse().ok())
            .expect("a number of KiB")
    }
}

async fn start_at(port: u16) -> Process {
    let mut command = Command::new(program());
    command
        .args(["--port", &port.to_string()])
        .args(["--script-map", "wwd"])
        .args(["--max-message", &MAX_MESSAGE.to_string()]);
    let mut process = Process::start("chat", command);
    process.line_with("http://").await;
    process
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::build("chat"))
}
