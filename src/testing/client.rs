//! The client's end of a socket.

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{self, Instant},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::CloseFrame},
};

use super::{
    error::Error,
    received::{Received, shown},
};
use crate::protocol::{CloseReason, RawMessage, SocketMessage};

/// The client's end of an open socket. It answers pings while it is read.
///
/// Each wait ends after [`Server::timeout`](super::Server::timeout) with an error that lists what the
/// client has received so far.
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
/// ann.send_text("not JSON").await?;
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
    timeout: Duration,
    received: Received,
}

impl Client {
    pub(super) fn new(stream: WebSocketStream<Box<dyn Stream>>, timeout: Duration) -> Self {
        Self {
            stream,
            timeout,
            received: Received::default(),
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// If the socket is closed, or the server does not read in time.
    pub async fn send(&mut self, message: &SocketMessage) -> Result<(), Error> {
        let json = String::from_utf8(message.encode()).map_err(Error::other)?;
        self.send_text(json).await
    }

    /// Sends a text frame as it is, valid message or not.
    ///
    /// # Errors
    ///
    /// If the socket is closed, or the server does not read in time.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), Error> {
        self.send_frame(Message::text(text.into())).await
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    ///
    /// If the socket is closed, or the server does not read in time.
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), Error> {
        self.send_frame(Message::binary(bytes)).await
    }

    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// If nothing comes in time, the socket is closed, or the text is not a valid message.
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

    /// Waits for the next text frame and returns it as it is, error frames included.
    ///
    /// # Errors
    ///
    /// If nothing comes in time, or the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no frame is lost.
    pub async fn receive_text(&mut self) -> Result<String, Error> {
        let deadline = self.deadline();
        loop {
            if let Message::Text(text) = self.next(deadline, "no text came").await? {
                return Ok(text.as_str().to_owned());
            }
        }
    }

    /// Waits for the next frame, text or binary, and returns it as it is.
    ///
    /// # Errors
    ///
    /// If nothing comes in time, or the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    pub async fn receive_raw(&mut self) -> Result<RawMessage, Error> {
        let deadline = self.deadline();
        loop {
            match self.next(deadline, "no message came").await? {
                Message::Text(text) => return Ok(RawMessage::checked_text(text.into())),
                Message::Binary(binary) => return Ok(RawMessage::binary(binary)),
                _ => {}
            }
        }
    }

    /// Waits for a time of tokio's clock, in which no message may come.
    ///
    /// A paused clock moves only while all tasks wait: then even a short time is long enough, and none
    /// takes long.
    ///
    /// # Errors
    ///
    /// If a message comes, text or binary, which the error shows, or if the socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no message is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use axum::Router;
    /// use tower::Layer;
    /// use web_connection_socket::{Config, SocketMessage, WebConnectionSocketLayer, testing::Server};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
    /// // As in #[tokio::test(start_paused = true)].
    /// let layer = WebConnectionSocketLayer::new(Config::new());
    /// let server = Server::new(layer.layer(Router::new()));
    /// let mut ann = server.connect("/?userId=ann").await?;
    /// let mut bob = server.connect("/?userId=bob").await?;
    /// layer.hub().broadcast(&SocketMessage::new("secret").to_user("ann"));
    /// bob.receives_nothing(Duration::from_secs(1)).await?;
    /// let error = ann.receives_nothing(Duration::from_secs(1)).await.unwrap_err();
    /// assert!(error.to_string().contains("secret"));
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    pub async fn receives_nothing(&mut self, within: Duration) -> Result<(), Error> {
        let reading = async {
            loop {
                match self.read().await? {
                    Message::Text(text) => return Err(Error::unexpected(shown(text.as_str()))),
                    Message::Binary(binary) => {
                        return Err(Error::unexpected(format!("{} bytes", binary.len())));
                    }
                    _ => {}
                }
            }
        };
        time::timeout(within, reading).await.unwrap_or(Ok(()))
    }

    /// Skips messages until the server closes the socket, and returns the reason; 1006 if the
    /// connection broke.
    ///
    /// # Panics
    ///
    /// If the server does not close the socket in time.
    pub async fn closed(&mut self) -> CloseReason {
        match self.until_closed().await {
            Ok(reason) => reason,
            Err(late) => panic!("{late}"),
        }
    }

    /// Closes the socket and returns the close frame that the server answers with.
    ///
    /// # Errors
    ///
    /// If the server does not answer in time, or the socket is closed already.
    pub async fn close(mut self, reason: CloseReason) -> Result<CloseReason, Error> {
        let frame = CloseFrame {
            code: reason.code().into(),
            reason: reason.reason().into(),
        };
        self.send_frame(Message::Close(Some(frame))).await?;
        self.until_closed().await
    }

    /// Returns the bytes of the connection, to read and write without frames.
    #[must_use]
    pub fn into_inner(self) -> impl AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin + 'static {
        self.stream.into_inner()
    }

    /// Returns the reason, or the error that there was none in time.
    async fn until_closed(&mut self) -> Result<CloseReason, Error> {
        let deadline = self.deadline();
        loop {
            match self.next(deadline, "the socket was not closed").await {
                Ok(_message) => {}
                Err(late) if late.is_timeout() => return Err(late),
                Err(error) => {
                    return Ok(error.close_reason().cloned().unwrap_or(CloseReason::LOST));
                }
            }
        }
    }

    /// Reads a frame until a deadline; `late` says what did not happen by then.
    async fn next(
        &mut self,
        deadline: Option<Instant>,
        late: &'static str,
    ) -> Result<Message, Error> {
        let Some(deadline) = deadline else {
            return self.read().await;
        };
        match time::timeout_at(deadline, self.read()).await {
            Ok(message) => message,
            Err(_elapsed) => Err(Error::timed_out(
                late,
                self.timeout,
                self.received.to_string(),
            )),
        }
    }

    async fn read(&mut self) -> Result<Message, Error> {
        match self.stream.next().await {
            Some(Ok(Message::Close(frame))) => Err(Error::closed(frame)),
            Some(Ok(message)) => {
                self.received.note(&message);
                Ok(message)
            }
            Some(Err(error)) => Err(Error::from_tungstenite(error)),
            None => Err(Error::closed(None)),
        }
    }

    async fn send_frame(&mut self, frame: Message) -> Result<(), Error> {
        let late = "the server did not read what was sent";
        match time::timeout(self.timeout, self.stream.send(frame)).await {
            Ok(sent) => sent.map_err(Error::from_tungstenite),
            Err(_elapsed) => Err(Error::timed_out(
                late,
                self.timeout,
                self.received.to_string(),
            )),
        }
    }

    /// `None` where the timeout is beyond all clocks.
    fn deadline(&self) -> Option<Instant> {
        Instant::now().checked_add(self.timeout)
    }
}

/// The bytes of a socket: a connection's, or those of one stream of it.
pub(super) trait Stream: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Stream for S {}
