//! The floor: an event loop that only does what no server can leave out.
//!
//! It knows nothing of audiences, masks, limits or time. Frames are made once per message; what
//! remains is the kernel's work for each `send`.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr},
};

use mio::{
    Events, Interest, Poll, Registry, Token,
    net::{TcpListener, TcpStream},
};
use tungstenite::handshake::derive_accept_key;

use crate::{
    error::Result,
    frame::{TEXT, from_server},
    http,
};

/// How messages that arrive together leave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sends {
    /// One `send` per socket and message.
    Each,
    /// One `send` per socket.
    Coalesced,
}

pub(super) fn serve(sends: Sends) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    println!("{}", listener.local_addr()?.port());
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut limit = Limit {
        sends,
        connections: Vec::new(),
        buffer: vec![0; 256 * 1024],
    };
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => limit.accept(&listener, poll.registry())?,
                Token(index) => {
                    if event.is_writable() {
                        limit.connections[index].flush();
                    }
                    if event.is_readable() {
                        limit.read(index)?;
                    }
                }
            }
        }
    }
}

struct Limit {
    sends: Sends,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

impl Limit {
    fn accept(&mut self, listener: &TcpListener, registry: &Registry) -> Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            let token = Token(self.connections.len());
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            self.connections.push(Connection {
                stream,
                state: State::Http,
                received: Vec::new(),
                pending: Vec::new(),
            });
        }
    }

    fn read(&mut self, index: usize) -> Result<()> {
        let connection = &mut self.connections[index];
        loop {
            let received = match connection.stream.read(&mut self.buffer) {
                Ok(0) => {
                    connection.state = State::Gone;
                    return Ok(());
                }
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    connection.state = State::Gone;
                    return Ok(());
                }
            };
            if connection.state == State::Http {
                connection
                    .received
                    .extend_from_slice(&self.buffer[..received]);
            }
            if received < self.buffer.len() {
                break;
            }
        }
        let received = std::mem::take(&mut connection.received);
        let mut rest = &*received;
        let mut frames = Vec::new();
        while let Some((request, next)) = http::split(rest)? {
            if let Some(key) = http::header(request.head, "sec-websocket-key") {
                connection.open(key);
            } else {
                connection.send(ACCEPTED);
                frames.push(from_server(TEXT, request.body));
            }
            rest = next;
        }
        connection.received = rest.to_vec();
        self.broadcast(frames);
        Ok(())
    }

    fn broadcast(&mut self, mut frames: Vec<Vec<u8>>) {
        if self.sends == Sends::Coalesced && !frames.is_empty() {
            frames = vec![frames.concat()];
        }
        for frame in frames {
            for connection in &mut self.connections {
                if connection.state == State::Open {
                    connection.send(&frame);
                }
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    state: State,
    /// A request that is not whole.
    received: Vec<u8>,
    /// What the kernel did not take.
    pending: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Http,
    Open,
    Gone,
}

impl Connection {
    fn open(&mut self, key: &str) {
        let accept = derive_accept_key(key.as_bytes());
        self.send(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                 Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        self.state = State::Open;
    }

    fn send(&mut self, bytes: &[u8]) {
        if !self.pending.is_empty() {
            self.pending.extend_from_slice(bytes);
            return;
        }
        let sent = self.written(bytes);
        self.pending.extend_from_slice(&bytes[sent..]);
    }

    /// Sends what was left when the kernel had no room.
    fn flush(&mut self) {
        while !self.pending.is_empty() {
            let pending = std::mem::take(&mut self.pending);
            let sent = self.written(&pending);
            self.pending = pending[sent..].to_vec();
            if sent == 0 {
                return;
            }
        }
    }

    fn written(&mut self, bytes: &[u8]) -> usize {
        match self.stream.write(bytes) {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => {
                self.state = State::Gone;
                bytes.len()
            }
        }
    }
}

const ACCEPTED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const LISTENER: Token = Token(usize::MAX);
