use std::{net::SocketAddr, time::Duration};

use tokio::task::JoinSet;
use web_connection_socket::SocketMessage;

use super::load::broadcaster;
use crate::{Result, client::Client, line::Line, server::Server, soon};

const CONNECTS: usize = 10_000;
const AT_ONCE: usize = 20;

pub(super) async fn ten_thousand() -> Result<Line> {
    let mut server = Server::start().await?;
    let mut visitors = JoinSet::new();
    for visitor in 0..AT_ONCE {
        visitors.spawn(visit(server.address, visitor));
    }
    let mut total = Seen::default();
    while let Some(seen) = visitors.join_next().await {
        let seen = seen??;
        total.unmatched += seen.unmatched;
        total.missed += seen.missed;
        total.revived += seen.revived;
    }
    let end = server
        .until(Duration::from_secs(10), |figures| figures.sockets == 0)
        .await?;
    Ok(Line::new()
        .figure(
            format!("{} of {CONNECTS} not matched", total.unmatched),
            total.unmatched == 0,
        )
        .figure(format!("{} missed", total.missed), total.missed == 0)
        .figure(
            format!("{} leavers counted", total.revived),
            total.revived == 0,
        )
        .figure(format!("{} sockets left", end.sockets), end.sockets == 0))
}

#[derive(Default)]
struct Seen {
    unmatched: usize,
    missed: usize,
    revived: usize,
}

/// Opens one socket after the other, has each broadcast to at once, and leaves.
async fn visit(address: SocketAddr, visitor: usize) -> Result<Seen> {
    let broadcaster = broadcaster(address)?;
    let mut seen = Seen::default();
    for number in 0..CONNECTS / AT_ONCE {
        let user = format!("visitor{visitor}-{number}");
        let mut client = Client::open(address, &format!("userId={user}")).await?;
        let hello = SocketMessage::new("hello").to_user(user.as_str());
        let report = broadcaster.broadcast(&hello).await?;
        if report.queued != 1 {
            seen.unmatched += 1;
        } else if soon("the broadcast", client.message()).await?.action != "hello" {
            seen.missed += 1;
        }
        // Its closing handshake is over: it is no recipient any more.
        client.close().await?;
        seen.revived += broadcaster.broadcast(&hello).await?.matched;
    }
    Ok(seen)
}
