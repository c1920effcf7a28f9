//! Redis servers, alone or as a cluster.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::Command,
};

use crate::{port::free_port, program::Program, wait::wait_until};

/// A Redis server that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    options: Vec<String>,
    program: Option<Program>,
}

impl Redis {
    /// Starts a server.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with further options, such as `["--requirepass", "secret"]`.
    #[must_use]
    pub fn with(options: &[&str]) -> Self {
        let mut redis = Self::absent();
        redis
            .options
            .extend(options.iter().map(|&option| option.to_owned()));
        redis.start_again();
        redis
    }

    /// Chooses a port for a server that is started later.
    #[must_use]
    pub fn absent() -> Self {
        Self {
            port: free_port(),
            options: Vec::new(),
            program: None,
        }
    }

    /// Starts a cluster of three servers without replicas, each of which stays up when another dies.
    #[must_use]
    pub fn cluster_of_three() -> [Self; 3] {
        let options = [
            "--cluster-enabled",
            "yes",
            "--cluster-require-full-coverage",
            "no",
        ];
        let servers = [(); 3].map(|()| Self::with(&options));
        let addresses = servers.iter().map(|server| server.address().to_string());
        let created = Command::new("redis-cli")
            .args(["--cluster-yes", "--cluster", "create"])
            .args(addresses)
            .output()
            .expect("redis-cli");
        assert!(created.status.success(), "{created:?}");
        wait_until("the cluster forms", || {
            let mut servers = servers.iter();
            servers.all(|server| {
                let state = server.cli(&["CLUSTER", "INFO"]);
                state.contains("cluster_state:ok")
            })
        });
        servers
    }

    /// Returns where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Returns the server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/", self.address())
    }

    /// Runs a command and returns its answer.
    ///
    /// # Panics
    ///
    /// If the server cannot be asked.
    #[must_use]
    pub fn cli(&self, command: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &port])
            .args(command)
            .output()
            .expect("redis-cli");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Kills the server as `kill -9` does.
    pub fn kill(&mut self) {
        self.program = None;
    }

    /// Starts the server at its port.
    pub fn start_again(&mut self) {
        let port = self.port.to_string();
        let fixed = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ];
        let mut arguments = fixed.map(str::to_owned).to_vec();
        arguments.extend(self.options.iter().cloned());
        let program = Program::start("redis-server", &arguments, "Ready to accept connections");
        self.program = Some(program);
    }

    /// Stops the server as a debugger does: its connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        self.program
            .as_ref()
            .expect("a running server")
            .signal(name);
    }
}
