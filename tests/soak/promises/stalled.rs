use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{interval, sleep},
};
use web_connection_socket::SocketMessage;

use super::load::broadcaster;
use crate::{
    Result,
    client::Client,
    held::Held,
    line::Line,
    server::{Publish, Server},
};

const KIB: usize = 1024;

/// Broadcasts go on while 50 stalled sockets hold what they do not take, and again without them.
pub(super) async fn beside_the_healthy() -> Result<Line> {
    const HEALTHY: usize = 1_000;
    const STALLED: usize = 50;

    // Stalled readers have to last for a whole run.
    let mut server = Server::with(&["--write-timeout", "60"]).await?;
    let (times, mut seen) = mpsc::channel(256 * KIB);
    let mut readers: JoinSet<Result<()>> = JoinSet::new();
    for mut client in Client::open_many(server.address, "reader", HEALTHY).await? {
        let times = times.clone();
        readers.spawn(async move {
            loop {
                let sent: u128 = client.message().await?.message.trim_end().parse()?;
                times.send(now().saturating_sub(sent)).await?;
            }
        });
    }
    let (mut ratios, mut slowest) = (Vec::new(), 0);
    for _ in 0..5 {
        let alone = p99(&server, &mut seen, HEALTHY).await?;
        let stalled = Held::stalled(server.address, "stalled", STALLED).await?;
        let fill = Publish {
            count: 5,
            size: 60 * KIB,
            group: Some("stalled".into()),
            ..Publish::default()
        };
        slowest = slowest.max(fill_up(&mut server, fill, STALLED).await?);
        let beside = p99(&server, &mut seen, HEALTHY).await?;
        let figures = server.figures().await?;
        if figures.sockets != HEALTHY + STALLED || figures.bytes_queued == 0 {
            return Err(format!("no client stalled: {figures:?}").into());
        }
        ratios.push((beside as f64 / alone as f64, alone, beside));
        drop(stalled);
        server
            .until(Duration::from_secs(20), |figures| {
                figures.sockets == HEALTHY
            })
            .await?;
    }
    readers.abort_all();
    ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, alone, beside) = ratios[2];
    Ok(Line::new()
        .figure(
            format!("{ratio:.2} × ({alone} µs alone, {beside} µs beside)"),
            ratio <= 1.5,
        )
        .remark(format!(
            "longest broadcast call to the stalled {slowest} µs"
        )))
}

/// The 99th percentile of the time from a POST to its arrival, in microseconds.
async fn p99(server: &Server, seen: &mut mpsc::Receiver<u128>, readers: usize) -> Result<u128> {
    const BROADCASTS: usize = 100;

    let broadcaster = broadcaster(server.address)?;
    let mut ticks = interval(Duration::from_millis(40));
    let mut times = Vec::with_capacity(BROADCASTS * readers);
    for _ in 0..BROADCASTS {
        ticks.tick().await;
        let message = SocketMessage::new("news");
        let text = format!("{}{}", now(), " ".repeat(KIB));
        broadcaster.broadcast(&message.text(text)).await?;
    }
    while times.len() < BROADCASTS * readers {
        times.push(seen.recv().await.ok_or("a reader was cut")?);
    }
    times.sort_unstable();
    Ok(times[times.len() / 100 * 99])
}

/// Microseconds that all tasks of this process agree on.
fn now() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_micros()
}

pub(super) async fn sixty_four_mebibytes_each() -> Result<Line> {
    let overflow = overflow().await?;
    let stall = stall().await?;
    let hub = hub_bound().await?;
    Ok(overflow.and(stall).and(hub))
}

const STALLED: usize = 100;
/// What one message takes in a queue, frame head and other keys included.
const MESSAGE: usize = 63 * KIB;

