//! Several nodes and what becomes of their broker.

use std::time::Duration;

use brokers::{Nats, Redis};
use tokio::{
    sync::mpsc,
    task::{JoinSet, block_in_place},
    time::{Instant, interval, sleep, timeout},
};
use web_connection_socket::{Broadcaster, Forwarded, SocketMessage};

use super::load::broadcaster;
use crate::{
    Result,
    client::Client,
    gate::{Gate, State},
    line::Line,
    server::{Figures, Server, Told, What, now},
};

/// Local sockets while the broker is killed and started again, beside the same without a backplane.
pub(super) async fn while_the_broker_dies() -> Result<Line> {
    let mut line = Line::new();
    for broker in [Broker::redis(), Broker::nats()] {
        line = line.and(killed(broker).await?);
    }
    Ok(line)
}

async fn killed(mut broker: Broker) -> Result<Line> {
    const ROUNDS: usize = 5;

    let mut alone = Local::open(&[]).await?;
    let options = broker.options(broker.address());
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let mut first = Local::open(&options).await?;
    let mut second = Node::open(&options).await?;
    second.knows(2).await?;
    let (mut ratios, mut back, mut claimed) = (Vec::new(), Vec::new(), 0);
    for _ in 0..ROUNDS {
        let without = alone.p99(None).await?;
        let kills = Kills::new(&mut broker, &mut second.server);
        let with = first.p99(Some(kills)).await?;
        ratios.push((with.p99 as f64 / without.p99 as f64, without.p99, with.p99));
        back.extend(with.back);
        claimed += with.claimed;
    }
    ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, without, with) = ratios[ROUNDS / 2];
    let slowest = back.iter().max().copied().unwrap_or_default();
    let name = broker.name();
    let published = first.published;
    let figures = second.accounts_for(published).await?;
    let cluster = figures.cluster.unwrap_or_default();
    Ok(Line::new()
        .figure(
            format!("{name}: {ratio:.2} × ({without} µs without, {with} µs with)"),
            ratio <= 1.2,
        )
        .figure(format!("{} lost locally", first.lost), first.lost == 0)
        .figure(
            format!("{} kills, resubscribed within {slowest} ms", back.len()),
            back.len() == 20 && slowest <= 2_000,
        )
        .figure(
            format!("{claimed} publishes meanwhile called forwarded"),
            claimed == 0,
        )
        .figure(
            format!(
                "elsewhere {} came + {} reported missing = {published}",
                cluster.received, cluster.missing
            ),
            cluster.received + cluster.missing == published,
        ))
}

/// A server with readers of its own, whose latency is measured.
struct Local {
    server: Server,
    broadcaster: Broadcaster,
    seen: mpsc::Receiver<u64>,
    readers: JoinSet<Result<()>>,
    published: u64,
    lost: usize,
}

/// What was measured in one round.
struct Round {
    /// In microseconds.
    p99: u64,
    /// After each kill: milliseconds from the broker's return to the links'.
    back: Vec<u64>,
    /// Broadcasts without a broker whose report says that they were forwarded.
    claimed: usize,
}

impl Local {
    const READERS: usize = 200;
    const BROADCASTS: u64 = 250;

    async fn open(options: &[&str]) -> Result<Self> {
        let server = Server::with(options).await?;
        let (times, seen) = mpsc::channel(1 << 20);
        let mut readers: JoinSet<Result<()>> = JoinSet::new();
        for mut client in Client::open_many(server.address, "reader", Self::READERS).await? {
            let times = times.clone();
            readers.spawn(async move {
                loop {
                    let sent: u64 = client.message().await?.message.trim_end().parse()?;
                    times.send(micros().saturating_sub(sent)).await?;
                }
            });
        }
        Ok(Self {
            broadcaster: broadcaster(server.address)?,
            server,
            seen,
            readers,
            published: 0,
            lost: 0,
        })
    }

