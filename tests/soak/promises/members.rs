//! Who is in a group: over nodes of which one is killed, and what it costs.

use std::{collections::BTreeMap, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::nodes::Broker;
use crate::{
    Result,
    client::Client,
    line::Line,
    server::{Server, now},
};

/// The members of a node that is killed leave the others, unless they move; and what members cost.
pub(super) async fn who_is_here() -> Result<Line> {
    let mut line = Line::new();
    for broker in [Broker::redis(), Broker::nats()] {
        line = line.and(killed(&broker).await?);
    }
    Ok(line.and(costs(&Broker::redis()).await?))
}

async fn killed(broker: &Broker) -> Result<Line> {
    const MEMBERS: usize = 100;
    const MOVERS: usize = 50;

    let options = options(broker);
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Server::with(&options).await?);
    }
    let mut watchers = Vec::new();
    for (number, node) in nodes.iter().enumerate().skip(1) {
        watchers.push(Watcher::open(node.address, number).await?);
    }
    let victim = nodes.remove(0);
    let mut members = Vec::new();
    for number in 0..MEMBERS {
        let query = format!("userId=member{number}&groupId=lobby");
        members.push(Client::open(victim.address, &query).await?);
    }
    for node in &mut nodes {
        known(node, MEMBERS + watchers.len()).await?;
    }
    // The frame that tells of the last of them.
    sleep(Duration::from_secs(2)).await;
    for watcher in &mut watchers {
        watcher.drain();
    }
    let died = now();
    drop(victim);
    sleep(Duration::from_secs(3)).await;
    for number in 0..MOVERS {
        let query = format!("userId=member{number}&groupId=lobby");
        members.push(Client::open(nodes[0].address, &query).await?);
    }
    sleep(Duration::from_secs(22)).await;
    let mut line = Line::new().remark(broker.name());
    for watcher in &mut watchers {
        let (joined, left) = watcher.seen(died);
        let is_stayer = |name: &str| (MOVERS..MEMBERS).any(|at| name == format!("member{at}"));
        let once = left
            .iter()
            .filter(|(name, when)| is_stayer(name) && when.len() == 1);
        let last = left.values().flatten().max().copied().unwrap_or_default();
        line = line
            .figure(
                format!("{} of {} left once", once.count(), MEMBERS - MOVERS),
                left.len() == MEMBERS - MOVERS && left.values().all(|when| when.len() == 1),
            )
            .figure(format!("the last after {last} ms"), last <= 18_000)
            .figure(
                format!("{} of {MOVERS} that moved told of", joined.len()),
                joined.is_empty(),
            );
    }
    Ok(line)
}

async fn costs(broker: &Broker) -> Result<Line> {
    const SOCKETS: usize = 2_000;
    const GROUPS: usize = 50;
    const WARM: usize = 400;

    let options = options(broker);
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let mut first = Server::with(&options).await?;
    let mut second = Server::with(&options).await?;
    for node in [&mut first, &mut second] {
        let meet = |figures: &crate::server::Figures| {
            figures.cluster.as_ref().is_some_and(|it| it.nodes == 2)
        };
        node.until(PATIENCE, meet).await?;
    }
    let quiet = broker.published_in(Duration::from_secs(10)).await?;
    let mut clients = Vec::new();
    let mut before = 0;
    for number in 0..SOCKETS {
        if number == WARM {
            // The first ones pay for what is needed once.
            known(&mut second, WARM * GROUPS).await?;
            sleep(Duration::from_secs(3)).await;
            before = second.figures().await?.memory;
        }
        let mut query = format!("userId=visitor{number}");
        for group in 0..GROUPS {
            query.push_str(&format!("&groupId=g{group}"));
        }
        clients.push(Client::open(first.address, &query).await?);
    }
    let members = SOCKETS * GROUPS;
    known(&mut second, members).await?;
    sleep(Duration::from_secs(3)).await;
    let after = second.figures().await?.memory;
    let each = after.saturating_sub(before) * 1_024 / ((SOCKETS - WARM) * GROUPS);
    let idle = broker.published_in(Duration::from_secs(10)).await?;
    let joined = first.join().await?;
    let line = Line::new()
        .figure(
            format!("{members} members on a node without sockets: {each} B each"),
            each <= 200,
        )
        .figure(
            format!("{idle} publishes in 10 s with {SOCKETS} idle sockets, {quiet} without"),
            idle <= quiet + 2,
        )
        .figure(
            format!(
                "a join and leave {} ns with a rule, {} ns without",
                joined.with_a_rule, joined.without
            ),
            joined.with_a_rule <= 5_000,
        );

    let mut watchers = Vec::new();
    for (number, node) in [&first, &second].into_iter().enumerate() {
        watchers.push(Watcher::open(node.address, number).await?);
    }
    sleep(Duration::from_secs(2)).await;
    watchers.iter_mut().for_each(Watcher::drain);
    first.rename(10_000, 10).await?;
    let mut line = line;
    for (watcher, which) in watchers.iter_mut().zip(["a", "another"]) {
        let frames = watcher.drain_count();
        line = line.figure(
            format!("10 000 joins/s for 10 s: {frames} frames for a watcher of {which} node"),
            (5..=11).contains(&frames),
        );
    }
    Ok(line)
}

