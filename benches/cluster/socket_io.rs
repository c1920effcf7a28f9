//! socketioxide with its Redis adapter: the same work in another protocol.

use std::{net::Ipv4Addr, time::Duration};

use axum::Router;
use futures_util::StreamExt;
use socketioxide::{
    SocketIo,
    adapter::{Adapter, Emitter},
    extract::SocketRef,
};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
use tokio::{
    net::TcpListener,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    Result,
    node::{Order, obey, text},
};

type Redis = RedisAdapter<Emitter>;

pub(crate) async fn run(broker: &str) -> Result<()> {
    let client = redis::Client::open(format!("{broker}?protocol=resp3"))?;
    let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
    let (layer, io) = SocketIo::builder()
        .ping_interval(LONGER_THAN_ANY_RUN)
        // By default a socket refuses what comes in a burst.
        .max_buffer_size(100_000)
        .with_adapter::<Redis>(adapter)
        .build_layer();
    io.ns("/", on_connect::<Redis>).await?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    let app = Router::new().layer(layer);
    #[expect(clippy::disallowed_methods, reason = "the server beside its orders")]
    tokio::spawn(async move { axum::serve(listener, app).await });
    obey(async |order| act(&io, order).await).await
}

async fn on_connect<A: Adapter>(_: SocketRef<A>) {}

async fn act(io: &SocketIo<Redis>, order: Order) -> Result<usize> {
    match order {
        Order::Meet(nodes) => {
            // It does not say when the others are there.
            sleep(Duration::from_secs(1)).await;
            Ok(nodes)
        }
        Order::Burst { count, window } => {
            let emits = futures_util::stream::iter(0..count).map(|_| emit(io));
            let failed = emits
                .buffered(window)
                .filter(|sent| std::future::ready(!sent));
            Ok(failed.count().await)
        }
        Order::Groups { .. } => Err("messages to groups are measured for the hub alone".into()),
        Order::Pace { rate, seconds } => {
            let mut ticks = interval(Duration::from_millis(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for _ in 0..seconds * 1_000 {
                ticks.tick().await;
                let emits = (0..rate / 1_000).map(|_| emit(io));
                futures_util::future::join_all(emits).await;
            }
            Ok(0)
        }
    }
}

async fn emit(io: &SocketIo<Redis>) -> bool {
    io.emit("n", &text()).await.is_ok()
}

const LONGER_THAN_ANY_RUN: Duration = Duration::from_secs(24 * 60 * 60);