    /// Publishes for 10 s, with kills of the broker meanwhile.
    async fn p99(&mut self, kills: Option<Kills<'_>>) -> Result<Round> {
        let (is_down, heard) = tokio::sync::watch::channel(false);
        let broadcaster = self.broadcaster.clone();
        let publish = async {
            let mut ticks = interval(Duration::from_millis(40));
            let mut claimed = 0;
            for _ in 0..Self::BROADCASTS {
                ticks.tick().await;
                let was_down = *heard.borrow();
                let text = format!("{}{}", micros(), " ".repeat(1_024));
                let message = SocketMessage::new("news").text(text);
                let report = broadcaster.broadcast(&message).await?;
                let forwarded = report.forwarded().await;
                // The broker was away before and after.
                let is_claimed = was_down && *heard.borrow() && forwarded == Forwarded::Yes;
                claimed += usize::from(is_claimed);
            }
            Result::Ok(claimed)
        };
        let kill = async {
            match kills {
                Some(kills) => kills.go(&mut self.server, &is_down).await,
                None => Ok(Vec::new()),
            }
        };
        let (claimed, back) = tokio::join!(publish, kill);
        self.published += Self::BROADCASTS;
        let all = Self::BROADCASTS as usize * Self::READERS;
        let mut times = Vec::with_capacity(all);
        while times.len() < all {
            match timeout(Duration::from_secs(10), self.seen.recv()).await {
                Ok(Some(time)) => times.push(time),
                Ok(None) | Err(_) => break,
            }
        }
        self.lost += all - times.len();
        while let Some(ended) = self.readers.try_join_next() {
            ended??;
        }
        times.sort_unstable();
        let p99 = times.get(times.len() / 100 * 99).copied();
        Ok(Round {
            p99: p99.ok_or("no message came")?,
            back: back?,
            claimed: claimed?,
        })
    }
}

/// Four kills of the broker.
struct Kills<'a> {
    broker: &'a mut Broker,
    other: &'a mut Server,
}

impl<'a> Kills<'a> {
    fn new(broker: &'a mut Broker, other: &'a mut Server) -> Self {
        Self { broker, other }
    }

    async fn go(
        self,
        first: &mut Server,
        is_down: &tokio::sync::watch::Sender<bool>,
    ) -> Result<Vec<u64>> {
        let mut back = Vec::new();
        for _ in 0..4 {
            sleep(Duration::from_millis(700)).await;
            block_in_place(|| self.broker.kill());
            // What was on its way when it died may have been forwarded.
            sleep(Duration::from_millis(100)).await;
            is_down.send_replace(true);
            sleep(Duration::from_millis(400)).await;
            is_down.send_replace(false);
            block_in_place(|| self.broker.start_again());
            let returned = Instant::now();
            for server in [&mut *first, &mut *self.other] {
                connected(server).await?;
            }
            back.push(u64::try_from(returned.elapsed().as_millis())?);
        }
        Ok(back)
    }
}

/// What is lost between two nodes in each kind of failure, and what is reported of it.
pub(super) async fn gaps() -> Result<Line> {
    let mut line = Line::new();
    for broker in [Broker::redis(), Broker::nats()] {
        line = line.and(failures(broker).await?);
    }
    Ok(line)
}

async fn failures(mut broker: Broker) -> Result<Line> {
    let gate = Gate::start(broker.address()).await;
    let straight = broker.options(broker.address());
    let straight: Vec<_> = straight.iter().map(String::as_str).collect();
    let gated = broker.options(gate.address());
    let gated: Vec<_> = gated.iter().map(String::as_str).collect();
    let mut first = Node::open(&straight).await?;
    let mut second = Node::open(&gated).await?;
    second.knows(2).await?;
    first.knows(2).await?;
    let mut line = Line::new().remark(broker.name());

    for _ in 0..5 {
        let failure = Failure::begin(&mut first, &mut second).await?;
        block_in_place(|| broker.kill());
        sleep(Duration::from_millis(500)).await;
        block_in_place(|| broker.start_again());
        line = line.and(failure.end("kill", None, &mut first, &mut second).await?);
    }

    let failure = Failure::begin(&mut first, &mut second).await?;
    broker.freeze();
    sleep(Duration::from_secs(20)).await;
    broker.thaw();
    let limit = Some(6_500);
    line = line.and(
        failure
            .end("freeze of 20 s", limit, &mut first, &mut second)
            .await?,
    );

    for (name, state) in [("deaf", State::Deaf), ("mute", State::Mute)] {
        let failure = Failure::begin(&mut first, &mut second).await?;
        gate.set(state);
        sleep(Duration::from_secs(9)).await;
        gate.set(State::Open);
        line = line.and(failure.end(name, limit, &mut first, &mut second).await?);
    }

    if let Broker::Redis(redis) = &broker {
        let failure = Failure::begin(&mut first, &mut second).await?;
        let killed = redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        line = line.figure(
            format!("{} subscribers killed", killed.trim()),
            killed.trim() == "2",
        );
        line = line.and(
            failure
                .end("CLIENT KILL", None, &mut first, &mut second)
                .await?,
        );
    }

    let died = now();
    drop(first);
    let figures = second.until(|_, told| told.iter().any(|told| told.what == What::Gone));
    let figures = figures.await?;
    let gone = figures.told.iter().find(|told| told.what == What::Gone);
    let after = gone.ok_or("a node that died was not missed")?.at - died;
    Ok(line.figure(format!("gone noticed after {after} ms"), after <= 7_500))
}

