//! A client that writes any bytes and reads frames.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use web_connection_socket::testing::Server;

use super::soon;

/// Operation codes of RFC 6455 §5.2.
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// An upgrade request for a path.
pub(crate) fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A masked frame with this first byte's low bits as operation code.
pub(crate) fn masked(is_final: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

    let mut frame = vec![opcode | if is_final { 0x80 } else { 0 }];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    let mask = MASK.iter().cycle();
    frame.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A whole text message as one masked frame.
pub(crate) fn masked_text(text: &str) -> Vec<u8> {
    masked(true, TEXT, text.as_bytes())
}

/// The payload of a close frame.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// An open socket as bytes.
pub(crate) struct Wire<S = DuplexStream> {
    stream: S,
}

/// A frame that the server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The payload as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("UTF-8")
    }

    /// Code and reason of a close frame.
    pub(crate) fn close(&self) -> (u16, &str) {
        assert_eq!(self.opcode, CLOSE, "{self:?}");
        let (code, reason) = self.payload.split_at(2);
        let reason = std::str::from_utf8(reason).expect("UTF-8");
        (u16::from_be_bytes([code[0], code[1]]), reason)
    }
}

impl Wire {
    /// Opens a socket at a path.
    pub(crate) async fn open(server: &Server, path: &str) -> Self {
        Self::open_with(server, path, &[]).await
    }

    /// Opens a socket and sends these bytes in the handshake's own segment.
    pub(crate) async fn open_with(server: &Server, path: &str, first: &[u8]) -> Self {
        Self::open_over(server.open(), path, first).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Opens a socket over a connection and sends these bytes in the handshake's own segment.
    pub(crate) async fn open_over(stream: S, path: &str, first: &[u8]) -> Self {
        let mut wire = Self::over(stream);
        let request = [handshake(path).as_bytes(), first].concat();
        wire.send(&request).await;
        let head = wire.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        wire
    }

    /// Takes a stream that is a socket already.
    pub(crate) fn over(stream: S) -> Self {
        Self { stream }
    }

    /// Writes bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.expect("an open connection");
    }

    /// Writes bytes to a connection that may be gone.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        soon("room to write", self.stream.write_all(bytes)).await
    }

    /// Reads the next frame; none at the end of the connection.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        soon("a frame or the end", self.read_frame()).await
    }

    /// Reads the next text frame, passing over pings and pongs.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            let frame = self.frame().await.expect("an open connection");
            match frame.opcode {
                TEXT => return frame.text().to_owned(),
                PING | PONG => {}
                _ => panic!("a text frame was expected, and there came {frame:?}"),
            }
        }
    }

    /// Reads a close frame, answers it as clients do, and reads that nothing comes after it.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        let frame = self.frame().await.expect("a close frame");
        let (code, reason) = frame.close();
        // The server may have closed the connection already.
        let _gone = self.try_send(&masked(true, CLOSE, &frame.payload)).await;
        assert_eq!(self.frame().await, None, "after the close frame");
        (code, reason.to_owned())
    }

    /// Reads so many bytes.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = soon("bytes", self.stream.read_exact(&mut bytes)).await;
        read.expect("an open connection");
        bytes
    }

    /// Reads all that is left and returns how many bytes it was.
    pub(crate) async fn drain(&mut self) -> usize {
        let mut rest = Vec::new();
        // A connection that was reset has ended like any other.
        let _reset = soon("the end", self.stream.read_to_end(&mut rest)).await;
        rest.len()
    }

    /// Ends the writing half.
    pub(crate) async fn shut(&mut self) {
        self.stream.shutdown().await.expect("an open connection");
    }

    /// The stream itself.
    pub(crate) fn into_inner(self) -> S {
        self.stream
    }

    /// Reads a response's head.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = soon("the head of an answer", self.stream.read_u8()).await;
            head.push(byte.expect("an open connection"));
        }
        String::from_utf8(head).expect("a head in ASCII")
    }

    async fn read_frame(&mut self) -> Option<Frame> {
        let first = self.stream.read_u8().await.ok()?;
        let length = self.stream.read_u8().await.expect("a whole frame");
        assert_eq!(first & 0xF0, 0x80, "a server's frames are whole messages");
        assert_eq!(length & 0x80, 0, "a server's frames are not masked");
        let length = match length {
            126 => usize::from(self.stream.read_u16().await.expect("a whole frame")),
            127 => self.stream.read_u64().await.expect("a whole frame") as usize,
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        let read = self.stream.read_exact(&mut payload).await;
        read.expect("a whole frame");
        Some(Frame {
            opcode: first & 0x0F,
            payload,
        })
    }
}
