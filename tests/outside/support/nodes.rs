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
    _process: Process,
}

impl ExampleNode {
    /// Starts a node with options such as `["--redis", URL]`.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new(program());
        command.args(["--port", &port.to_string()]).args(options);
        let mut process = Process::start("cluster", command);
        process.line_with("http://").await;
        Self {
            port,
            _process: process,
        }
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

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::build("cluster"))
}