/// Messages that are published while something fails.
struct Failure {
    begun: u64,
    received: u64,
    missing: u64,
    publishing: tokio::task::JoinHandle<Result<u64>>,
    stop: tokio::sync::oneshot::Sender<()>,
}

impl Failure {
    /// Publishes a hundred messages a second on a node until the failure is over.
    async fn begin(first: &mut Node, second: &mut Node) -> Result<Self> {
        let cluster = second.server.figures().await?.cluster.unwrap_or_default();
        // What was told before is of no interest.
        first.server.figures().await?;
        let broadcaster = broadcaster(first.server.address)?;
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let publishing = crate::spawn(async move {
            let mut ticks = interval(Duration::from_millis(10));
            let mut count = 0;
            while stopped.try_recv().is_err() {
                ticks.tick().await;
                let message = SocketMessage::new("news").text(count.to_string());
                broadcaster.broadcast(&message).await?;
                count += 1;
            }
            Ok(count)
        });
        sleep(Duration::from_millis(300)).await;
        Ok(Self {
            begun: now(),
            received: cluster.received,
            missing: cluster.missing,
            publishing,
            stop,
        })
    }

    /// Waits until both nodes have links, and compares what came and what is reported with what was
    /// published.
    async fn end(
        self,
        name: &str,
        deaf_within: Option<u64>,
        first: &mut Node,
        second: &mut Node,
    ) -> Result<Line> {
        let mut told = Vec::new();
        for node in [&mut *first, &mut *second] {
            connected_with(&mut node.server, &mut told).await?;
        }
        let linked = now();
        sleep(Duration::from_millis(300)).await;
        _ = self.stop.send(());
        let published = self.publishing.await??;
        let (received, missing) = (self.received, self.missing);
        let figures = second
            .until(|figures, _| {
                let cluster = figures.cluster.clone().unwrap_or_default();
                cluster.received - received + cluster.missing - missing >= published
            })
            .await?;
        told.extend(figures.told);
        let cluster = figures.cluster.unwrap_or_default();
        let (came, missed) = (cluster.received - received, cluster.missing - missing);
        let last_gap = told.iter().filter(|told| matches!(told.what, What::Gap(_)));
        let last_gap = last_gap.map(|told| told.at.saturating_sub(linked)).max();
        let seen = second.drain().await?;
        let mut line = Line::new()
            .figure(
                format!("{name}: {came} came + {missed} reported = {published} published"),
                came + missed == published && seen == came,
            )
            .figure(
                format!(
                    "reported {} ms after both links",
                    last_gap.unwrap_or_default()
                ),
                last_gap.unwrap_or_default() <= 6_000,
            );
        if let Some(limit) = deaf_within {
            let noticed = told
                .iter()
                .find(|told| matches!(told.what, What::Deaf | What::Down));
            let after = noticed.ok_or("the failure was not noticed")?.at - self.begun;
            line = line.figure(format!("noticed after {after} ms"), after <= limit);
        }
        Ok(line)
    }
}

/// A node with one reader that counts.
struct Node {
    server: Server,
    seen: mpsc::UnboundedReceiver<()>,
    _reader: JoinSet<Result<()>>,
}

impl Node {
    async fn open(options: &[&str]) -> Result<Self> {
        let server = Server::with(options).await?;
        let mut client = Client::open(server.address, "userId=reader").await?;
        #[expect(clippy::disallowed_methods, reason = "it holds units")]
        let (sender, seen) = mpsc::unbounded_channel();
        let mut reader: JoinSet<Result<()>> = JoinSet::new();
        reader.spawn(async move {
            loop {
                client.message().await?;
                sender.send(())?;
            }
        });
        Ok(Self {
            server,
            seen,
            _reader: reader,
        })
    }

