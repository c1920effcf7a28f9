//! Clients that come and go while nodes and the store of their streams die.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use brokers::{Nats, Redis};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    sync::watch,
    task::{JoinHandle, block_in_place},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_tungstenite::tungstenite::Message;
use web_connection_socket::SocketMessage;

use super::load::broadcaster;
use crate::{Result, client::Client, line::Line, server::Server};

/// Each client's log is what was published, or it says where something is missing.
pub(super) async fn while_the_store_dies() -> Result<Line> {
    let redis = Broker::Redis(block_in_place(Redis::start));
    let nats = ["--jetstream", "--store_dir", "jetstream"];
    let nats = Broker::Nats(block_in_place(|| Nats::with(&nats)));
    Ok(with(redis).await?.and(with(nats).await?))
}

async fn with(mut broker: Broker) -> Result<Line> {
    let options = broker.options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let mut servers = Vec::new();
    for _ in 0..NODES {
        servers.push(Server::with(&options).await?);
    }
    let site = Arc::new(Site {
        nodes: Mutex::new(servers.iter().map(|server| server.address).collect()),
        published: Mutex::default(),
    });
    sleep(Duration::from_secs(3)).await;
    let (stop, stopped) = watch::channel(false);
    let clients: Vec<JoinHandle<Result<Log>>> = (0..CLIENTS)
        .map(|number| crate::spawn(visit(site.clone(), number, stopped.clone())))
        .collect();
    let publishers: Vec<JoinHandle<Result<()>>> = (0..PUBLISHERS)
        .map(|number| crate::spawn(publish(site.clone(), number, stopped.clone())))
        .collect();

    for round in 0..ROUNDS {
        sleep(Duration::from_secs(4)).await;
        match round % 4 {
            // What it had is gone: it keeps nothing on disk.
            0 => {
                block_in_place(|| broker.kill());
                sleep(Duration::from_millis(700)).await;
                block_in_place(|| broker.start_again());
            }
            1 => block_in_place(|| broker.empty()),
            2 => {
                // Killed while it publishes.
                let last = servers.pop().ok_or("there are nodes")?;
                drop(last);
                sleep(Duration::from_secs(1)).await;
                servers.push(Server::with(&options).await?);
                site.nodes.lock()[NODES - 1] = servers[NODES - 1].address;
            }
            _ => {
                broker.freeze();
                sleep(Duration::from_secs(3)).await;
                broker.thaw();
            }
        }
    }
    sleep(Duration::from_secs(10)).await;
    // The publishers first: what they say last is to be had by all.
    stop.send_replace(true);
    for publisher in publishers {
        publisher.await??;
    }
    let mut totals = Totals::default();
    let published = site.published.lock().clone();
    for client in clients {
        client.await??.judge(&published, &mut totals);
    }
    let line = Line::new().remark(broker.name());
    Ok(line.and(totals.line(published.len())))
}

/// A broker that is the store as well, and keeps nothing when it is killed.
enum Broker {
    Redis(Redis),
    Nats(Nats),
}

