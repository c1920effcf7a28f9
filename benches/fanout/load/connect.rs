//! Opens the sockets of a load.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
};

use socket2::{Domain, Socket, Type};

use super::{receiver::Receiver, socket_io};
use crate::{
    cell::{Cell, Kind},
    endpoints::SOCKET_PATH,
    error::Result,
    http,
    server::Server,
};

/// Opens sockets with a browser's handshake.
pub(super) struct Opener {
    port: u16,
    server: Server,
    cell: Cell,
    receivers: Vec<Receiver>,
    others: Vec<TcpStream>,
}

/// What was opened.
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
            receivers: Vec::new(),
            others: Vec::new(),
        }
    }

    pub(super) fn open(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let together = left.min(TOGETHER);
            let mut streams = Vec::with_capacity(together);
            for _ in 0..together {
                let member = self.opened() + streams.len() < self.cell.receivers();
                let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
                stream.set_nodelay(true)?;
                stream.write_all(self.handshake(member).as_bytes())?;
                streams.push(stream);
            }
            for mut stream in streams {
                let early = self.opening(&mut stream)?;
                self.keep(stream, early)?;
            }
            left -= together;
        }
        Ok(())
    }

    /// Opens sockets that read nothing, and whose peers soon notice: they take little at a time.
    pub(super) fn stall(&mut self, count: usize) -> Result<()> {
        for _ in 0..count {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            socket.set_recv_buffer_size(4096)?;
            socket.set_tcp_mss(536)?;
            socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)).into())?;
            let mut stream = TcpStream::from(socket);
            stream.write_all(self.handshake(true).as_bytes())?;
            self.opening(&mut stream)?;
            self.others.push(stream);
        }
        Ok(())
    }

    pub(super) fn opened(&self) -> usize {
        self.receivers.len() + self.others.len()
    }

    pub(super) fn into_sockets(self) -> Sockets {
        Sockets {
            receivers: self.receivers,
            others: self.others,
        }
    }

    fn keep(&mut self, stream: TcpStream, early: Vec<u8>) -> Result<()> {
        let is_receiver = match self.cell.kind {
            Kind::Group(members) => self.receivers.len() < members,
            _ => true,
        };
        if is_receiver {
            self.receivers.push(Receiver::new(stream, early)?);
        } else {
            self.others.push(stream);
        }
        Ok(())
    }

    /// Waits until the socket is open, and hands over what came behind that.
    fn opening(&self, stream: &mut TcpStream) -> Result<Vec<u8>> {
        let early = switched(stream)?;
        match self.server {
            Server::Socketioxide => socket_io::enter(stream, early),
            _ => Ok(early),
        }
    }

    fn handshake(&self, member: bool) -> String {
        let port = self.port;
        let query = match self.cell.kind {
            Kind::Group(_) if member => "?groupId=ten",
            _ => "",
        };
        let target = match self.server {
            Server::Socketioxide => socket_io::TARGET.to_owned(),
            _ => format!("{SOCKET_PATH}{query}"),
        };
        format!(
            "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n{BROWSER}\r\n"
        )
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

/// What a browser adds; with the lines before it about 700 bytes.
const BROWSER: &str = "\
Connection: Upgrade\r
Pragma: no-cache\r
Cache-Control: no-cache\r
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r
Upgrade: websocket\r
Sec-WebSocket-Version: 13\r
Accept-Encoding: gzip, deflate, br, zstd\r
Accept-Language: en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7\r
Cookie: session=4f1c9ab0d27e43f58c6be1d0a7f39284; theme=dark; visits=17; consent=necessary\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r
";
