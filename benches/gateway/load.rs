//! Clients that send one thing after the other and wait for each answer.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt, future::try_join_all};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::Result;

/// How long each answer took.
pub(crate) struct Outcome {
    time: Duration,
    /// In order.
    latencies: Vec<Duration>,
}

impl Outcome {
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() as f64 / self.time.as_secs_f64()
    }

    pub(crate) fn quantile(&self, part: f64) -> Duration {
        let at = (self.count() as f64 * part) as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// Sends messages over so many sockets, each after the reply to the one before.
pub(crate) async fn messages(port: u16, sockets: usize, time: Duration) -> Result<Outcome> {
    let mut clients = Vec::new();
    for _ in 0..sockets {
        let tcp = connect(port).await?;
        let url = format!("ws://127.0.0.1:{port}/socket");
        clients.push(client_async(url, tcp).await?.0);
    }
    run(
        time,
        clients,
        async |client: &mut WebSocketStream<TcpStream>| {
            client.send(Message::text(MESSAGE)).await?;
            loop {
                match client.next().await.ok_or("a socket ended")?? {
                    Message::Text(text) if text.contains("heard") => return Ok(()),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => return Err(format!("not a reply: {other}").into()),
                }
            }
        },
    )
    .await
}

/// Sends requests over so many connections, for the page, or as messages are posted.
pub(crate) async fn requests(
    port: u16,
    posts: bool,
    connections: usize,
    time: Duration,
) -> Result<Outcome> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        let (sender, connection) = http1::handshake(TokioIo::new(connect(port).await?)).await?;
        #[expect(clippy::disallowed_methods, reason = "it ends with its sender")]
        tokio::spawn(connection);
        clients.push(sender);
    }
    run(
        time,
        clients,
        async move |client: &mut http1::SendRequest<Full<Bytes>>| {
            let request = Request::builder().header("host", "localhost");
            let request = if posts {
                let request = request.method("POST").uri("/__WebSocket.wwd");
                request.body(Full::from(MESSAGE))?
            } else {
                request.uri("/page").body(Full::default())?
            };
            client.ready().await?;
            let answer = client.send_request(request).await?;
            if !answer.status().is_success() {
                return Err(format!("{}", answer.status()).into());
            }
            answer.into_body().collect().await?;
            Ok(())
        },
    )
    .await
}

async fn connect(port: u16) -> Result<TcpStream> {
    let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
    tcp.set_nodelay(true)?;
    Ok(tcp)
}

/// Has each client do one thing after the other, all at the same time.
async fn run<C>(
    time: Duration,
    mut clients: Vec<C>,
    step: impl AsyncFn(&mut C) -> Result<()>,
) -> Result<Outcome> {
    let start = Instant::now();
    let end = start + time;
    let all = clients.iter_mut().map(|client| async {
        let mut latencies = Vec::new();
        while Instant::now() < end {
            let sent = Instant::now();
            timeout(LONGEST, step(client)).await??;
            latencies.push(sent.elapsed());
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(latencies)
    });
    let mut latencies: Vec<_> = try_join_all(all).await?.into_iter().flatten().collect();
    let time = start.elapsed();
    latencies.sort_unstable();
    Ok(Outcome { time, latencies })
}

/// After which an answer will not come.
const LONGEST: Duration = Duration::from_secs(10);

const MESSAGE: &str =
    r#"{"action":"say","message":"sixty-four bytes or so of a text that is sent"}"#;
