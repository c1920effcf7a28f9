//! Ports for programs that cannot say which one the system gave them.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::Mutex,
};

/// Returns a port that was free a moment ago, and that this process has not given out before.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().expect("no thread panics while it holds this");
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        // Redis keeps the port above by 10 000 for its cluster.
        if port < 55_000 && !given.contains(&port) {
            given.push(port);
            return port;
        }
    }
}
