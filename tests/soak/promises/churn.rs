use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};

use crate::{
    Result,
    client::Client,
    line::Line,
    server::{Figures, Server},
};

const PER_SECOND: u32 = 200;

pub(super) async fn a_minute() -> Result<Line> {
    let mut server = Server::start().await?;
    // What is made once and kept is there after the first ten seconds.
    churn(&mut server, 10).await?;
    let before = settled(&mut server).await?;
    let connects = churn(&mut server, 60).await?;
    let after = settled(&mut server).await?;
    let growth = after.memory as f64 / before.memory as f64;
    Ok(Line::new()
        .remark(format!("{connects} connects"))
        .figure(
            format!("{} sockets left", after.sockets),
            after.sockets == 0,
        )
        .figure(
            format!("{} tasks, {} before", after.tasks, before.tasks),
            after.tasks <= before.tasks,
        )
        .figure(
            format!(
                "{} descriptors, {} before",
                after.descriptors, before.descriptors
            ),
            after.descriptors <= before.descriptors,
        )
        .figure(
            format!("{} KiB of memory, {} before", after.memory, before.memory),
            growth <= 1.1,
        ))
}

async fn churn(server: &mut Server, seconds: u32) -> Result<u32> {
    let mut ticks = interval(Duration::from_secs(1) / PER_SECOND);
    let mut visits: JoinSet<Result<()>> = JoinSet::new();
    for number in 0..seconds * PER_SECOND {
        ticks.tick().await;
        if number % PER_SECOND == 0 {
            // The server remembers how sockets ended until it is asked.
            server.figures().await?;
        }
        let address = server.address;
        visits.spawn(async move {
            let query = format!("userId=user{number}&groupId=group{}", number % 10);
            let client = Client::open(address, &query).await?;
            sleep(Duration::from_millis(u64::from(number % 500))).await;
            match number % 3 {
                0 => client.reset(),
                1 => client.close().await,
                _ => Ok(()),
            }
        });
    }
    while let Some(visit) = visits.join_next().await {
        visit??;
    }
    Ok(seconds * PER_SECOND)
}

async fn settled(server: &mut Server) -> Result<Figures> {
    let patience = Duration::from_secs(10);
    server
        .until(patience, |figures| {
            figures.sockets == 0 && figures.dispatches == 0
        })
        .await?;
    // Connections that were closed are let go of a moment later.
    sleep(Duration::from_secs(1)).await;
    server.figures().await
}