    async fn knows(&mut self, nodes: usize) -> Result<()> {
        let all = |figures: &Figures| figures.cluster.as_ref().is_some_and(|it| it.nodes == nodes);
        let figures = self.server.until(PATIENCE, all).await?;
        all(&figures)
            .then_some(())
            .ok_or_else(|| "the nodes do not meet".into())
    }

    async fn until(&mut self, is_so: impl Fn(&Figures, &[Told]) -> bool) -> Result<Figures> {
        self.server
            .until(PATIENCE, |figures| is_so(figures, &figures.told))
            .await
    }

    /// Waits until all messages of the other node have come or are reported.
    async fn accounts_for(&mut self, published: u64) -> Result<Figures> {
        self.until(|figures, _| {
            let cluster = figures.cluster.clone().unwrap_or_default();
            cluster.received + cluster.missing >= published
        })
        .await
    }

    /// How many messages the reader has seen since it was asked last, once no more come.
    async fn drain(&mut self) -> Result<u64> {
        let mut count = 0;
        while let Ok(seen) = timeout(Duration::from_millis(500), self.seen.recv()).await {
            seen.ok_or("the reader was cut")?;
            count += 1;
        }
        Ok(count)
    }
}

async fn connected(server: &mut Server) -> Result<()> {
    connected_with(server, &mut Vec::new()).await
}

async fn connected_with(server: &mut Server, told: &mut Vec<Told>) -> Result<()> {
    let linked = |figures: &Figures| figures.cluster.as_ref().is_some_and(|it| it.connected);
    let figures = server.until(PATIENCE, linked).await?;
    let is_linked = linked(&figures);
    told.extend(figures.told);
    is_linked
        .then_some(())
        .ok_or_else(|| "a node finds no link".into())
}

pub(super) enum Broker {
    Redis(Redis),
    Nats(Nats),
}

impl Broker {
    pub(super) fn redis() -> Self {
        Self::Redis(block_in_place(Redis::start))
    }

    pub(super) fn nats() -> Self {
        Self::Nats(block_in_place(Nats::start))
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Redis(_) => "Redis",
            Self::Nats(_) => "NATS",
        }
    }

    pub(super) fn address(&self) -> std::net::SocketAddr {
        match self {
            Self::Redis(redis) => redis.address(),
            Self::Nats(nats) => nats.address(),
        }
    }

    /// What makes a server a node on it, by way of an address.
    pub(super) fn options(&self, address: std::net::SocketAddr) -> [String; 2] {
        match self {
            Self::Redis(_) => ["--redis".into(), format!("redis://{address}")],
            Self::Nats(_) => ["--nats".into(), format!("nats://{address}")],
        }
    }

    /// How many messages are published meanwhile, by the broker's own count.
    pub(super) async fn published_in(&self, time: Duration) -> Result<u64> {
        let Self::Redis(redis) = self else {
            return Err("only Redis counts them".into());
        };
        let count = || {
            let stats = block_in_place(|| redis.cli(&["INFO", "commandstats"]));
            let line = stats
                .lines()
                .find_map(|line| line.strip_prefix("cmdstat_publish:calls="));
            let count = line.and_then(|line| line.split(',').next());
            count.map_or(Ok(0), str::parse::<u64>)
        };
        let before = count()?;
        sleep(time).await;
        Ok(count()? - before)
    }

    fn kill(&mut self) {
        match self {
            Self::Redis(redis) => redis.kill(),
            Self::Nats(nats) => nats.kill(),
        }
    }

    fn start_again(&mut self) {
        match self {
            Self::Redis(redis) => redis.start_again(),
            Self::Nats(nats) => nats.start_again(),
        }
    }

    fn freeze(&self) {
        match self {
            Self::Redis(redis) => redis.freeze(),
            Self::Nats(nats) => nats.freeze(),
        }
    }

    fn thaw(&self) {
        match self {
            Self::Redis(redis) => redis.thaw(),
            Self::Nats(nats) => nats.thaw(),
        }
    }
}

fn micros() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
}

const PATIENCE: Duration = Duration::from_secs(60);
