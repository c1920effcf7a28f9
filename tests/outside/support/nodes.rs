//! Nodes of the cluster example as programs of their own.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use super::{PATIENCE, eventually, example, free_port, http::Http, process::Process};

/// A running node of the example.
#[derive(Debug)]
pub(crate) struct ExampleNode {
    port: u16,
    process: Process,
}

impl ExampleNode {
    /// Starts a node with options such as `["--redis", URL]`.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let port = free_port();
        Self {
            port,
            process: start_at(port, options).await,
        }
    }

    /// Kills the node as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts a killed node again, at the same port.
    pub(crate) async fn start_again(&mut self, options: &[&str]) {
        self.process = start_at(self.port, options).await;
    }

    /// The URL of `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it answers to a script.
    pub(crate) async fn state(&self) -> Value {
        Http::new().get(&self.url("/cluster")).await.json()
    }

    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, PATIENCE, async || {
            Some(self.state().await).filter(&is_so)
        })
        .await
    }
}

async fn start_at(port: u16, options: &[&str]) -> Process {
    let mut command = Command::new(program());
    command.args(["--port", &port.to_string()]).args(options);
    let mut process = Process::start("cluster", command);
    process.line_with("http://").await;
    process
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::build("cluster"))
}
