//! The connection that broadcasts are posted over.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
};

use mio::{Interest, Registry, Token, net::TcpStream};

use crate::{
    endpoints::{PUBLISH_PATH, TOKEN},
    error::Result,
    http,
};

/// Posts messages over one connection, one behind the other without waiting for answers.
pub(super) struct Publisher {
    stream: TcpStream,
    unsent: Vec<u8>,
    received: Vec<u8>,
}

impl Publisher {
    pub(super) fn connect(port: u16, registry: &Registry, token: Token) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            stream,
            unsent: Vec::new(),
            received: Vec::new(),
        })
    }

    /// Adds a message to what [`flush`](Self::flush) sends.
    pub(super) fn publish(&mut self, json: &str) {
        let head = format!(
            "POST {PUBLISH_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            json.len()
        );
        self.unsent.extend_from_slice(head.as_bytes());
        self.unsent.extend_from_slice(json.as_bytes());
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.stream.write(&self.unsent[sent..]) {
                Ok(length) => sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        self.unsent.drain(..sent);
        Ok(())
    }

    /// Reads what has arrived and counts the answers; one that is not 200 is an error.
    pub(super) fn answers(&mut self, buffer: &mut [u8]) -> Result<u64> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err("the server cut the publisher".into()),
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        let mut answers = 0;
        let mut rest = &*self.received;
        while let Some((response, next)) = http::split(rest)? {
            if !response.head.starts_with("HTTP/1.1 200") {
                let body = String::from_utf8_lossy(response.body);
                return Err(format!("a message was refused: {}{body}", response.head).into());
            }
            answers += 1;
            rest = next;
        }
        let used = self.received.len() - rest.len();
        self.received.drain(..used);
        Ok(answers)
    }
}
