use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::stalled::fill_up;
use crate::{
    Result,
    client::{Client, connect},
    line::Line,
    proxy::{Proxy, Weather},
    server::{End, Publish, Server},
    soon,
    wire::{self, Wire, handshake, masked},
};

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn black_holes() -> Result<Line> {
    // A write that is blocked would end the socket sooner by default.
    let mut server = Server::with(&["--write-timeout", "120"]).await?;
    let quiet = Proxy::start(server.address).await;
    let _quiet = Client::open(quiet.address, "userId=quiet").await?;
    let blocked = Proxy::start(server.address).await;
    let _blocked = Client::open(blocked.address, "userId=blocked&groupId=blocked").await?;
    quiet.set(Weather::BlackHole);
    blocked.set(Weather::Frozen);
    let begin = server.figures().await?.now;
    let fill = Publish {
        count: 5,
        size: 60 * 1024,
        users: vec!["blocked".into()],
        ..Publish::default()
    };
    fill_up(&mut server, fill, 1).await?;
    let figures = server
        .until(PATIENCE, |figures| figures.ends.len() == 2)
        .await?;
    if !figures
        .ends
        .iter()
        .any(|end| end.user == "blocked" && end.undelivered > 0)
    {
        return Err("nothing was blocked".into());
    }
    // A second event would come by now.
    sleep(Duration::from_secs(6)).await;
    let more = server.figures().await?.ends.len();
    let mut line = Line::new();
    for end in &figures.ends {
        let after = (end.at - begin) as f64 / 1000.0;
        line = line.figure(
            format!("{} gone after {after:.1} s ({})", end.user, end.reason),
            after <= 40.0,
        );
    }
    Ok(line
        .figure(
            format!("{} events, {more} more", figures.ends.len()),
            figures.ends.len() == 2 && more == 0,
        )
        .figure(
            format!("{} sockets left", figures.sockets),
            figures.sockets == 0,
        ))
}

pub(super) async fn half_dead() -> Result<Line> {
    let mut server = Server::start().await?;
    let drip = Proxy::start(server.address).await;

    let mut deaf = open(server.address, "deaf").await?;
    let mut half = open(server.address, "half").await?;
    let mut slow = open(drip.address, "drip").await?;
    drip.set(Weather::Drip);

    let begin = server.figures().await?.now;
    server.close_user("deaf").await?;
    let frame = masked(true, wire::TEXT, &[b' '; 4096]);
    half.send(&frame[..frame.len() / 2]).await;
    slow.send(&frame).await;
    let goodbye = Instant::now();
    if deaf.frame().await.map(|frame| frame.opcode) != Some(wire::CLOSE) {
        return Err("no close frame came".into());
    }
    soon("the end of the connection", deaf.drain()).await;
    let goodbye = goodbye.elapsed().as_secs_f64();
    let figures = server
        .until(PATIENCE, |figures| figures.ends.len() == 3)
        .await?;
    let mut line = Line::new().figure(
        format!("the client that ignores a close sees its connection end after {goodbye:.1} s"),
        goodbye <= 6.0,
    );
    for (user, client, limit) in [
        ("deaf", "client that ignores a close", 6.0),
        ("half", "client that sent half a frame", 36.0),
        ("drip", "client of one byte per second", 36.0),
    ] {
        let end = figures.ends.iter().find(|end| end.user == user);
        let Some(End { at, reason, .. }) = end else {
            line = line.figure(format!("{client} is still there"), false);
            continue;
        };
        let after = (at - begin) as f64 / 1000.0;
        let reason = match reason.as_str() {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        line = line.figure(
            format!("{client} gone after {after:.1} s{reason}"),
            after <= limit,
        );
    }
    Ok(line)
}

async fn open(address: std::net::SocketAddr, user: &str) -> Result<Wire<tokio::net::TcpStream>> {
    let mut wire = Wire::over(connect(address).await?);
    wire.send(handshake(&format!("/?userId={user}")).as_bytes())
        .await;
    let head = wire.head().await;
    if head.starts_with("HTTP/1.1 101 ") {
        Ok(wire)
    } else {
        Err(head.into())
    }
}
