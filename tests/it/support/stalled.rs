//! A client of HTTP/2 that takes no more of a socket than it says.

use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    task::Poll,
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    client::{Builder, SendRequest},
    ext::Protocol,
};
use http::Request;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
    task::{JoinHandle, yield_now},
};

use super::{soon, spawn};

/// A connection whose streams have small windows that it never widens.
pub(crate) struct Stalled {
    sender: SendRequest<Bytes>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

/// A socket on it.
pub(crate) struct StalledStream {
    send: SendStream<Bytes>,
    _receive: RecvStream,
}

impl Stalled {
    pub(crate) async fn over<S>(stream: S, window: u32) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let handshake = Builder::new()
            .initial_window_size(window)
            .initial_connection_window_size(16 * 1_024 * 1_024)
            .handshake(stream);
        let (sender, mut connection) = soon("a connection", handshake).await.expect("HTTP/2");
        let (stop, mut stopped) = oneshot::channel();
        let running = spawn(async move {
            poll_fn(|cx| match pin!(&mut stopped).poll(cx) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => pin!(&mut connection).poll(cx).map(drop),
            })
            .await;
            // What it holds stays open and is not read.
            pending::<()>().await;
        });
        let settings = async {
            while !sender.is_extended_connect_protocol_enabled() {
                yield_now().await;
            }
        };
        soon("the server's settings", settings).await;
        Self {
            sender,
            stop: Some(stop),
            running,
        }
    }

    /// Opens a socket.
    pub(crate) async fn open(&mut self) -> StalledStream {
        let (status, stream) = self.ask().await;
        assert_eq!(status, 200);
        stream
    }

    /// Asks for a socket and returns the status of the answer.
    pub(crate) async fn ask(&mut self) -> (u16, StalledStream) {
        let request = Request::connect("http://localhost/")
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static("websocket"))
            .body(())
            .expect("a request");
        let (response, send) = self.send(request, false).await;
        let (head, receive) = soon("an answer", response)
            .await
            .expect("an answer")
            .into_parts();
        let stream = StalledStream {
            send,
            _receive: receive,
        };
        (head.status.as_u16(), stream)
    }

    /// Asks for a page and returns the status of the answer.
    pub(crate) async fn get(&mut self, path: &str) -> u16 {
        let request = Request::get(format!("http://localhost{path}"))
            .body(())
            .expect("a request");
        let (response, _) = self.send(request, true).await;
        let response = soon("an answer", response).await.expect("an answer");
        response.status().as_u16()
    }

    /// Reads nothing more, and stays.
    pub(crate) fn freeze(&mut self) {
        let stop = self.stop.take().expect("it is frozen once");
        stop.send(()).expect("a connection that runs");
    }

    async fn send(
        &mut self,
        request: Request<()>,
        is_end: bool,
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let sender = soon("room for a stream", self.sender.clone().ready()).await;
        let mut sender = sender.expect("an open connection");
        sender.send_request(request, is_end).expect("a request")
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl StalledStream {
    /// Waits until the server resets the stream.
    pub(crate) async fn reset(&mut self) -> Reason {
        let reset = poll_fn(|cx| self.send.poll_reset(cx));
        soon("a reset", reset).await.expect("a reset")
    }

    /// Sends bytes, and ends this half if these are the last.
    pub(crate) fn send(&mut self, bytes: Vec<u8>, is_end: bool) {
        self.send
            .send_data(bytes.into(), is_end)
            .expect("an open stream");
    }

    /// Gives the stream up.
    pub(crate) fn cancel(&mut self) {
        self.send.send_reset(Reason::CANCEL);
    }
}
