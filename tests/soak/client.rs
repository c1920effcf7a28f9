use std::net::{Ipv4Addr, SocketAddr};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, Utf8Bytes, client::IntoClientRequest, protocol::WebSocketConfig},
};
use web_connection_socket::SocketMessage;

use crate::{Result, soon};

/// A well-behaved client: it answers pings while it is read.
pub(crate) struct Client {
    stream: WebSocketStream<TcpStream>,
}

impl Client {
    /// Opens a socket with the headers that a browser sends.
    pub(crate) async fn open(address: SocketAddr, query: &str) -> Result<Self> {
        Self::open_over(connect(address).await?, address, query).await
    }

    /// Opens a socket over a connection.
    pub(crate) async fn open_over(
        stream: TcpStream,
        address: SocketAddr,
        query: &str,
    ) -> Result<Self> {
        stream.set_nodelay(true)?;
        let mut request =
            format!("ws://{address}/__initializeSocket.wc?{query}").into_client_request()?;
        for (name, value) in BROWSER_HEADERS {
            request.headers_mut().insert(name, value.parse()?);
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(2 * 1024)
            .write_buffer_size(0);
        let handshake = client_async_with_config(request, stream, Some(config));
        let (stream, _) = soon("a handshake", handshake).await?;
        Ok(Self { stream })
    }

    /// Opens sockets of the users `name0`, `name1`, … in a group of that name.
    pub(crate) async fn open_many(
        address: SocketAddr,
        name: &str,
        count: usize,
    ) -> Result<Vec<Self>> {
        let mut clients = Vec::with_capacity(count);
        for number in 0..count {
            let query = format!("userId={name}{number}&groupId={name}");
            clients.push(Self::open(address, &query).await?);
        }
        Ok(clients)
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> Result<SocketMessage> {
        Ok(SocketMessage::from_slice(self.text().await?.as_bytes())?)
    }

    /// The next error frame's code and sentence.
    pub(crate) async fn error(&mut self) -> Result<(String, String)> {
        let text = self.text().await?;
        let frame: Value = serde_json::from_str(&text)?;
        match (frame["error"]["code"].as_str(), frame["message"].as_str()) {
            (Some(code), Some(sentence)) => Ok((code.to_owned(), sentence.to_owned())),
            _ => Err(format!("an error was expected, and there came {text}").into()),
        }
    }

    pub(crate) async fn text(&mut self) -> Result<Utf8Bytes> {
        match self.next().await? {
            Message::Text(text) => Ok(text),
            other => Err(format!("a text was expected, and there came {other:?}").into()),
        }
    }

    /// The next frame that is neither ping nor pong.
    pub(crate) async fn next(&mut self) -> Result<Message> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(frame) => return Ok(frame?),
                None => return Err("the connection ended".into()),
            }
        }
    }

    /// Sends a ping and waits for its answer, over whatever comes before it.
    pub(crate) async fn ping(&mut self) -> Result<()> {
        self.stream
            .send(Message::Ping("still here?".into()))
            .await?;
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Pong(_))) => return Ok(()),
                Some(frame) => frame?,
                None => return Err("the connection ended".into()),
            };
        }
    }

    pub(crate) async fn send(&mut self, message: &SocketMessage) -> Result<()> {
        let json = String::from_utf8(message.encode())?;
        Ok(self.stream.send(Message::text(json)).await?)
    }

    /// Says goodbye and waits until the server has, too.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.stream.close(None).await?;
        while let Some(frame) = self.stream.next().await {
            frame?;
        }
        Ok(())
    }

    /// Cuts the connection with a TCP reset.
    pub(crate) fn reset(self) -> Result<()> {
        let stream = self.stream.into_inner();
        SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO))?;
        Ok(())
    }
}

pub(crate) async fn connect(address: SocketAddr) -> Result<TcpStream> {
    Ok(soon("a connection", TcpStream::connect(address)).await?)
}

/// Connects from another of this machine's own addresses, as another client.
pub(crate) async fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Many visits in a short time would otherwise wait for a port.
    socket.set_reuseaddr(true)?;
    socket.bind((source, 0).into())?;
    Ok(soon("a connection", socket.connect(address)).await?)
}

/// Connects with a small window, so that little fits between the server and a client that stalls.
pub(crate) async fn connect_narrow(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4 * 1024)?;
    Ok(soon("a connection", socket.connect(address)).await?)
}

/// About 700 bytes, as browsers send them.
const BROWSER_HEADERS: [(&str, &str); 7] = [
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.9,de-DE;q=0.8,de;q=0.7"),
    ("cache-control", "no-cache"),
    ("pragma", "no-cache"),
    (
        "sec-websocket-extensions",
        "permessage-deflate; client_max_window_bits",
    ),
    (
        "cookie",
        "session=8f14e45fceea167a5a36dedd4bea2543c9f0f895fb98ab9159f51fd0297e236d; theme=dark; consent=necessary%2Cstatistics; _ga=GA1.1.1234567890.1700000000; csrftoken=pPq2n8yXH5cVf3JtK7mWz4LsR6dBg9Ea",
    ),
];
