use std::time::Duration;

use tokio::time::sleep;

use crate::{Result, held::Held, line::Line, server::Server};

const SOCKETS: usize = 10_000;

pub(super) async fn ten_minutes() -> Result<Line> {
    let mut server = Server::start().await?;
    // The first sockets pay for what is there once.
    let warm = Held::open(server.address, "warm", 100).await?;
    let before = server.figures().await?;
    let mut held = Held::open(server.address, "idle", SOCKETS).await?;
    sleep(Duration::from_secs(600)).await;
    let after = server.figures().await?;
    let pinged = held.ping().await?;
    drop(warm);
    let each = (after.memory - before.memory) as f64 / SOCKETS as f64;
    let dropped = before.sockets + SOCKETS - after.sockets;
    Ok(Line::new()
        .figure(format!("{dropped} dropped"), dropped == 0)
        .figure(
            format!("{} answered", pinged.answered),
            pinged.answered == SOCKETS,
        )
        .figure(
            format!("{each:.2} KiB of resident memory each"),
            each <= 3.0,
        ))
}
