//! Sentinels, which have a replica of Redis take over.

use std::{fs, path::Path, process::Command};

use crate::{port::free_port, program::Program, redis::Redis, wait::wait_until};

/// A Redis Sentinel.
#[derive(Debug)]
pub struct Sentinel {
    port: u16,
    _program: Program,
}

impl Sentinel {
    /// Starts three for a primary with one replica. Two of them are enough to have that take over, a
    /// second after the primary has gone. Their files are put into a folder.
    ///
    /// # Panics
    ///
    /// If the folder cannot be written, one does not start, or they do not find each other within 30 s.
    #[must_use]
    pub fn three_of(primary: &Redis, folder: &Path) -> [Self; 3] {
        let sentinels = [1, 2, 3].map(|number| {
            let port = free_port();
            let path = folder.join(format!("sentinel-{number}.conf"));
            let config = format!(
                "bind 127.0.0.1\n\
                 port {port}\n\
                 sentinel monitor test 127.0.0.1 {} 2\n\
                 sentinel down-after-milliseconds test 1000\n\
                 sentinel failover-timeout test 5000\n",
                primary.address().port(),
            );
            fs::write(&path, config).expect("a file in a folder");
            let path = path.to_str().expect("a path that is text");
            let arguments = [path, "--sentinel"].map(str::to_owned);
            Self {
                port,
                _program: Program::start("redis-server", &arguments, "+monitor master test"),
            }
        });
        wait_until("the sentinels know each other and the replica", || {
            sentinels.iter().all(Self::is_ready)
        });
        sentinels
    }

    fn is_ready(&self) -> bool {
        let port = self.port.to_string();
        let output = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &port, "SENTINEL", "MASTER", "test"])
            .output()
            .expect("redis-cli");
        let answer = String::from_utf8_lossy(&output.stdout);
        let facts = ["num-slaves\n1\n", "num-other-sentinels\n2\n"];
        facts.iter().all(|fact| answer.contains(fact))
    }
}
