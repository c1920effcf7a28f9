//! The beginning of a Socket.IO session, read as bytes.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::{
    error::Result,
    frame::{TEXT, from_client, split},
};

/// Where Socket.IO's sockets open; more of a query follows.
pub(super) const TARGET: &str = "/socket.io/?EIO=4&transport=websocket&";

/// Enters the default namespace, without which no event comes.
pub(super) fn enter(stream: &mut TcpStream, early: Vec<u8>) -> Result<Vec<u8>> {
    let received = text_that_begins(b"0{", stream, early)?;
    stream.write_all(&from_client(TEXT, b"40"))?;
    text_that_begins(b"40{", stream, received)
}

/// Waits for a text and hands over what came behind it.
fn text_that_begins(
    beginning: &[u8],
    stream: &mut TcpStream,
    mut received: Vec<u8>,
) -> Result<Vec<u8>> {
    let mut buffer = [0; 4096];
    loop {
        if let Some((frame, rest)) = split(&received) {
            if frame.payload.starts_with(beginning) {
                return Ok(rest.to_vec());
            }
            if frame.payload != PING {
                return Err("the server does not speak Socket.IO".into());
            }
            stream.write_all(&from_client(TEXT, PONG))?;
            received = rest.to_vec();
            continue;
        }
        match stream.read(&mut buffer)? {
            0 => return Err("the server closed a socket as it opened".into()),
            length => received.extend_from_slice(&buffer[..length]),
        }
    }
}

/// The server asks once when a socket has opened, and then not for longer than any run lasts.
pub(super) const PING: &[u8] = b"2";
pub(super) const PONG: &[u8] = b"3";
