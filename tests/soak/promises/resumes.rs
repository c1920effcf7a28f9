use std::{net::SocketAddr, sync::Arc};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::{
    Result,
    client::Client,
    line::Line,
    server::{Publish, Server},
    soon,
};

const STREAMS: usize = 100;
const MISSED: usize = 10;
const ROUNDS: usize = 10;
const PER_ROUND: usize = 1_000;
const AT_ONCE: usize = 20;

pub(super) async fn ten_thousand() -> Result<Line> {
    let mut keeping = Server::with(&["--history"]).await?;
    let mut replying = Server::with(&["--replies"]).await?;
    let positions = Arc::new(positions(&mut keeping).await?);
    let none = Arc::new(vec![String::new(); STREAMS]);
    // The first connects warm both up.
    visits(keeping.address, &positions).await?;
    visits(replying.address, &none).await?;
    let mut ratios = Vec::new();
    let (mut resumes, mut replies) = (0, 0);
    let (mut resumed, mut replied) = (Seen::default(), Seen::default());
    for _ in 0..ROUNDS {
        let (seen, resuming) = measured(&mut keeping, &positions).await?;
        resumed.add(&seen);
        let (seen, answered) = measured(&mut replying, &none).await?;
        replied.add(&seen);
        ratios.push(resuming as f64 / answered as f64);
        resumes += resuming;
        replies += answered;
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ROUNDS / 2];
    let each = |total: u64| total / (ROUNDS * PER_ROUND) as u64;
    let sizes = (resumed.bytes as f64 / replied.bytes as f64 - 1.0).abs();
    Ok(Line::new()
        .figure(
            format!(
                "{} resumed, {} bytes each",
                resumed.whole,
                each(resumed.bytes)
            ),
            resumed.whole == ROUNDS * PER_ROUND,
        )
        .figure(
            format!(
                "{} had replies, {} bytes each",
                replied.whole,
                each(replied.bytes)
            ),
            replied.whole == ROUNDS * PER_ROUND && sizes < 0.03,
        )
        .remark(format!(
            "{} µs of CPU each, {} µs with replies",
            each(resumes),
            each(replies)
        ))
        .figure(
            format!("{median:.2} × (median of {ROUNDS})"),
            median <= 1.25,
        ))
}

/// Where clients are in each stream, which then gets messages that they miss.
async fn positions(server: &mut Server) -> Result<Vec<String>> {
    let mut positions = Vec::new();
    for stream in 0..STREAMS {
        let query = format!("userId=first&groupId=stream{stream}&resume=1");
        let mut client = Client::open(server.address, &query).await?;
        let told: Value = serde_json::from_str(&client.text().await?)?;
        let position = told["streams"][format!("stream{stream}")]["position"].as_str();
        positions.push(position.ok_or("a stream without a position")?.to_owned());
        client.close().await?;
        server
            .publish(Publish {
                count: MISSED,
                size: 100,
                group: Some(format!("stream{stream}")),
                ..Publish::default()
            })
            .await?;
    }
    Ok(positions)
}

/// What clients got.
#[derive(Debug, Default)]
struct Seen {
    /// How many have all messages, in order.
    whole: usize,
    bytes: u64,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.whole += other.whole;
        self.bytes += other.bytes;
    }
}

/// Has clients come, and tells what CPU time the server took.
async fn measured(server: &mut Server, positions: &Arc<Vec<String>>) -> Result<(Seen, u64)> {
    let before = server.figures().await?.cpu;
    let seen = visits(server.address, positions).await?;
    server
        .until(std::time::Duration::from_secs(10), |figures| {
            figures.sockets == 0
        })
        .await?;
    Ok((seen, server.figures().await?.cpu - before))
}

async fn visits(address: SocketAddr, positions: &Arc<Vec<String>>) -> Result<Seen> {
    let mut visitors = JoinSet::new();
    for visitor in 0..AT_ONCE {
        visitors.spawn(visit(address, visitor, positions.clone()));
    }
    let mut total = Seen::default();
    while let Some(seen) = visitors.join_next().await {
        total.add(&seen??);
    }
    Ok(total)
}

/// Opens one socket after the other and takes the eleven frames.
async fn visit(address: SocketAddr, visitor: usize, positions: Arc<Vec<String>>) -> Result<Seen> {
    let mut seen = Seen::default();
    for number in (visitor..PER_ROUND).step_by(AT_ONCE) {
        let stream = number % STREAMS;
        let mut query = format!("userId=visitor{number}&groupId=stream{stream}");
        match positions[stream].as_str() {
            // As long as the other.
            "" => query.push_str(&format!("&answer=1&answered={}", "0".repeat(44))),
            position => query.push_str(&format!("&resume=1&position={position}")),
        }
        let mut client = Client::open(address, &query).await?;
        seen.bytes += soon("what is told", client.text()).await?.len() as u64;
        let mut in_order = 0;
        for missed in 0..MISSED {
            let text = soon("a message", client.text()).await?;
            seen.bytes += text.len() as u64;
            in_order += usize::from(text.contains(&format!("server {missed} ")));
        }
        seen.whole += usize::from(in_order == MISSED);
        client.close().await?;
    }
    Ok(seen)
}
