//! A server over TCP that answers as bytes as it is told, and remembers what it was asked.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::support::{spawn, until};

/// One request, as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) line: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// The only value of a header.
    pub(super) fn header(&self, name: &str) -> &str {
        let all: Vec<_> = self.all(name).collect();
        assert_eq!(all.len(), 1, "{name} in {self:?}");
        all[0]
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.headers.iter().filter(move |(seen, _)| seen == name);
        lines.map(|(_, value)| &**value)
    }

    pub(super) fn text(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        body["message"].as_str().expect("a text").to_owned()
    }

    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await? == 0 {
                return Ok(None);
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("ASCII");
        let mut lines = head.trim_end().split("\r\n");
        let line = lines.next().expect("a first line").to_owned();
        let headers: Vec<_> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a colon");
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, length)| length.parse().expect("a number"));
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        Ok(Some(Self {
            line,
            headers,
            body,
        }))
    }
}

/// What to do with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Writes these bytes; the connection stays open.
    Bytes(Vec<u8>),
    /// Writes these bytes one by one, with a pause between two.
    Slowly(Vec<u8>, Duration),
    /// Writes these bytes and closes.
    Last(Vec<u8>),
    /// Writes nothing, and keeps the connection.
    Silence,
}

/// A whole answer of this status, with headers and a body.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Reply::Bytes(format!("{text}\r\n{body}").into_bytes())
}

/// A reply to the sender.
pub(super) fn reply(text: &str) -> Reply {
    let body = serde_json::json!({ "action": "reply", "message": text }).to_string();
    answer(200, &[("Content-Type", "application/json")], &body)
}

/// What the backend remembers.
#[derive(Clone, Default)]
pub(super) struct Visits(Arc<Mutex<Vec<Asked>>>);

impl Visits {
    pub(super) fn len(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }

    pub(super) fn all(&self) -> Vec<Asked> {
        self.0.lock().expect("no panic").clone()
    }

    /// Waits for so many requests.
    pub(super) async fn wait(&self, count: usize) -> Vec<Asked> {
        until("the backend is asked", || self.len() >= count).await;
        self.all()
    }
}

type Script = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// A server that can be stopped and started again at its address.
pub(super) struct Backend {
    address: SocketAddr,
    script: Script,
    pub(super) visits: Visits,
    running: Option<watch::Sender<()>>,
}

impl Backend {
    /// Starts a server that answers each request by a script.
    pub(super) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let mut backend = Self::down(script).await;
        backend.up().await;
        backend
    }

    /// An address at which the server listens once it is [`up`](Self::up).
    pub(super) async fn down(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self {
            address: listener.local_addr().expect("an address"),
            script: Arc::new(script),
            visits: Visits::default(),
            running: None,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Listens.
    pub(super) async fn up(&mut self) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("the same port");
        let listener = socket.listen(1_024).expect("a listener");
        let (running, mut stopped) = watch::channel(());
        self.running = Some(running);
        let (script, visits) = (self.script.clone(), self.visits.clone());
        spawn(async move {
            let mut connections = JoinSet::new();
            let serving = async {
                while let Ok((stream, _)) = listener.accept().await {
                    stream.set_nodelay(true).expect("an option");
                    connections.spawn(serve(stream, script.clone(), visits.clone()));
                }
            };
            tokio::select! {
                () = serving => {}
                _ = stopped.changed() => {}
            }
            drop(listener);
            connections.shutdown().await;
        });
    }

    /// Closes the port and cuts all connections, whatever they are about.
    pub(super) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.send(()).expect("a server");
            running.closed().await;
        }
    }
}

/// Serves one connection.
pub(super) async fn serve<S>(mut stream: S, script: Script, visits: Visits)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Ok(Some(asked)) = Asked::read(&mut stream).await {
        let reply = script(&asked);
        visits.0.lock().expect("no panic").push(asked);
        let written = match reply {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await,
            Reply::Slowly(bytes, pause) => slowly(&mut stream, &bytes, pause).await,
            Reply::Last(bytes) => {
                let written = stream.write_all(&bytes).await;
                drop(stream.shutdown().await);
                drop(written);
                return;
            }
            Reply::Silence => Ok(()),
        };
        if written.is_err() {
            return;
        }
    }
}

async fn slowly(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
    pause: Duration,
) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        sleep(pause).await;
    }
    Ok(())
}

/// A script for [`serve`].
pub(super) fn script(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Script {
    Arc::new(script)
}
