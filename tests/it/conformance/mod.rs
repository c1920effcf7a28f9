//! RFC 6455 as a client sees it, clause by clause: an echo over memory and over TCP.

mod closing;
mod floods;
mod frames;
mod text;

use tokio::io::{AsyncRead, AsyncWrite};
use web_connection_socket::{
    Config, RawMessage, Socket, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    serve,
    wire::{Frame, Wire},
};

/// The longest message that the echo takes, in bytes.
const MAX: usize = 256 * 1024;

/// The first byte's highest bit.
const FIN: u8 = 0x80;

/// A layer that sends back what it gets.
fn echo() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(Config::new().max_message_size(MAX))
        .on_raw(async |socket: Socket, message: RawMessage| socket.send_raw(&message))
}

/// Such a server in memory, and an open socket.
async fn echoing() -> (Server, Wire) {
    let server = serve(&echo());
    let wire = Wire::open(&server, "/").await;
    (server, wire)
}

/// Reads the next frame, which has to be this one.
async fn expect<S>(wire: &mut Wire<S>, opcode: u8, payload: &[u8])
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let frame = wire.frame().await.expect("an open connection");
    let expected = Frame {
        opcode,
        payload: payload.to_vec(),
    };
    assert!(frame == expected, "{frame:?} came, not {expected:?}");
}

/// Sends bytes on a socket of their own, which have to close it with this code and nothing else.
async fn refused(server: &Server, bytes: &[u8], code: u16, what: &str) {
    let mut wire = Wire::open(server, "/").await;
    wire.send(bytes).await;
    let (sent, reason) = wire.closed().await;
    assert_eq!(sent, code, "{what}: {bytes:02x?} gave {reason}");
}

/// Each is wrong by itself: cut, overlong, a surrogate, too high, a stray byte.
const BAD_UTF8: &[&[u8]] = &[
    b"\xc3",
    b"\xe2\x82",
    b"\xf0\x9f\xa6",
    b"\xc0\x80",
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",
    b"\xed\xaf\xbf",
    b"\xed\xbf\xbf",
    b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\x80",
    b"\xbf",
    b"\xfe",
    b"\xff",
    b"\xc3\x28",
    b"\xe2\x28\xa1",
    b"\xe2\x82\x28",
    b"\xf0\x28\x8c\xbc",
    b"\xf0\x90\x28\xbc",
    b"caf\xe9",
];
