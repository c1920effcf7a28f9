//! The example that an attack is for, how long it lasts and how it keeps to its pace.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};

use super::super::target::Kind;
use crate::Result;

/// How many addresses attackers have: with all the places of each they leave some for others.
const HOMES: usize = 40;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
pub(crate) struct Aim {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) end: Instant,
}

/// How many attackers did all that they meant to, and how many were kept from it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) done: usize,
    pub(crate) stopped: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.done += other.done;
        self.stopped += other.stopped;
    }

    pub(super) fn count(&mut self, is_done: bool) {
        self.done += usize::from(is_done);
        self.stopped += usize::from(!is_done);
    }
}

impl Aim {
    /// Starts an attacker so many times a second, with a limit on those at work at one time.
    pub(super) async fn pace<F>(
        self,
        per_second: u32,
        at_once: usize,
        attacker: fn(Attacker) -> F,
    ) -> Tally
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut tally = Tally::default();
        let mut at_work = JoinSet::new();
        let mut ticks = interval(Duration::from_secs(1) / per_second);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for number in 0.. {
            tokio::select! {
                biased;
                () = sleep_until(self.end) => break,
                _ = ticks.tick() => {}
            }
            while let Some(done) = at_work.try_join_next() {
                tally.count(matches!(done, Ok(Ok(()))));
            }
            if at_work.len() >= at_once {
                continue;
            }
            at_work.spawn(attacker(Attacker { aim: self, number }));
        }
        while let Some(done) = at_work.join_next().await {
            tally.count(matches!(done, Ok(Ok(()))));
        }
        tally
    }

    /// Waits for so long, or until the attack is over.
    pub(super) async fn hold(self, time: Duration) {
        sleep_until(self.end.min(Instant::now() + time)).await;
    }

    pub(super) fn is_over(self) -> bool {
        Instant::now() >= self.end
    }
}

/// One of those who attack.
#[derive(Clone, Copy)]
pub(super) struct Attacker {
    pub(super) aim: Aim,
    pub(super) number: usize,
}

impl Attacker {
    /// Connects from an address that it shares with some of the others.
    pub(super) async fn connect(self) -> Result<TcpStream> {
        self.connect_with(|_| Ok(())).await
    }

    /// Connects with a window so small that nearly all waits at the server.
    pub(super) async fn connect_narrow(self) -> Result<TcpStream> {
        self.connect_with(|socket| socket.set_recv_buffer_size(4 * 1_024))
            .await
    }

    async fn connect_with(
        self,
        prepare: fn(&TcpSocket) -> std::io::Result<()>,
    ) -> Result<TcpStream> {
        let home = u8::try_from(1 + self.number % HOMES)?;
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        prepare(&socket)?;
        socket.bind((Ipv4Addr::new(127, 0, 2, home), 0).into())?;
        Ok(timeout(PATIENCE, socket.connect(self.aim.address)).await??)
    }

    /// The head of a handshake at a path.
    pub(super) fn handshake(self, path: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.aim.address
        )
    }

    /// Makes a socket of a connection.
    pub(super) async fn upgrade(self, stream: &mut TcpStream, path: &str) -> Result<()> {
        write(stream, self.handshake(path).as_bytes()).await?;
        let head = head(stream).await?;
        if head.starts_with("HTTP/1.1 101 ") {
            Ok(())
        } else {
            Err(head.into())
        }
    }

    /// Opens a socket.
    pub(super) async fn open(self, path: &str) -> Result<TcpStream> {
        let mut stream = self.connect().await?;
        self.upgrade(&mut stream, path).await?;
        Ok(stream)
    }
}

/// Writes bytes, unless the server takes none for a while.
pub(super) async fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    Ok(timeout(PATIENCE, stream.write_all(bytes)).await??)
}

/// Reads the head of an answer.
pub(super) async fn head(stream: &mut TcpStream) -> Result<String> {
    let read = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        Ok::<_, tower::BoxError>(String::from_utf8(head)?)
    };
    timeout(PATIENCE, read).await?
}

/// Cuts a connection with a TCP reset.
pub(super) fn reset(stream: TcpStream) -> Result<()> {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    drop(stream);
    Ok(())
}
