//! Requests as bytes, for what no HTTP client sends.

use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use web_connection_socket::testing::Server;

use super::wire::Wire;

/// A request under construction, to which nothing is added.
#[derive(Clone)]
pub(crate) struct Raw {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Raw {
    /// A request with this first line, and no header but `Host: localhost`.
    pub(crate) fn new(line: &str) -> Self {
        Self {
            line: line.to_owned(),
            headers: vec![("Host".to_owned(), "localhost".to_owned())],
            body: String::new(),
        }
    }

    /// A whole WebSocket handshake at a path.
    pub(crate) fn handshake(path: &str) -> Self {
        Self::new(&format!("GET {path} HTTP/1.1"))
            .with("Upgrade", "websocket")
            .with("Connection", "Upgrade")
            .with("Sec-WebSocket-Version", "13")
            .with("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    /// Asks how an upgrade would be answered.
    pub(crate) fn probe(query: &str) -> Self {
        Self::new(&format!("GET /__initializeSocket.wc{query} HTTP/1.1"))
    }

    /// Posts a body, its length announced.
    pub(crate) fn post(path: &str, body: &str) -> Self {
        Self::new(&format!("POST {path} HTTP/1.1"))
            .with("Content-Length", &body.len().to_string())
            .body(body)
    }

    /// Takes another first line.
    pub(crate) fn line(mut self, line: &str) -> Self {
        line.clone_into(&mut self.line);
        self
    }

    /// Adds a header line.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes every line of a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers
            .retain(|(seen, _)| !seen.eq_ignore_ascii_case(name));
        self
    }

    /// Puts one line in the place of all of a header.
    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    /// Sends these bytes after the head.
    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    /// Sends it on a connection of its own and reads the answer.
    pub(crate) async fn ask(&self, server: &Server) -> Answer {
        self.ask_over(server.open()).await
    }

    /// Sends it on this connection and reads the answer.
    pub(crate) async fn ask_over<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> Answer<S> {
        let mut wire = Wire::over(stream);
        // A server that refuses by the head alone may be gone before the body is written.
        let _gone = wire.try_send(self.to_string().as_bytes()).await;
        self.answer(wire).await
    }

    async fn answer<S>(&self, mut wire: Wire<S>) -> Answer<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let head = wire.head().await;
        let mut lines = head.split("\r\n");
        let line = lines.next().expect("a status line");
        let status = line.split(' ').nth(1).expect("a status");
        let lines = lines.filter_map(|line| line.split_once(": "));
        let headers: HeaderMap = lines
            .map(|(name, value)| Some((name.parse().ok()?, value.parse().ok()?)))
            .collect::<Option<_>>()
            .expect("names and values");
        let length = headers.get("content-length").map_or(0, |length| {
            length.to_str().expect("digits").parse().expect("digits")
        });
        // HEAD is answered by the head alone.
        let length = if self.line.starts_with("HEAD ") {
            0
        } else {
            length
        };
        let body = wire.bytes(length).await;
        Answer {
            status: status.parse().expect("digits"),
            headers,
            body: String::from_utf8(body).expect("UTF-8"),
            wire,
        }
    }
}

impl std::fmt::Display for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\r\n", self.line)?;
        for (name, value) in &self.headers {
            write!(f, "{name}: {value}\r\n")?;
        }
        write!(f, "\r\n{}", self.body)
    }
}

/// An answer, and its connection.
pub(crate) struct Answer<S = DuplexStream> {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) wire: Wire<S>,
}

impl<S> Answer<S> {
    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.get_all(name).iter();
        let line = lines.next()?.to_str().expect("ASCII");
        assert!(lines.next().is_none(), "{name} is there twice");
        Some(line)
    }

    /// The kind of refusal that problem details name; empty if the answer is none.
    pub(crate) fn code(&self) -> String {
        let is_problem = self.header("content-type") == Some("application/problem+json");
        // HEAD is answered by the head alone.
        if !is_problem || self.body.is_empty() {
            return String::new();
        }
        let problem: serde_json::Value = serde_json::from_str(&self.body).expect("JSON");
        assert_eq!(problem["status"], self.status, "{problem}");
        problem["code"].as_str().expect("a code").to_owned()
    }
}
