//! The handshakes of the sockets: each of a user, of a group, and from a browser.

use super::socket_io;
use crate::{
    cell::{Cell, Kind},
    endpoints::SOCKET_PATH,
    message::RECEIVERS,
    server::Server,
};

/// Writes a socket's handshake, of about 700 bytes.
///
/// What a browser says is the same for many, but not for all; its session and its key are its own.
pub(super) fn write(server: Server, port: u16, cell: Cell, index: usize) -> String {
    let target = match server {
        Server::Socketioxide => socket_io::TARGET.to_owned(),
        _ => format!("{SOCKET_PATH}?"),
    };
    let (user, group) = names(cell, index);
    let version = 139 + index % 5;
    let languages = LANGUAGES[index % LANGUAGES.len()];
    // Multiplying by an odd number spreads the bits and keeps them unique.
    let session = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!(
        "GET {target}groupId={group}&userId={user} HTTP/1.1\r\n\
         Host: 127.0.0.1:{port}\r\n\
         Connection: Upgrade\r\n\
         Pragma: no-cache\r\n\
         Cache-Control: no-cache\r\n\
         User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/{version}.0.0.0 Safari/537.36\r\n\
         Upgrade: websocket\r\n\
         Origin: http://127.0.0.1:{port}\r\n\
         Sec-WebSocket-Version: 13\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: {languages}\r\n\
         Cookie: theme=dark; consent=necessary; visits={index}; session={session:016x}d27e43f58c6be1d0a7f39284\r\n\
         Sec-WebSocket-Key: {session:016X}AAAAAA==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
    )
}

/// The user and the group of a socket. The groups are uneven: half of the sockets are in the first.
fn names(cell: Cell, index: usize) -> (String, String) {
    let user = format!("user-{index}");
    let group = format!("group-{}", index.trailing_ones());
    match cell.kind {
        Kind::Group(_) if cell.is_receiver(index) => (user, RECEIVERS.to_owned()),
        Kind::User(_) if cell.is_receiver(index) => (RECEIVERS.to_owned(), group),
        _ => (user, group),
    }
}

const LANGUAGES: [&str; 4] = [
    "en-GB,en-US;q=0.9,en;q=0.8",
    "en-US,en;q=0.9",
    "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
    "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7",
];
