//! The client's end of one socket.

use std::{
    io::{ErrorKind, Read, Write},
    net,
};

use mio::{Interest, Registry, Token, net::TcpStream};

use super::socket_io;
use crate::{
    error::Result,
    frame::{self, CLOSE, PING, PONG, TEXT, from_client},
};

/// A client's end of a socket.
pub(super) struct Receiver {
    stream: TcpStream,
    /// The beginning of a frame that is not whole.
    rest: Vec<u8>,
}

impl Receiver {
    pub(super) fn new(stream: net::TcpStream, early: Vec<u8>) -> Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: TcpStream::from_std(stream),
            rest: early,
        })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: usize) -> Result<()> {
        registry.register(&mut self.stream, Token(token), Interest::READABLE)?;
        Ok(())
    }

    /// Reads what has arrived and hands over each text. Pings are answered. Returns how many reads
    /// found something.
    pub(super) fn read(
        &mut self,
        buffer: &mut [u8],
        mut on_text: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        let mut reads = 0;
        loop {
            let length = match self.stream.read(buffer) {
                Ok(0) => return Err("the server cut a socket".into()),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(reads),
                Err(error) => return Err(error.into()),
            };
            reads += 1;
            if self.rest.is_empty() {
                let rest = self.take(&buffer[..length], &mut on_text)?;
                self.rest.extend_from_slice(rest);
            } else {
                let mut received = std::mem::take(&mut self.rest);
                received.extend_from_slice(&buffer[..length]);
                let rest = self.take(&received, &mut on_text)?.len();
                received.drain(..received.len() - rest);
                self.rest = received;
            }
            if length < buffer.len() {
                return Ok(reads);
            }
        }
    }

    /// Sends a whole frame; a client has at most one under way, so the kernel has room for it.
    pub(super) fn send(&mut self, opcode: u8, payload: &[u8]) -> Result<()> {
        let frame = from_client(opcode, payload);
        match self.stream.write(&frame)? {
            sent if sent == frame.len() => Ok(()),
            _ => Err("the kernel had no room for a frame".into()),
        }
    }

    /// Handles the frames that are whole and returns the rest.
    fn take<'b>(
        &mut self,
        mut received: &'b [u8],
        on_text: &mut impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<&'b [u8]> {
        while let Some((frame, rest)) = frame::split(received) {
            match frame.opcode {
                TEXT if frame.payload == socket_io::PING => self.send(TEXT, socket_io::PONG)?,
                TEXT => on_text(frame.payload)?,
                PING => self.send(PONG, frame.payload)?,
                CLOSE => {
                    let reason =
                        String::from_utf8_lossy(frame.payload.get(2..).unwrap_or_default());
                    return Err(format!("the server closed a socket: {reason}").into());
                }
                opcode => return Err(format!("a frame of the unknown kind {opcode}").into()),
            }
            received = rest;
        }
        Ok(received)
    }
}
