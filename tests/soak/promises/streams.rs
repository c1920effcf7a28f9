//! HTTP/2 clients that take nothing.

use std::time::Duration;

use tokio::{net::TcpStream, time::Instant};

use crate::{
    Result,
    line::Line,
    server::{Publish, Server},
    stalled::Stalled,
};

const KIB: usize = 1024;
const SOCKETS: usize = 200;

pub(super) async fn that_are_not_read() -> Result<Line> {
    let windows = without_windows().await?;
    Ok(windows.and(without_readers().await?))
}

/// Streams whose sockets are closed as slow are reset, and their connections live on.
async fn without_windows() -> Result<Line> {
    const CONNECTIONS: usize = 6;

    let mut server = Server::with(&["--own-server"]).await?;
    let fresh = server.figures().await?;
    let (mut peers, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(server.address).await?;
        peers.push(Stalled::over(stream, 0).await);
    }
    let patience = Duration::from_secs(10);
    let idle = server
        .until(patience, |figures| {
            figures.tasks >= fresh.tasks + CONNECTIONS
        })
        .await?;
    for peer in &mut peers {
        for _ in 0..SOCKETS {
            sockets.push(peer.open().await);
        }
    }
    let published = server.publish(messages()).await?;
    let begin = Instant::now();
    let all = CONNECTIONS * SOCKETS;
    // A frame that fills the stream has five seconds, and so has the one behind it.
    let ended = server
        .until(Duration::from_secs(30), |figures| figures.ends.len() == all)
        .await?;
    let closed = begin.elapsed();
    let after = server
        .until(patience, |figures| {
            figures.tasks <= idle.tasks && figures.memory <= idle.memory + 32 * KIB
        })
        .await?;
    let left = after.tasks.saturating_sub(idle.tasks);
    let slow = ended.ends.iter().filter(|end| end.reason == "slow").count();
    let mut reset = 0;
    for socket in &mut sockets {
        reset += usize::from(socket.reset().await == h2::Reason::CANCEL);
    }
    let mut alive = 0;
    for peer in &mut peers {
        alive += usize::from(peer.get("/__initializeSocket.wc").await == 204);
    }
    let growth = after.memory.saturating_sub(idle.memory);
    Ok(Line::new()
        .figure(
            format!(
                "{} queued; {slow} of {all} slow after {} ms",
                published.queued,
                closed.as_millis()
            ),
            slow == all,
        )
        .figure(format!("{reset} streams reset"), reset == all)
        .figure(
            format!("{alive} of {CONNECTIONS} connections answer"),
            alive == CONNECTIONS,
        )
        .figure(
            format!(
                "{left} tasks and {} KiB of queues left {} ms later",
                after.bytes_queued / KIB,
                (begin.elapsed() - closed).as_millis()
            ),
            left == 0 && after.bytes_queued == 0,
        )
        .figure(
            format!(
                "{growth} KiB more memory than before, {} KiB at most",
                after.peak.saturating_sub(idle.memory)
            ),
            growth <= 32 * KIB,
        ))
}

/// Connections that are not read at all take no reset either, and are closed.
async fn without_readers() -> Result<Line> {
    const CONNECTIONS: usize = 3;
    const WINDOW: u32 = 16 * 1024 * 1024;

    let mut server = Server::with(&["--own-server"]).await?;
    let fresh = server.figures().await?;
    let (mut peers, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(server.address).await?;
        let mut peer = Stalled::over(stream, WINDOW).await;
        for _ in 0..SOCKETS {
            sockets.push(peer.open().await);
        }
        peer.freeze();
        peers.push(peer);
    }
    server.publish(messages()).await?;
    let begin = Instant::now();
    let after = server
        .until(Duration::from_secs(60), |figures| {
            figures.tasks <= fresh.tasks && figures.descriptors <= fresh.descriptors
        })
        .await?;
    let left = after.descriptors.saturating_sub(fresh.descriptors);
    let peak = after.peak.saturating_sub(fresh.memory);
    Ok(Line::new()
        .figure(
            format!(
                "{left} of {CONNECTIONS} unread connections left after {} ms",
                begin.elapsed().as_millis()
            ),
            left == 0 && after.sockets == 0,
        )
        .remark(format!("{peak} KiB more at most")))
}

fn messages() -> Publish {
    Publish {
        count: 5,
        size: 60 * KIB,
        ..Publish::default()
    }
}
