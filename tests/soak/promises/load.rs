use std::{net::SocketAddr, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use web_connection_socket::{Broadcaster, SocketMessage};

use crate::{
    Result,
    client::Client,
    held::Held,
    judge::Judge,
    line::Line,
    named,
    server::{Publish, Server},
};

/// What the last message of all is called.
const END: &str = "end";

pub(super) async fn a_minute() -> Result<Line> {
    const SOCKETS: usize = 1_000;
    const BROADCASTS: u64 = 30 * 60;

    let server = Server::start().await?;
    let readers = read(Client::open_many(server.address, "reader", SOCKETS).await?);
    let broadcaster = broadcaster(server.address)?;
    let begin = Instant::now();
    let mut ticks = interval(Duration::from_secs(1) / 30);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0..BROADCASTS {
        ticks.tick().await;
        let report = broadcaster.broadcast(&numbered("http", number)).await?;
        if report.queued != SOCKETS {
            return Err(format!("{report:?}").into());
        }
    }
    let took = begin.elapsed();
    end(&broadcaster).await?;
    let judge = judged(readers, &[("http", BROADCASTS)]).await?;
    Ok(verdict(&judge, SOCKETS as u64 * BROADCASTS).remark(format!("in {} s", took.as_secs())))
}

pub(super) async fn eight_publishers() -> Result<Line> {
    const SOCKETS: usize = 100;
    const EACH: u64 = 2_000;

    let server = Server::start().await?;
    let readers = read(Client::open_many(server.address, "reader", SOCKETS).await?);
    let mut publishers: JoinSet<Result<()>> = JoinSet::new();
    let names: Vec<_> = (0..8).map(|number| format!("publisher{number}")).collect();
    for (number, name) in names.iter().cloned().enumerate() {
        let address = server.address;
        publishers.spawn(async move {
            if number % 2 == 0 {
                let broadcaster = broadcaster(address)?;
                for number in 0..EACH {
                    broadcaster.broadcast(&numbered(&name, number)).await?;
                }
            } else {
                // It reads what it sends as well: a socket that does not is closed.
                let mut socket = Client::open(address, &format!("userId={name}")).await?;
                for number in 0..EACH {
                    socket.send(&numbered(&name, number)).await?;
                    while !socket
                        .message()
                        .await?
                        .message
                        .starts_with(&format!("{name} {number} "))
                    {}
                }
            }
            Ok(())
        });
    }
    while let Some(published) = publishers.join_next().await {
        published??;
    }
    end(&broadcaster(server.address)?).await?;
    let expected: Vec<_> = names.iter().map(|name| (name.as_str(), EACH)).collect();
    let judge = judged(readers, &expected).await?;
    Ok(verdict(&judge, SOCKETS as u64 * 8 * EACH))
}

pub(super) async fn a_burst() -> Result<Line> {
    const SOCKETS: usize = 100;
    const FRAMES: usize = 5_000;

    let mut server = Server::start().await?;
    let clients = Client::open_many(server.address, "reader", SOCKETS).await?;
    let readers = read(clients);
    // The rest of the 150 bytes is the message around the text.
    let published = server
        .publish(Publish {
            count: FRAMES,
            size: 60,
            ..Publish::default()
        })
        .await?;
    end(&broadcaster(server.address)?).await?;
    let judge = judged(readers, &[("server", FRAMES as u64)]).await?;
    let ends = server.figures().await?.ends;
    let cut = ends.iter().filter(|end| end.code == 1013).count();
    Ok(verdict(&judge, (SOCKETS * FRAMES) as u64)
        .figure(format!("{cut} cut"), cut == 0)
        .figure(
            format!("{} dropped", published.dropped),
            published.dropped == 0,
        ))
}

/// Sockets that stall, leave and stay while many broadcasts are reported.
pub(super) async fn reports() -> Result<Line> {
    const SOCKETS: usize = 200;
    const BROADCASTS: u64 = 1_000;

    let mut server = Server::start().await?;
    let readers = read(Client::open_many(server.address, "reader", SOCKETS).await?);
    let stalled = Held::stalled(server.address, "stalled", 50).await?;
    let broadcaster = broadcaster(server.address)?;
    let (mut unbalanced, mut queued, mut dropped) = (0, 0, 0);
    for number in 0..BROADCASTS {
        let message = numbered("http", number);
        let text = format!("{}{}", message.message, "x".repeat(8 * 1024));
        let report = broadcaster.broadcast(&message.text(text)).await?;
        unbalanced += usize::from(report.matched != report.queued + report.dropped);
        queued += report.queued as u64;
        dropped += report.dropped as u64;
    }
    let report = end(&broadcaster).await?;
    queued += report as u64;
    let judge = judged(readers, &[("http", BROADCASTS)]).await?;
    drop(stalled);
    let end = server
        .until(Duration::from_secs(30), |figures| {
            figures.sockets == 0 && figures.bytes_queued == 0
        })
        .await?;
    let open = end.messages_out + end.undelivered;
    Ok(verdict(&judge, SOCKETS as u64 * BROADCASTS)
        .figure(format!("{unbalanced} reports unbalanced"), unbalanced == 0)
        .figure(
            format!(
                "{queued} queued = {} written + {} undelivered",
                end.messages_out, end.undelivered
            ),
            queued == open,
        )
        .figure(
            format!("{dropped} dropped"),
            dropped == end.dropped && dropped > 0,
        )
        .and(named::tests(&[("it", "overflow::")]).await?))
}

pub(super) fn broadcaster(address: SocketAddr) -> Result<Broadcaster> {
    Ok(Broadcaster::new(&format!("http://{address}"))?)
}

fn numbered(publisher: &str, number: u64) -> SocketMessage {
    SocketMessage::new("news").text(format!("{publisher} {number} "))
}

/// Says that there is nothing more to come, and how many were told.
async fn end(broadcaster: &Broadcaster) -> Result<usize> {
    let report = broadcaster.broadcast(&SocketMessage::new(END)).await?;
    Ok(report.queued)
}

/// Has all clients read up to the end.
fn read(clients: Vec<Client>) -> JoinSet<Result<Judge>> {
    let mut readers = JoinSet::new();
    for mut client in clients {
        readers.spawn(async move {
            let mut judge = Judge::default();
            loop {
                let message = client.message().await?;
                if message.action == END {
                    return Ok(judge);
                }
                judge.see(&message.message);
            }
        });
    }
    readers
}

async fn judged(mut readers: JoinSet<Result<Judge>>, publishers: &[(&str, u64)]) -> Result<Judge> {
    let mut total = Judge::default();
    while let Some(judge) = readers.join_next().await {
        let mut judge = judge??;
        for (publisher, count) in publishers {
            judge.expect(publisher, *count);
        }
        total.add(&judge);
    }
    Ok(total)
}

fn verdict(judge: &Judge, expected: u64) -> Line {
    Line::new()
        .figure(
            format!("{} of {expected} seen", judge.seen),
            judge.seen == expected,
        )
        .figure(format!("{} lost", judge.lost), judge.lost == 0)
        .figure(
            format!("{} reordered or doubled", judge.out_of_order),
            judge.out_of_order == 0,
        )
}
