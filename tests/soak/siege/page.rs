//! An honest page: what it waits for, ten times a second.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use crate::Result;

const EVERY: Duration = Duration::from_millis(100);

/// No page waits longer; what takes as long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long requests took, and when they were made.
#[derive(Default)]
pub(super) struct Pages {
    pub(super) asked: Vec<Asked>,
    pub(super) failed: Vec<String>,
}

#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) at: Duration,
    pub(super) took: Duration,
    pub(super) is_new: bool,
}

impl Pages {
    pub(super) fn longest(&self) -> Duration {
        let took = self.asked.iter().map(|asked| asked.took);
        took.max().unwrap_or_default()
    }

    /// What 99 of 100 do not pass.
    pub(super) fn p99(&self) -> Duration {
        let mut took: Vec<_> = self.asked.iter().map(|asked| asked.took).collect();
        took.sort_unstable();
        let at = took.len() * 99 / 100;
        took.get(at).copied().unwrap_or_default()
    }

    /// The longest wait of those that fell into a time.
    pub(super) fn longest_during(&self, asked: Asked) -> Duration {
        let (begin, end) = (asked.at, asked.at + asked.took);
        let beside = self.asked.iter();
        let beside = beside.filter(|it| it.at <= end && it.at + it.took >= begin);
        beside.map(|it| it.took).max().unwrap_or_default()
    }
}

/// Asks for the page over one connection and over new ones, until it is told to stop.
pub(super) async fn ask(
    address: SocketAddr,
    begin: Instant,
    stopped: watch::Receiver<bool>,
) -> Pages {
    let kept = lane(address, begin, false, stopped.clone());
    let new = lane(address, begin, true, stopped);
    let (mut pages, new) = tokio::join!(kept, new);
    pages.asked.extend(new.asked);
    pages.failed.extend(new.failed);
    pages
}

async fn lane(
    address: SocketAddr,
    begin: Instant,
    is_new: bool,
    mut stopped: watch::Receiver<bool>,
) -> Pages {
    let mut pages = Pages::default();
    let mut kept = None;
    loop {
        let start = Instant::now();
        let request = async {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => TcpStream::connect(address).await?,
            };
            get(&mut connection, address).await?;
            Ok::<_, tower::BoxError>(connection)
        };
        let outcome = timeout(PATIENCE, request).await;
        pages.asked.push(Asked {
            at: start - begin,
            took: start.elapsed(),
            is_new,
        });
        match outcome {
            Ok(Ok(connection)) if !is_new => kept = Some(connection),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => pages.failed.push(error.to_string()),
            Err(_) => pages.failed.push("no answer".to_owned()),
        }
        tokio::select! {
            () = sleep_until(start + EVERY) => {}
            _ = stopped.changed() => return pages,
        }
    }
}

/// Asks for the page and reads all of it.
async fn get(connection: &mut TcpStream, address: SocketAddr) -> Result<()> {
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if connection.read_buf(&mut answer).await? == 0 {
            return Err("the connection ended".into());
        }
        let text = String::from_utf8_lossy(&answer);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split_once("content-length: ").ok_or("no length")?.1;
            let length = length.lines().next().unwrap_or_default();
            if body.len() >= length.parse()? {
                return Ok(());
            }
        }
    }
}
