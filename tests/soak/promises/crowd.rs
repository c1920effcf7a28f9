use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    Result,
    client::connect,
    flood::{Flood, Flooded},
    held::Held,
    line::Line,
    server::{Publish, Server},
    soon,
};

/// What others wait for while a few say much to many.
pub(super) async fn beside_a_flood() -> Result<Line> {
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let ours = flooded(&[]).await?;
        let theirs = flooded(&["--axum-ws"]).await?;
        let ratio = ours.longest.as_secs_f64() / theirs.longest.as_secs_f64();
        ratios.push((ratio, ours, theirs));
    }
    ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, ours, theirs) = &ratios[2];
    Ok(Line::new()
        .figure(
            format!(
                "{ratio:.2} × ({} ms, beside axum's {} ms)",
                ours.longest.as_millis(),
                theirs.longest.as_millis()
            ),
            *ratio <= 2.0,
        )
        .remark(format!(
            "{} messages seen, {} readers too slow for them; beside axum {} seen",
            ours.flooded.seen, ours.flooded.cut, theirs.flooded.seen
        ))
        .and(lengths().await?))
}

struct Beside {
    longest: Duration,
    flooded: Flooded,
}

/// The longest wait for an answer that has nothing to do with sockets.
async fn flooded(options: &[&str]) -> Result<Beside> {
    const SECONDS: u64 = 10;

    let server = Server::with(options).await?;
    let mut flood = Flood::open(server.address, 300, 3, 60_000).await?;
    let mut connection = connect(server.address).await?;
    let mut longest = Duration::ZERO;
    let mut going = std::pin::pin!(flood.go(SECONDS));
    loop {
        let asked = async {
            sleep(Duration::from_millis(5)).await;
            ask(&mut connection, server.address).await
        };
        tokio::select! {
            flooded = &mut going => return Ok(Beside { longest, flooded: flooded? }),
            took = asked => longest = longest.max(took?),
        }
    }
}

/// How long a request takes.
async fn ask(connection: &mut TcpStream, address: SocketAddr) -> Result<Duration> {
    let begin = Instant::now();
    let request = format!("GET /nothing HTTP/1.1\r\nHost: {address}\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let read = soon("an answer", connection.read_buf(&mut answer)).await?;
        if read == 0 {
            return Err("the connection ended".into());
        }
    }
    Ok(begin.elapsed())
}

/// How long the hub takes to say how many sockets it has while it broadcasts to ten thousand.
async fn lengths() -> Result<Line> {
    const SOCKETS: usize = 10_000;

    let mut server = Server::with(&["--watch"]).await?;
    let mut held = Vec::new();
    for number in 0..4 {
        held.push(Held::open(server.address, &format!("reader{number}"), SOCKETS / 4).await?);
    }
    server.figures().await?;
    let publish = Publish {
        count: 300,
        size: 20_000,
        ..Publish::default()
    };
    let published = server.publish(publish).await?;
    let mut lens = server.figures().await?.lens;
    drop(held);
    lens.sort_unstable();
    let p99 = lens.get(lens.len() / 100 * 99).copied();
    let p99 = p99.ok_or("the hub was never asked")?;
    let longest = lens.last().copied().unwrap_or_default();
    Ok(Line::new()
        .figure(
            format!("`hub.len()` within {p99} µs (p99 of {})", lens.len()),
            p99 <= 5_000,
        )
        .remark(format!("{longest} µs at most"))
        .remark(format!(
            "a message meant {} of the 10 000 on average, the others were closed as slow; longest broadcast call {} µs",
            published.matched / 300,
            published.longest
        )))
}
