//! The brokers, and what has gone through them.

use std::{io::Read, io::Write, net::TcpStream};

use brokers::{Nats, Redis};
use serde_json::Value;
use tokio::task::block_in_place;

use crate::Result;

/// A broker of one measurement, or none.
pub(crate) enum Broker {
    None,
    Redis(Redis),
    /// With the port that tells its figures.
    Nats(Nats, u16),
}

impl Broker {
    pub(crate) fn redis() -> Self {
        Self::Redis(block_in_place(Redis::start))
    }

    pub(crate) fn nats() -> Self {
        let port = block_in_place(Nats::absent).address().port();
        let options = ["--http_port", &port.to_string()];
        Self::Nats(block_in_place(|| Nats::with(&options)), port)
    }

    /// What makes a node one on this broker.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::Redis(redis) => redis.url(),
            Self::Nats(nats, _) => nats.url(),
        }
    }

    pub(crate) fn kill(&mut self) {
        match self {
            Self::None => {}
            Self::Redis(redis) => redis.kill(),
            Self::Nats(nats, _) => nats.kill(),
        }
    }

    /// Bytes that it has received and sent so far.
    pub(crate) fn bytes(&self) -> Result<u64> {
        match self {
            Self::None => Ok(0),
            Self::Redis(redis) => {
                let stats = redis.cli(&["INFO", "stats"]);
                let named = |name| {
                    let line = stats.lines().find_map(|line| line.strip_prefix(name));
                    Ok::<u64, tower::BoxError>(line.unwrap_or_default().trim().parse()?)
                };
                Ok(named("total_net_input_bytes:")? + named("total_net_output_bytes:")?)
            }
            Self::Nats(_, port) => {
                let mut stream = TcpStream::connect(("127.0.0.1", *port))?;
                stream.write_all(b"GET /varz HTTP/1.0\r\n\r\n")?;
                let mut answer = String::new();
                stream.read_to_string(&mut answer)?;
                let body = answer.split_once("\r\n\r\n").ok_or("an answer")?.1;
                let varz: Value = serde_json::from_str(body)?;
                let bytes = |name: &str| varz[name].as_u64().unwrap_or_default();
                // It counts payloads alone; a subject and the protocol are some 50 bytes more.
                Ok(bytes("in_bytes") + bytes("out_bytes"))
            }
        }
    }
}
