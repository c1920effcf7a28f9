//! A node of this crate.

use std::{collections::VecDeque, net::Ipv4Addr, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    time::{MissedTickBehavior, interval, sleep},
};
use web_connection_socket::{
    BroadcastReport, Config, Forwarded, Hub, SocketMessage, WebConnectionSocketLayer,
    backplane::{NatsBackplane, RedisBackplane},
    serve,
};

use crate::{
    Result,
    node::{Order, obey, text},
};

pub(crate) async fn run(broker: &str) -> Result<()> {
    let layer = layer(broker)?;
    let hub = layer.hub();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    #[expect(clippy::disallowed_methods, reason = "the server beside its orders")]
    tokio::spawn(serve(listener, layer, Router::new()));
    obey(async |order| act(&hub, order).await).await
}

pub(crate) fn layer(broker: &str) -> Result<WebConnectionSocketLayer> {
    let layer = WebConnectionSocketLayer::new(Config::new());
    Ok(match broker.split_once("://") {
        Some(("redis", _)) => layer.backplane(RedisBackplane::new(broker)?),
        Some(_) => layer.backplane(NatsBackplane::new(broker)?),
        None => layer,
    })
}

async fn act(hub: &Arc<Hub>, order: Order) -> Result<usize> {
    match order {
        Order::Meet(nodes) => {
            while hub.cluster().nodes().len() < nodes {
                sleep(Duration::from_millis(10)).await;
            }
            hub.cluster().connected().await;
            Ok(nodes)
        }
        Order::Burst { count, window } => Ok(burst(count, window, || publish(hub)).await),
        Order::Groups {
            groups,
            count,
            is_one_topic,
        } => {
            let mut next = (0..groups).cycle();
            let publish = || {
                let group = format!("g{}", next.next().unwrap_or_default());
                let message = message().to_group(group);
                // A message for names of several partitions takes that way.
                let other = is_one_topic.then_some("absent");
                hub.broadcast(&other.into_iter().fold(message, SocketMessage::to_user))
            };
            Ok(burst(count, WINDOW, publish).await)
        }
        Order::Pace { rate, seconds } => {
            let mut ticks = interval(Duration::from_millis(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for _ in 0..seconds * 1_000 {
                ticks.tick().await;
                for _ in 0..rate / 1_000 {
                    publish(hub);
                }
            }
            Ok(0)
        }
    }
}

/// Returns how many messages were not forwarded.
pub(crate) async fn burst(
    count: usize,
    window: usize,
    mut publish: impl FnMut() -> BroadcastReport,
) -> usize {
    let mut open = VecDeque::with_capacity(window);
    let mut failed = 0;
    for _ in 0..count {
        if open.len() == window {
            failed += failures(open.pop_front()).await;
        }
        open.push_back(publish());
    }
    while let Some(report) = open.pop_front() {
        failed += failures(Some(report)).await;
    }
    failed
}

async fn failures(report: Option<BroadcastReport>) -> usize {
    match report {
        Some(report) => usize::from(report.forwarded().await != Forwarded::Yes),
        None => 0,
    }
}

fn publish(hub: &Hub) -> BroadcastReport {
    hub.broadcast(&message())
}

pub(crate) fn message() -> SocketMessage {
    SocketMessage::new("n").text(text())
}

/// How many messages to groups wait for their confirmation.
const WINDOW: usize = 512;
