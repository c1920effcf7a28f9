//! Opens the sockets of a load.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

use super::{handshake, receiver::Receiver, socket_io};
use crate::{cell::Cell, error::Result, http, server::Server};

/// Opens sockets with a browser's handshake.
pub(super) struct Opener {
    port: u16,
    server: Server,
    cell: Cell,
    sockets: Sockets,
}

/// What was opened.
#[derive(Default)]
pub(super) struct Sockets {
    pub(super) receivers: Vec<Receiver>,
    /// Kept open, and never read.
    pub(super) others: Vec<TcpStream>,
}

impl Opener {
    pub(super) fn new(port: u16, server: Server, cell: Cell) -> Self {
        Self {
            port,
            server,
            cell,
            sockets: Sockets::default(),
        }
    }

    pub(super) fn open(&mut self, count: usize) -> Result<()> {
        let end = self.opened() + count;
        while self.opened() < end {
            let first = self.opened();
            let together = first..end.min(first + TOGETHER);
            let mut streams = Vec::with_capacity(together.len());
            for index in together.clone() {
                let socket = self.socket(index)?;
                streams.push(self.connect(socket, index)?);
            }
            for (index, mut stream) in together.zip(streams) {
                let early = self.opening(&mut stream)?;
                if self.cell.is_receiver(index) {
                    self.sockets.receivers.push(Receiver::new(stream, early)?);
                } else {
                    self.sockets.others.push(stream);
                }
            }
        }
        Ok(())
    }

    /// Opens sockets that read nothing, and whose peers soon notice: they take little at a time.
    pub(super) fn stall(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let index = self.opened();
            let socket = self.socket(index)?;
            socket.set_recv_buffer_size(4096)?;
            socket.set_tcp_mss(536)?;
            let mut stream = self.connect(socket, index)?;
            self.opening(&mut stream)?;
            self.sockets.others.push(stream);
        }
        Ok(())
    }

    pub(super) fn opened(&self) -> usize {
        self.sockets.receivers.len() + self.sockets.others.len()
    }

    pub(super) fn into_sockets(self) -> Sockets {
        self.sockets
    }

    /// A socket whose port is still to be chosen: no address has enough of them for all.
    fn socket(&self, index: usize) -> Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if index >= PER_ADDRESS {
            let address = Ipv4Addr::new(127, 0, 1, u8::try_from(index / PER_ADDRESS)?);
            socket.set_reuse_address(true)?;
            socket.bind(&SocketAddr::from((address, 0)).into())?;
        }
        Ok(socket)
    }

    fn connect(&self, socket: Socket, index: usize) -> Result<TcpStream> {
        socket.set_tcp_nodelay(true)?;
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)).into())?;
        let mut stream = TcpStream::from(socket);
        let handshake = handshake::write(self.server, self.port, self.cell, index);
        stream.write_all(handshake.as_bytes())?;
        Ok(stream)
    }

    /// Waits until the socket is open, and hands over what came behind that.
    fn opening(&self, stream: &mut TcpStream) -> Result<Vec<u8>> {
        let early = switched(stream)?;
        match self.server {
            Server::Socketioxide => socket_io::enter(stream, early),
            _ => Ok(early),
        }
    }
}

/// Reads the 101, and hands over what came behind it.
fn switched(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream.read(&mut buffer)?;
        received.extend_from_slice(&buffer[..length]);
        if let Some((response, rest)) = http::split(&received)? {
            if response.head.starts_with("HTTP/1.1 101") {
                return Ok(rest.to_vec());
            }
            return Err(format!("no socket opened: {}", response.head).into());
        }
        if length == 0 {
            return Err("the server closed a connection in its handshake".into());
        }
    }
}

/// Handshakes under way at a time.
const TOGETHER: usize = 64;
/// Sockets of one address of the client.
const PER_ADDRESS: usize = 20_000;
