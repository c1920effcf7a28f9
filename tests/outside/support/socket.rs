//! A WebSocket client that only the test sees.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::PATIENCE;

/// A client whose operations all have a deadline.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
}

impl Socket {
    pub(crate) async fn open(url: &str) -> Self {
        Self::open_with_buffer(url, 128 * 1024).await
    }

    /// Opens a socket whose kernel holds about `bytes` that were received and not yet read.
    pub(crate) async fn open_with_buffer(url: &str, bytes: u32) -> Self {
        let address = url
            .strip_prefix("ws://")
            .and_then(|rest| rest.split('/').next())
            .expect("a ws:// URL");
        let tcp = TcpSocket::new_v4().expect("a socket");
        tcp.set_recv_buffer_size(bytes)
            .expect("a receive buffer of a chosen size");
        let tcp = tcp
            .connect(address.parse().expect("an address"))
            .await
            .expect("a listening server");
        let handshake = timeout(PATIENCE, tokio_tungstenite::client_async(url, tcp)).await;
        let (stream, _) = handshake
            .expect("a handshake in time")
            .expect("a handshake that is accepted");
        Self { stream }
    }

    /// Sends a message.
    pub(crate) async fn send(&mut self, message: &Value) {
        let sent = self.stream.send(Message::text(message.to_string()));
        let sent = timeout(PATIENCE, sent).await.expect("room in time");
        sent.expect("an open socket");
    }

    /// Waits for the next message.
    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Message::Text(text)) => {
                    return serde_json::from_str(&text).expect("a message in JSON");
                }
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("a message was expected, and there came {other:?}"),
            }
        }
    }

    /// Reads all that is left until the connection ends; gives the close code, where there was one.
    pub(crate) async fn drain(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(frame) = self.frame().await {
            if let Message::Close(close) = frame {
                code = close.map(|close| close.code.into());
            }
        }
        code
    }

    async fn frame(&mut self) -> Option<Message> {
        let next = timeout(PATIENCE, self.stream.next())
            .await
            .expect("a frame or the end in time");
        // A connection that was reset has ended like any other.
        next.and_then(Result::ok)
    }
}