/// A queue that is full ends its socket.
async fn overflow() -> Result<Line> {
    let mut server = Server::start().await?;
    let stalled = Held::stalled(server.address, "stalled", STALLED).await?;
    let before = server.figures().await?;
    let count = 64 * KIB * KIB / MESSAGE;
    let published = server
        .publish(Publish {
            count,
            size: MESSAGE,
            users: users(),
            ..Publish::default()
        })
        .await?;
    let patience = Duration::from_secs(30);
    let end = server
        .until(patience, |figures| figures.ends.len() == STALLED)
        .await?;
    drop(stalled);
    let bound = STALLED * (KIB * KIB + 64 * KIB) / KIB;
    let peak = end.peak - before.memory;
    let counted: u64 = end.ends.iter().map(|end| end.undelivered).sum();
    let slow = end.ends.iter().filter(|end| end.reason == "slow").count();
    Ok(Line::new()
        .figure(
            format!("at most {peak} KiB more, {bound} KiB allowed"),
            peak <= bound,
        )
        .figure(format!("{slow} of {STALLED} slow"), slow == STALLED)
        .figure(
            format!(
                "{} queued = {} written + {counted} undelivered",
                published.queued, end.messages_out
            ),
            published.queued as u64 == end.messages_out + counted && counted == end.undelivered,
        ))
}

/// A queue that is never full and never gets shorter ends its socket as well.
async fn stall() -> Result<Line> {
    let mut server = Server::start().await?;
    let stalled = Held::stalled(server.address, "stalled", STALLED).await?;
    let fill = Publish {
        count: 5,
        size: MESSAGE,
        users: users(),
        ..Publish::default()
    };
    fill_up(&mut server, fill, STALLED).await?;
    let before = server.figures().await?;
    let patience = Duration::from_secs(30);
    let end = server
        .until(patience, |figures| figures.ends.len() == STALLED)
        .await?;
    drop(stalled);
    let slow = end.ends.iter().filter(|end| end.reason == "slow").count();
    let last = end.ends.iter().map(|end| end.at).max().unwrap_or_default() - before.now;
    Ok(Line::new()
        .figure(
            format!("{slow} stalled below the bound are slow"),
            slow == STALLED,
        )
        .figure(format!("after {last} ms"), last <= 6_000))
}

/// All queues together have a bound as well.
async fn hub_bound() -> Result<Line> {
    const BOUND: usize = 16 * KIB * KIB;

    let mut server = Server::with(&["--max-hub-queue-bytes", &BOUND.to_string()]).await?;
    let stalled = Held::stalled(server.address, "stalled", STALLED).await?;
    let before = server.figures().await?;
    // So much that the kernel takes no more of it, and then as much as each queue may hold.
    for _ in 0..8 {
        let publish = Publish {
            count: 10,
            size: MESSAGE,
            users: users(),
            ..Publish::default()
        };
        server.publish(publish).await?;
        sleep(A_MOMENT).await;
    }
    let after = server.figures().await?;
    drop(stalled);
    // Each queue takes one message whatever the others hold.
    let bound = (BOUND + STALLED * 64 * KIB) / KIB;
    let peak = after.peak - before.memory;
    Ok(Line::new().figure(
        format!("with 16 MiB for all {peak} KiB of {bound}"),
        peak <= bound,
    ))
}

/// Publishes to sockets that stall until the kernel takes no more and each queue holds a few messages;
/// tells the longest call in microseconds.
pub(super) async fn fill_up(server: &mut Server, fill: Publish, sockets: usize) -> Result<u64> {
    let enough = sockets * 2 * fill.size;
    let mut longest = 0;
    for _ in 0..40 {
        longest = longest.max(server.publish(fill.clone()).await?.longest);
        sleep(A_MOMENT).await;
        let queued = server.figures().await?.bytes_queued;
        sleep(A_MOMENT).await;
        if queued >= enough && server.figures().await?.bytes_queued == queued {
            return Ok(longest);
        }
    }
    Err("the kernel takes all of it".into())
}

/// What a flusher needs to write what it can.
const A_MOMENT: Duration = Duration::from_millis(200);

fn users() -> Vec<String> {
    (0..STALLED)
        .map(|number| format!("stalled{number}"))
        .collect()
}
