//! A TCP proxy that treats connections as bad networks do.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

use super::spawn;

/// What happens to the bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They pass.
    Fair,
    /// Nothing is taken, so that the sender's buffers fill.
    Frozen,
    /// All is taken and nothing passes, no end of a connection either.
    BlackHole,
    /// Each is a segment of its own.
    Split,
    /// One passes per second.
    Drip,
    /// Connections are reset.
    Reset,
}

/// Forwards connections to a server.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    weather: watch::Sender<Weather>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("a bound port");
        let (weather, seen) = watch::channel(Weather::Fair);
        let task = spawn(async move {
            loop {
                let (client, _) = listener.accept().await.expect("a listener");
                spawn(forward(client, server, seen.clone()));
            }
        });
        Self {
            address,
            weather,
            task,
        }
    }

    /// Changes what happens to all connections from now on.
    pub(crate) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(mut client: TcpStream, server: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("an option of TCP");
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let up = pass(from_client, to_server, weather.clone());
    let down = pass(from_server, to_client, weather.clone());
    let reset = tokio::select! {
        // An end passes as an end, an error as an error.
        passed = async { tokio::try_join!(up, down) } => passed.is_err(),
        // The proxy may be gone before its connections.
        reset = weather.wait_for(|weather| *weather == Weather::Reset) => reset.is_ok(),
    };
    if reset {
        for stream in [&client, &server] {
            // It takes no linger where it was reset already.
            let _gone = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Passes the bytes of one direction, as the weather is when they arrive.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        calm(&mut weather).await;
        let length = from.read(&mut buffer).await?;
        // It may have changed while nothing came.
        calm(&mut weather).await;
        let now = *weather.borrow();
        let bytes = &buffer[..length];
        match now {
            Weather::BlackHole if bytes.is_empty() => std::future::pending().await,
            _ if bytes.is_empty() => return to.shutdown().await,
            Weather::BlackHole => {}
            Weather::Split | Weather::Drip => {
                for byte in bytes {
                    if now == Weather::Drip {
                        sleep(Duration::from_secs(1)).await;
                    }
                    to.write_all(std::slice::from_ref(byte)).await?;
                    tokio::task::yield_now().await;
                }
            }
            Weather::Fair | Weather::Frozen | Weather::Reset => to.write_all(bytes).await?,
        }
    }
}

async fn calm(weather: &mut watch::Receiver<Weather>) {
    // Without a proxy it stays as it is.
    let _calm = weather
        .wait_for(|weather| *weather != Weather::Frozen)
        .await;
}
