use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use web_connection_socket::SocketMessage;

use crate::{Result, client::Client, line::Line, server::Server, soon};

pub(super) async fn ten_thousand_panics() -> Result<Line> {
    const SOCKETS: usize = 20;
    const EACH: usize = 500;

    let mut server = Server::start().await?;
    let mut clients = Client::open_many(server.address, "user", SOCKETS).await?;
    panic_often(&mut clients, 50).await?;
    let before = server.figures().await?;
    let told = panic_often(&mut clients, EACH).await?;
    let mut refused = 0;
    for _ in 0..EACH {
        if let Err(error) = Client::open(server.address, "panic").await {
            refused += usize::from(error.to_string().contains("500"));
        }
    }
    let mut kept = 0;
    for client in &mut clients {
        client
            .send(&SocketMessage::new("echo").text("still here"))
            .await?;
        kept += usize::from(client.message().await?.message == "still here");
    }
    let after = server.figures().await?;
    let growth = after.memory as f64 / before.memory as f64;
    Ok(Line::new()
        .figure(
            format!("{told} of {} told, without its text", SOCKETS * EACH),
            told == SOCKETS * EACH,
        )
        .figure(
            format!("{refused} of {EACH} in a hook are 500"),
            refused == EACH,
        )
        .figure(format!("{kept} of {SOCKETS} sockets kept"), kept == SOCKETS)
        .figure(
            format!("{} dispatches left", after.dispatches),
            after.dispatches == 0,
        )
        .figure(
            format!("{} tasks, {} before", after.tasks, before.tasks),
            after.tasks <= before.tasks,
        )
        .figure(
            format!("{} KiB of memory, {} before", after.memory, before.memory),
            growth <= 1.05,
        ))
}

/// Has the handler panic and counts the clients that are told that it failed, and not how.
async fn panic_often(clients: &mut Vec<Client>, times: usize) -> Result<usize> {
    let mut tasks: JoinSet<Result<(Client, usize)>> = JoinSet::new();
    for mut client in clients.drain(..) {
        tasks.spawn(async move {
            let mut told = 0;
            for _ in 0..times {
                client.send(&SocketMessage::new("panic")).await?;
                let (code, sentence) = soon("an error frame", client.error()).await?;
                told += usize::from(code == "failed" && !sentence.contains("secret"));
            }
            Ok((client, told))
        });
    }
    let mut total = 0;
    while let Some(done) = tasks.join_next().await {
        let (client, told) = done??;
        clients.push(client);
        total += told;
    }
    Ok(total)
}

pub(super) async fn hung_dispatches() -> Result<Line> {
    const HUNG: usize = 50;
    const ALLOWED: usize = 8;

    let options = ["--dispatch-timeout", "2", "--max-dispatches", "8"];
    let mut server = Server::with(&options).await?;
    let mut hung = Client::open_many(server.address, "hung", HUNG).await?;
    let mut alone = Client::open(server.address, "userId=alone").await?;

    // One hangs, and says something more: the next is handled when that is over.
    let begin = Instant::now();
    alone.send(&SocketMessage::new("hang")).await?;
    alone.send(&SocketMessage::new("echo").text("next")).await?;
    sleep(Duration::from_millis(200)).await;
    let running = server.figures().await?.dispatches;
    let mut others = Duration::ZERO;
    for client in &mut hung {
        let begin = Instant::now();
        client.send(&SocketMessage::new("echo")).await?;
        client.message().await?;
        others = others.max(begin.elapsed());
    }
    let (told, _) = alone.error().await?;
    let after = begin.elapsed();
    let next = alone.message().await?;

    for client in &mut hung {
        client.send(&SocketMessage::new("hang")).await?;
    }
    sleep(Duration::from_millis(500)).await;
    let at_once = server.figures().await?.dispatches;
    let (mut timeouts, mut overloaded) = (0, 0);
    for client in &mut hung {
        let (code, _) = soon("an error frame", client.error()).await?;
        timeouts += usize::from(code == "timeout");
        overloaded += usize::from(code == "overloaded");
    }
    Ok(Line::new()
        .figure(
            format!("{told} after {} ms of 2 s", after.as_millis()),
            told == "timeout" && (2_000..3_000).contains(&after.as_millis()),
        )
        .figure(format!("{running} in flight for one socket"), running == 1)
        .figure(
            format!("then the next: {:?}", next.message),
            next.message == "next",
        )
        .figure(
            format!("others at most {} ms", others.as_millis()),
            others.as_millis() < 500,
        )
        .figure(
            format!("{at_once} at once of {ALLOWED}"),
            at_once == ALLOWED,
        )
        .figure(
            format!("{timeouts} timeout + {overloaded} overloaded of {HUNG}"),
            timeouts + overloaded == HUNG,
        ))
}