impl Broker {
    fn name(&self) -> &'static str {
        match self {
            Self::Redis(_) => "Redis",
            Self::Nats(_) => "NATS with JetStream",
        }
    }

    /// What makes a server a node on it.
    fn options(&self) -> [String; 4] {
        let (kind, url) = match self {
            Self::Redis(redis) => ("--redis", redis.url()),
            Self::Nats(nats) => ("--nats", nats.url()),
        };
        [kind.into(), url.clone(), "--history-store".into(), url]
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

    fn empty(&mut self) {
        match self {
            Self::Redis(redis) => _ = redis.cli(&["FLUSHALL"]),
            Self::Nats(nats) => {
                nats.kill();
                nats.start_again();
            }
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

/// Where the nodes are now, and what they have taken.
struct Site {
    nodes: Mutex<Vec<SocketAddr>>,
    /// By publisher and number.
    published: Mutex<BTreeSet<(usize, u64)>>,
}

impl Site {
    fn node(&self, number: usize) -> SocketAddr {
        let nodes = self.nodes.lock();
        nodes[number % nodes.len()]
    }
}

/// Publishes numbered messages, twenty a second, on one node.
async fn publish(site: Arc<Site>, publisher: usize, stopped: watch::Receiver<bool>) -> Result<()> {
    let mut number = 0;
    while !*stopped.borrow() {
        number += 1;
        let text = format!("{publisher} {number}");
        let message = SocketMessage::new("news").text(text).to_group("lobby");
        let sent = broadcaster(site.node(publisher))?;
        // What a node did not confirm before it died may have been published, or not.
        if sent.broadcast(&message).await.is_ok() {
            site.published.lock().insert((publisher, number));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// What a client has got, in order.
#[derive(Default)]
struct Log {
    events: Vec<Event>,
    resumes: usize,
    recovered: usize,
}

/// Something that a client was sent, and when.
struct Event {
    at: Instant,
    what: What,
}

enum What {
    /// A message of a publisher, and whether its position is void.
    Message(usize, u64, bool),
    /// It is told that it may lack something before what comes now.
    Gap,
}

/// Opens sockets at one node after another, each for a while, and goes on where it was.
async fn visit(site: Arc<Site>, client: usize, stopped: watch::Receiver<bool>) -> Result<Log> {
    let mut log = Log::default();
    let mut position: Option<String> = None;
    let mut random = (client as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |limit: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random >> 20) % limit
    };
    loop {
        let is_last = *stopped.borrow();
        let node = site.node(below(NODES as u64) as usize);
        let from = position.iter().map(|it| format!("&position={it}"));
        let from: String = from.collect();
        let query = format!("userId=client{client}&groupId=lobby&resume=1{from}");
        let opened = timeout(PATIENCE, Client::open(node, &query)).await;
        let Ok(Ok(mut socket)) = opened else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        // The last visit waits until nothing more comes.
        let stay = if is_last { 8_000 } else { 300 + below(2_500) };
        let until = Instant::now() + Duration::from_millis(stay);
        let mut is_told = false;
        while let Ok(Ok(frame)) = timeout_at(until, socket.next()).await {
            let Message::Text(text) = frame else {
                break;
            };
            let frame: Value = serde_json::from_str(&text)?;
            if frame["action"] == "__resumed" {
                log.resumed(&frame["streams"]["lobby"], &mut position, &mut is_told)?;
            } else {
                log.message(&frame, &mut position)?;
            }
        }
        log.resumes += usize::from(is_told);
        if is_last && is_told {
            return Ok(log);
        }
        // Some reset their connections, others say goodbye.
        if below(2) == 0 {
            drop(socket);
        } else {
            socket.reset()?;
        }
        sleep(Duration::from_millis(below(600))).await;
    }
}

impl Log {
    fn resumed(
        &mut self,
        lobby: &Value,
        position: &mut Option<String>,
        is_told: &mut bool,
    ) -> Result<()> {
        let is_first = position.is_none() && !*is_told;
        *is_told = true;
        let is_recovered = lobby["recovered"].as_bool().ok_or("it says so")?;
        self.recovered += usize::from(is_recovered && !is_first);
        if !is_recovered || is_first {
            self.push(What::Gap);
        }
        // What was missed is still to come, with positions of its own.
        if !is_recovered || lobby["missed"] == 0 {
            *position = lobby["position"].as_str().map(str::to_owned);
        }
        Ok(())
    }

    fn message(&mut self, frame: &Value, position: &mut Option<String>) -> Result<()> {
        let text = frame["message"].as_str().ok_or("a text")?;
        let (publisher, number) = text.split_once(' ').ok_or("two numbers")?;
        let at = frame["__position"].as_str().ok_or("a position")?;
        let is_void = at.split('.').nth(1) == Some("0");
        let (publisher, number) = (publisher.parse()?, number.parse()?);
        self.push(What::Message(publisher, number, is_void));
        *position = Some(at.to_owned());
        Ok(())
    }

    fn push(&mut self, what: What) {
        let at = Instant::now();
        self.events.push(Event { at, what });
    }

    /// Compares what came between two gaps with what was published.
    fn judge(self, published: &BTreeSet<(usize, u64)>, totals: &mut Totals) {
        totals.resumes += self.resumes;
        totals.recovered += self.recovered;
        let mut since_gap = Segment::default();
        for Event { at, what } in self.events {
            match what {
                What::Gap => {
                    totals.gaps += 1;
                    std::mem::take(&mut since_gap).judge(published, Some(at), totals);
                }
                What::Message(publisher, number, is_void) => {
                    totals.messages += 1;
                    totals.void += usize::from(is_void);
                    since_gap.take(publisher, number, is_void, at, totals);
                }
            }
        }
        since_gap.judge(published, None, totals);
    }
}

/// What came between two gaps, by publisher.
#[derive(Default)]
struct Segment(BTreeMap<usize, Came>);

#[derive(Default)]
struct Came {
    /// The first one with a place in the stream: what was published after it has to come.
    first: Option<u64>,
    /// The last one with a place.
    last: u64,
    all: BTreeMap<u64, Instant>,
}

impl Segment {
    fn take(
        &mut self,
        publisher: usize,
        number: u64,
        is_void: bool,
        at: Instant,
        totals: &mut Totals,
    ) {
        let came = self.0.entry(publisher).or_default();
        totals.doubled += usize::from(came.all.insert(number, at).is_some());
        // Without a place a message has no order on other nodes.
        if !is_void {
            totals.reordered += usize::from(number < came.last);
            came.last = number.max(came.last);
            came.first.get_or_insert(number);
        }
    }

    fn judge(self, published: &BTreeSet<(usize, u64)>, gap: Option<Instant>, totals: &mut Totals) {
        for (publisher, came) in self.0 {
            let Some(first) = came.first else {
                continue;
            };
            let after = published.range((publisher, first + 1)..=(publisher, u64::MAX));
            for (_, number) in after.filter(|(_, number)| !came.all.contains_key(number)) {
                let mut later = came.all.range(number + 1..).map(|(_, at)| *at);
                let is_told = match (later.next(), gap) {
                    // What came before it was told.
                    (Some(shown), Some(gap)) => gap < shown + TOLD,
                    (None, Some(_)) => true,
                    // The last visit waited until nothing more came.
                    (_, None) => false,
                };
                totals.missing += usize::from(!is_told);
            }
        }
    }
}

#[derive(Default)]
struct Totals {
    messages: usize,
    void: usize,
    resumes: usize,
    recovered: usize,
    gaps: usize,
    missing: usize,
    doubled: usize,
    reordered: usize,
}

impl Totals {
    fn line(self, published: usize) -> Line {
        let Self {
            messages,
            void,
            resumes,
            recovered,
            gaps,
            missing,
            doubled,
            reordered,
        } = self;
        Line::new()
            .figure(
                format!("{published} published, {messages} received in {resumes} visits, {void} with a void position"),
                published > 1_000 && messages > 10 * published / 2,
            )
            .figure(
                format!("{recovered} of them went on where they were, {gaps} gaps told"),
                recovered > resumes / 4,
            )
            .figure(format!("{missing} missing without one"), missing == 0)
            .figure(format!("{doubled} doubled"), doubled == 0)
            .figure(format!("{reordered} reordered"), reordered == 0)
    }
}

const NODES: usize = 3;
const CLIENTS: usize = 24;
const PUBLISHERS: usize = 8;
const ROUNDS: usize = 8;

/// How long a client waits for a node that may be dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after something that is missing a client may be told.
const TOLD: Duration = Duration::from_secs(15);
