//! A client of HTTP/2 that sends what a test tells it to.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, request::Builder, response::Parts};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http2::SendRequest, ext::Protocol, upgrade::Upgraded};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::yield_now,
};

use super::{soon, spawn, wire::Wire};

/// A connection with room for many streams.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

/// An answer's head and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// A socket as bytes, on a stream of a connection.
pub(crate) type StreamWire = Wire<TokioIo<Upgraded>>;

impl Connection {
    /// Speaks HTTP/2 at once, and waits until the server allows sockets.
    pub(crate) async fn over<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let stream = TokioIo::new(stream);
        // As much as RFC 9113 §6.9.2 grants a stream by default; hyper would grant more.
        let handshake = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(65_535)
            .handshake(stream);
        let (sender, connection) = soon("a connection", handshake).await.expect("HTTP/2");
        let settings = async {
            while !connection.is_extended_connect_protocol_enabled() {
                yield_now().await;
            }
        };
        soon("the server's settings", settings).await;
        spawn(connection);
        Self { sender }
    }

    /// Sends a request and reads all of the answer.
    pub(crate) async fn ask(&mut self, request: Builder) -> Answer {
        Answer::read(self.send(request).await).await
    }

    /// Sends a request and reads the head of the answer.
    pub(crate) async fn head(&mut self, request: Builder) -> Answer {
        let (parts, _) = self.send(request).await.into_parts();
        Answer::new(parts, String::new())
    }

    /// Whether it has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Opens a socket at a path.
    pub(crate) async fn open(&mut self, path: &str) -> StreamWire {
        let (answer, wire) = self.tunnel(handshake(path)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        wire.expect("an open socket")
    }

    /// Sends a request that may turn its stream into something else.
    pub(crate) async fn tunnel(&mut self, request: Builder) -> (Answer, Option<StreamWire>) {
        let mut response = self.send(request).await;
        if !response.status().is_success() {
            return (Answer::read(response).await, None);
        }
        let upgrade = hyper::upgrade::on(&mut response);
        let upgraded = soon("a stream", upgrade).await.expect("a tunnel");
        let wire = Wire::over(TokioIo::new(upgraded));
        let (parts, _) = response.into_parts();
        (Answer::new(parts, String::new()), Some(wire))
    }

    async fn send(&mut self, request: Builder) -> Response<Incoming> {
        let request = request.body(Full::default()).expect("a request");
        let response = soon("an answer", self.sender.send_request(request)).await;
        response.expect("an answer")
    }
}

impl Answer {
    fn new(head: Parts, body: String) -> Self {
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    async fn read(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = soon("a body", body.collect()).await.expect("a whole body");
        let body = String::from_utf8(body.to_bytes().to_vec()).expect("UTF-8");
        Self::new(head, body)
    }
}

/// An extended CONNECT for a WebSocket at a path of `localhost`.
pub(crate) fn handshake(path: &str) -> Builder {
    connect(path, "websocket").header("sec-websocket-version", "13")
}

/// An extended CONNECT for any protocol.
pub(crate) fn connect(path: &str, protocol: &'static str) -> Builder {
    Request::connect(format!("http://localhost{path}")).extension(Protocol::from_static(protocol))
}