/// Waits until a node knows so many members.
async fn known(node: &mut Server, members: usize) -> Result<()> {
    let all = |figures: &crate::server::Figures| figures.members == members;
    let figures = node.until(PATIENCE, all).await?;
    let seen = figures.members;
    (seen == members)
        .then_some(())
        .ok_or_else(|| format!("a node knows {seen} of {members} members").into())
}

/// A socket that is told of the lobby, and the frames that it got, each with its time.
struct Watcher {
    frames: mpsc::Receiver<(u64, serde_json::Value)>,
    _reader: JoinSet<Result<()>>,
}

/// Users, with the milliseconds after which each was told of.
type Seen = BTreeMap<String, Vec<u64>>;

impl Watcher {
    async fn open(address: std::net::SocketAddr, number: usize) -> Result<Self> {
        let query = format!("userId=watcher{number}&groupId=lobby&presence=lobby");
        let mut client = Client::open(address, &query).await?;
        let (sender, mut frames) = mpsc::channel(1 << 12);
        let mut reader: JoinSet<Result<()>> = JoinSet::new();
        reader.spawn(async move {
            loop {
                if let Message::Text(text) = client.next().await? {
                    sender.send((now(), serde_json::from_str(&text)?)).await?;
                }
            }
        });
        let first = timeout(PATIENCE, frames.recv()).await?;
        let (_, frame): (u64, serde_json::Value) = first.ok_or("a watcher is told nothing")?;
        if frame["reset"] != true {
            return Err(format!("the first frame is not the whole list: {frame}").into());
        }
        Ok(Self {
            frames,
            _reader: reader,
        })
    }

    fn drain(&mut self) {
        self.drain_count();
    }

    fn drain_count(&mut self) -> usize {
        let mut count = 0;
        while self.frames.try_recv().is_ok() {
            count += 1;
        }
        count
    }

    /// Who has joined and who has left since a moment.
    fn seen(&mut self, since: u64) -> (Seen, Seen) {
        let (mut joined, mut left) = (Seen::new(), Seen::new());
        while let Ok((at, frame)) = self.frames.try_recv() {
            for (list, key) in [(&mut joined, "joined"), (&mut left, "left")] {
                for user in frame[key].as_array().into_iter().flatten() {
                    let name = user["userId"].as_str().unwrap_or_default().to_owned();
                    list.entry(name).or_default().push(at.saturating_sub(since));
                }
            }
        }
        (joined, left)
    }
}

fn options(broker: &Broker) -> [String; 3] {
    let [kind, url] = broker.options(broker.address());
    [kind, url, "--presence".to_owned()]
}

const PATIENCE: Duration = Duration::from_secs(60);
