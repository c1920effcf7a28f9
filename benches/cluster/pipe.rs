//! Loops that publish as fast as they can, without sockets: redis-rs alone, a link of this crate, and a
//! hub.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use web_connection_socket::backplane::{Backplane, Command, RedisBackplane};

use crate::{
    Result,
    figures::cpu,
    hub::{burst, layer, message},
};

#[derive(Args)]
pub(crate) struct Pipe {
    kind: Kind,
    broker: String,
    /// Messages of a pipeline.
    size: usize,
    count: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    Bare,
    Link,
    Hub,
}

/// What a loop took.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Took {
    pub(crate) seconds: f64,
    /// Of this process, in microseconds for each message.
    pub(crate) cpu: f64,
}

pub(crate) async fn run(pipe: &Pipe) -> Result<()> {
    let took = match pipe.kind {
        Kind::Bare => bare(pipe).await?,
        Kind::Link => link(pipe).await?,
        Kind::Hub => hub(pipe).await?,
    };
    println!("{}", serde_json::to_string(&took)?);
    Ok(())
}

/// redis-rs's own pipelines, on a connection that hears itself as a node does.
async fn bare(pipe: &Pipe) -> Result<Took> {
    let client = redis::Client::open(format!("{}?protocol=resp3", pipe.broker))?;
    let heard = Arc::new(AtomicU64::new(0));
    let config = redis::AsyncConnectionConfig::new().set_push_sender(move |_| {
        heard.fetch_add(1, Relaxed);
        Ok::<_, ()>(())
    });
    let opened = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = opened.await?;
    connection.subscribe("bare").await?;
    let payload = payload();
    measured(pipe.count, async || {
        for _ in 0..pipe.count / pipe.size {
            let mut pipeline = redis::Pipeline::with_capacity(pipe.size);
            for _ in 0..pipe.size {
                pipeline
                    .cmd("PUBLISH")
                    .arg("bare")
                    .arg(&payload[..])
                    .ignore();
            }
            pipeline.exec_async(&mut connection).await?;
        }
        Ok(())
    })
    .await
}

/// The same through the backplane, whose other half is read by a task.
async fn link(pipe: &Pipe) -> Result<Took> {
    let redis = RedisBackplane::new(&pipe.broker)?;
    let (mut outlet, mut inlet) = redis.connect().await?;
    let topic = "all".parse()?;
    outlet.send(vec![Command::Subscribe(topic)]).await?;
    #[expect(clippy::disallowed_methods, reason = "it ends with the process")]
    tokio::spawn(async move { while inlet.receive().await.is_some() {} });
    let payload = payload();
    measured(pipe.count, async || {
        for _ in 0..pipe.count / pipe.size {
            let publish = || Command::Publish(topic, payload.clone());
            let commands = std::iter::repeat_with(publish).take(pipe.size);
            outlet.send(commands.collect()).await?;
        }
        Ok(())
    })
    .await
}

/// Broadcasts of a hub without sockets: encoded, numbered, queued, sent, confirmed, and heard again. The hub
/// makes the pipelines; several of them are in flight, so that it has some to make.
async fn hub(pipe: &Pipe) -> Result<Took> {
    let layer = layer(&pipe.broker)?;
    let hub = layer.hub();
    hub.cluster().connected().await;
    // The other loops do not make their payload anew either.
    let message = message();
    measured(pipe.count, async || {
        match burst(pipe.count, 4 * pipe.size, || hub.broadcast(&message)).await {
            0 => Ok(()),
            failed => Err(format!("{failed} were not forwarded").into()),
        }
    })
    .await
}

async fn measured(count: usize, work: impl AsyncFnOnce() -> Result<()>) -> Result<Took> {
    let before = cpu()?;
    let begin = Instant::now();
    work().await?;
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = (cpu()? - before).as_secs_f64() * 1e6 / count as f64;
    Ok(Took { seconds, cpu })
}

/// As long as the frame of a message of 128 bytes.
fn payload() -> Bytes {
    Bytes::from(vec![b'x'; 260])
}
