use std::fmt;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::CloseFrame},
};

use super::Error;
use crate::{
    hub::CloseReason,
    protocol::{RawMessage, SocketMessage},
};

/// An open socket, seen from the client. It answers pings while it is read.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use tower::Layer;
/// use web_connection_socket::{CloseReason, Config, WebConnectionSocketLayer, testing::Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = WebConnectionSocketLayer::new(Config::new());
/// let server = Server::new(layer.layer(Router::new()));
///
/// let mut ann = server.connect("/").await?;
/// ann.send_text("no JSON").await?;
/// assert!(ann.receive_text().await?.contains("bad_message"));
/// assert_eq!(ann.close(CloseReason::NORMAL).await?.code(), 1000);
///
/// let mut bob = server.connect("/").await?;
/// bob.send_binary("bytes").await?;
/// assert_eq!(bob.receive().await.unwrap_err().close_reason().unwrap().code(), 1003);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client {
    stream: WebSocketStream<Box<dyn Stream>>,
}

impl Client {
    pub(super) fn new(stream: WebSocketStream<Box<dyn Stream>>) -> Self {
        Self { stream }
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    pub async fn send(&mut self, message: &SocketMessage) -> Result<(), Error> {
        let json = String::from_utf8(message.encode()).map_err(Error::other)?;
        self.send_text(json).await
    }

    /// Sends a text frame, whatever it holds.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), Error> {
        self.send_frame(Message::text(text.into())).await
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.send_frame(Message::binary(bytes)).await
    }

    /// Waits for the next message. Pings are answered, pongs passed over.
    ///
    /// # Errors
    ///
    /// If the socket is closed, or what it received is not a message.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub async fn receive(&mut self) -> Result<SocketMessage, Error> {
        let text = self.receive_text().await?;
        match SocketMessage::from_slice(text.as_bytes()) {
            Ok(message) => Ok(message),
            Err(error) => Err(Error::not_a_message(text, error)),
        }
    }

    /// Waits for the next text frame, as it is. Error frames are read with this.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no frame is lost.
    pub async fn receive_text(&mut self) -> Result<String, Error> {
        loop {
            if let Message::Text(text) = self.next().await? {
                return Ok(text.as_str().to_owned());
            }
        }
    }

    /// Waits for the next message, text or binary, as it is.
    ///
    /// # Errors
    ///
    /// If the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub async fn receive_raw(&mut self) -> Result<RawMessage, Error> {
        loop {
            match self.next().await? {
                Message::Text(text) => return Ok(RawMessage::checked_text(text.into())),
                Message::Binary(binary) => return Ok(RawMessage::binary(binary)),
                _ => {}
            }
        }
    }

    /// Reads on until the server closes the socket and tells why; 1006 if the connection broke.
    /// Messages that come before are passed over.
    pub async fn closed(&mut self) -> CloseReason {
        loop {
            if let Err(error) = self.receive_text().await {
                return error.close_reason().cloned().unwrap_or(CloseReason::LOST);
            }
        }
    }

    /// Closes the socket and waits until the server has answered.
    ///
    /// # Errors
    ///
    /// If the connection breaks first.
    pub async fn close(mut self, reason: CloseReason) -> Result<CloseReason, Error> {
        let frame = CloseFrame {
            code: reason.code().into(),
            reason: reason.reason().into(),
        };
        self.send_frame(Message::Close(Some(frame))).await?;
        Ok(self.closed().await)
    }

    /// Gives up the frames and hands over the bytes of the connection.
    #[must_use]
    pub fn into_inner(self) -> impl AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin + 'static {
        self.stream.into_inner()
    }

    async fn next(&mut self) -> Result<Message, Error> {
        match self.stream.next().await {
            Some(Ok(Message::Close(frame))) => Err(Error::closed(frame)),
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(Error::of_tungstenite(error)),
            None => Err(Error::closed(None)),
        }
    }

    async fn send_frame(&mut self, frame: Message) -> Result<(), Error> {
        self.stream.send(frame).await.map_err(Error::of_tungstenite)
    }
}

/// The bytes of a socket: a connection's, or those of one stream of it.
pub(super) trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Stream for S {}
