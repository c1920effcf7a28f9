//! NATS servers, alone or as a cluster.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use crate::{port::free_port, program::Program, wait::wait_until};

/// A NATS server.
#[derive(Debug)]
pub struct Nats {
    port: u16,
    options: Vec<String>,
    program: Option<Program>,
}

impl Nats {
    /// Starts a server.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with further options, such as `["--auth", "token"]`.
    #[must_use]
    pub fn with(options: &[&str]) -> Self {
        let mut nats = Self::absent();
        nats.options
            .extend(options.iter().map(|&option| option.to_owned()));
        nats.start_again();
        nats
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

    /// Starts a cluster of two servers.
    #[must_use]
    pub fn cluster_of_two() -> [Self; 2] {
        let routes = [(); 2].map(|()| format!("nats://127.0.0.1:{}", free_port()));
        let options = ["--cluster_name", "test", "--cluster"];
        let first = Self::with(&[&options[..], &[&*routes[0]]].concat());
        let second = [&options[..], &[&*routes[1], "--routes", &*routes[0]]].concat();
        [first, Self::with_ready(&second, "Route connection created")]
    }

    /// Starts a cluster of three servers with JetStream, whose files survive [`kill`](Self::kill) in
    /// `folder`, and waits until they have a leader.
    #[must_use]
    pub fn jetstream_of_three(folder: &Path) -> [Self; 3] {
        let ports = [(); 3].map(|()| free_port());
        let routes = ports
            .map(|port| format!("nats://127.0.0.1:{port}"))
            .join(",");
        let servers = [0, 1, 2].map(|index| {
            let name = format!("server-{index}");
            let files = folder.join(&name);
            let files = files.to_str().expect("a path that is text");
            let listen = format!("nats://127.0.0.1:{}", ports[index]);
            let mut options = vec!["--jetstream", "--store_dir", files, "--name", &name];
            options.extend(["--cluster_name", "test", "--cluster", &listen]);
            options.extend(["--routes", &routes]);
            Self::with(&options)
        });
        // Of itself a server says "Self is new JetStream cluster metadata leader".
        let knows_leader = |server: &Self| {
            let log = server.running().log();
            log.contains("cluster metadata leader") || log.contains("new metadata leader")
        };
        wait_until("the servers have a leader", || {
            servers.iter().all(knows_leader)
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
        format!("nats://{}", self.address())
    }

    /// Kills the server as `kill -9` does.
    pub fn kill(&mut self) {
        self.program = None;
    }

    /// Starts the server at its port.
    pub fn start_again(&mut self) {
        self.start_until("Server is ready");
    }

    /// Stops the server as a debugger does: its connections stay open, and nothing is answered.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn with_ready(options: &[&str], ready: &str) -> Self {
        let mut nats = Self::absent();
        nats.options
            .extend(options.iter().map(|&option| option.to_owned()));
        nats.start_until(ready);
        nats
    }

    fn start_until(&mut self, ready: &str) {
        let port = self.port.to_string();
        let mut arguments = ["--addr", "127.0.0.1", "--port", &port]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(self.options.iter().cloned());
        self.program = Some(Program::start("nats-server", &arguments, ready));
    }

    fn signal(&self, name: &str) {
        self.running().signal(name);
    }

    fn running(&self) -> &Program {
        self.program.as_ref().expect("a running server")
    }
}
