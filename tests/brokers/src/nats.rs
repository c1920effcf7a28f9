//! NATS servers, alone or as a cluster.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{port::free_port, program::Program};

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
        self.program
            .as_ref()
            .expect("a running server")
            .signal(name);
    }
}
