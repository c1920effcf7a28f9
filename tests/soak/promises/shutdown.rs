use tokio::task::JoinSet;
use web_connection_socket::SocketMessage;

use super::load::broadcaster;
use crate::{
    Result,
    client::{Client, connect},
    held::Held,
    line::Line,
    server::{Publish, Server},
    wire::{self, Wire, handshake, masked},
};

/// Seconds; as `axum::serve` of the library gives.
const DEADLINE: u64 = 10;

pub(super) async fn at_its_worst() -> Result<Line> {
    const HEALTHY: usize = 988;
    const STALLED: usize = 10;

    let mut server = Server::start().await?;
    let healthy = Client::open_many(server.address, "reader", HEALTHY).await?;
    let stalled = Held::stalled(server.address, "stalled", STALLED).await?;
    let mut hung = Client::open(server.address, "userId=hung").await?;
    hung.send(&SocketMessage::new("hang")).await?;
    let mut torn = Wire::over(connect(server.address).await?);
    torn.send(handshake("/?userId=torn").as_bytes()).await;
    torn.head().await;
    torn.send(&masked(false, wire::TEXT, br#"{"message":"#))
        .await;
    let all = HEALTHY + STALLED + 2;

    let mut readers: JoinSet<Result<(usize, u16)>> = JoinSet::new();
    for mut client in healthy {
        readers.spawn(async move {
            let mut seen = 0;
            loop {
                match client.next().await? {
                    tokio_tungstenite::tungstenite::Message::Close(frame) => {
                        return Ok((seen, frame.map_or(1005, |frame| frame.code.into())));
                    }
                    _ => seen += 1,
                }
            }
        });
    }
    // These are under way when it begins.
    let published = server
        .publish(Publish {
            count: 12,
            size: 60 * 1024,
            ..Publish::default()
        })
        .await?;
    let address = server.address;
    let late = async {
        let refused = loop {
            match Client::open(address, "userId=late").await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => break error.to_string(),
            }
        };
        let broadcast = broadcaster(address)?
            .broadcast(&SocketMessage::new("late"))
            .await;
        Ok::<_, tower::BoxError>((refused, broadcast))
    };
    let (stopped, late) = tokio::join!(server.shut_down(DEADLINE), late);
    let stopped = stopped?;
    let (refused, broadcast) = late?;

    let (mut said_goodbye, mut whole) = (0, 0);
    while let Some(reader) = readers.join_next().await {
        let (seen, code) = reader??;
        said_goodbye += usize::from(code == 1001);
        whole += usize::from(seen >= 12);
    }
    drop((stalled, hung, torn));
    let milliseconds = stopped.milliseconds;
    Ok(Line::new()
        .figure(
            format!("{} queued", published.queued),
            published.queued == 12 * all,
        )
        .figure(
            format!("a late upgrade: {refused}"),
            refused.contains("503"),
        )
        .remark(match broadcast {
            Ok(report) => format!("a broadcast meanwhile reached {}", report.matched),
            Err(error) => format!("a broadcast meanwhile: {error}"),
        })
        .figure(
            format!("{said_goodbye} of {HEALTHY} saw 1001"),
            said_goodbye == HEALTHY,
        )
        .figure(format!("{whole} saw all before"), whole == HEALTHY)
        .figure(
            format!("{} closed, {} cut", stopped.closed, stopped.cut),
            stopped.closed >= HEALTHY,
        )
        .figure(
            format!("in {milliseconds} ms of {DEADLINE} s"),
            milliseconds <= DEADLINE * 1000 + 100,
        )
        .figure(format!("{} tasks left", stopped.tasks), stopped.tasks == 0)
        .figure(
            format!("a second call found {}", stopped.second),
            stopped.second == 0,
        ))
}
