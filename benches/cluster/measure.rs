//! What is measured, and the tables of it.

use std::time::Duration;

use tokio::{
    task::block_in_place,
    time::{Instant, sleep},
};

use crate::{
    Options, Result,
    broker::Broker,
    client::Sockets,
    figures::{median, percentile},
    groups,
    node::{Order, Server},
    pipe::Took,
    process::Process,
};

pub(crate) async fn run(options: &Options) -> Result<()> {
    if options.groups {
        return groups::run(options.rounds, options.broadcasts).await;
    }
    pipes().await?;
    if options.pipes {
        return Ok(());
    }
    println!(
        "\n{} sockets over all nodes, 128 bytes, one node publishes. Latency at {} broadcasts/s.\n",
        options.sockets, options.rate
    );
    println!(
        "| | nodes | deliveries/s | p50, p99 here | p50, p99 on the next node | bytes through the broker per broadcast |"
    );
    println!("|---|---|---|---|---|---|");
    for (name, server, nodes, broker) in CASES {
        let mut rounds = Vec::new();
        for _ in 0..options.rounds {
            rounds.push(round(options, server, nodes, broker()).await?);
        }
        let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        let there = match nodes {
            1 => "–".to_owned(),
            _ => format!(
                "{:.2}, {:.2} ms",
                of(|round| round.there.0),
                of(|round| round.there.1)
            ),
        };
        println!(
            "| {name} | {nodes} | {:.0} | {:.2}, {:.2} ms | {there} | {:.0} |",
            of(|round| round.deliveries),
            of(|round| round.here.0),
            of(|round| round.here.1),
            of(|round| round.bytes),
        );
    }
    println!("\n20 broadcasts while the broker is dead, to the publishing node's own sockets:\n");
    for (name, server, broker) in [
        ("hub on Redis", Server::Hub, Broker::redis as fn() -> Broker),
        ("hub on NATS", Server::Hub, Broker::nats),
        ("socketioxide on Redis", Server::SocketIo, Broker::redis),
    ] {
        println!("- {name}: {}", outage(options, server, broker()).await?);
    }
    groups::run(options.rounds, options.broadcasts).await
}

type Case = (&'static str, Server, usize, fn() -> Broker);

const CASES: [Case; 9] = [
    ("hub alone", Server::Hub, 1, || Broker::None),
    ("hub on Redis", Server::Hub, 1, Broker::redis),
    ("hub on Redis", Server::Hub, 2, Broker::redis),
    ("hub on Redis", Server::Hub, 4, Broker::redis),
    ("hub on NATS", Server::Hub, 1, Broker::nats),
    ("hub on NATS", Server::Hub, 2, Broker::nats),
    ("hub on NATS", Server::Hub, 4, Broker::nats),
    ("socketioxide on Redis", Server::SocketIo, 2, Broker::redis),
    ("socketioxide on Redis", Server::SocketIo, 4, Broker::redis),
];

/// The figures of one round; p50 and p99 in milliseconds.
struct Round {
    deliveries: f64,
    here: (f64, f64),
    there: (f64, f64),
    bytes: f64,
}

/// Nodes with their sockets.
struct Cluster {
    nodes: Vec<Process>,
    sockets: Vec<Sockets>,
}

impl Cluster {
    async fn start(server: Server, count: usize, sockets: usize, broker: &Broker) -> Result<Self> {
        let role = match server {
            Server::Hub => "hub",
            Server::SocketIo => "socket-io",
        };
        let mut cluster = Self {
            nodes: Vec::new(),
            sockets: Vec::new(),
        };
        let mut ports = Vec::new();
        for _ in 0..count {
            let mut node = Process::start(&["node", role, &broker.url()])?;
            ports.push(node.answer().await?);
            cluster.nodes.push(node);
        }
        if !matches!(broker, Broker::None) {
            for node in &mut cluster.nodes {
                node.ask::<usize>(&Order::Meet(count)).await?;
            }
        }
        for port in ports {
            let sockets = Sockets::open(server, port, sockets / count).await?;
            cluster.sockets.push(sockets);
        }
        Ok(cluster)
    }

    async fn publish(&mut self, order: Order) -> Result<usize> {
        self.nodes[0].ask(&order).await
    }
}

async fn round(options: &Options, server: Server, nodes: usize, broker: Broker) -> Result<Round> {
    let mut cluster = Cluster::start(server, nodes, options.sockets, &broker).await?;
    let count = options.broadcasts;
    let warm_up = Order::Burst {
        count: count / 10,
        window: WINDOW,
    };
    cluster.publish(warm_up).await?;
    for sockets in &cluster.sockets {
        sockets.all(count / 10, PATIENCE).await;
    }
    let before = block_in_place(|| broker.bytes())?;
    let begin = Instant::now();
    let burst = Order::Burst {
        count,
        window: WINDOW,
    };
    cluster.publish(burst).await?;
    let mut seen = 0;
    for sockets in &cluster.sockets {
        seen += sockets.all(count, PATIENCE).await.len();
    }
    let deliveries = seen as f64 / begin.elapsed().as_secs_f64();
    let expected = count * (options.sockets / nodes) * nodes;
    if seen != expected {
        eprintln!("cluster: {seen} of {expected} deliveries");
    }
    let bytes = (block_in_place(|| broker.bytes())? - before) as f64 / count as f64;

    let pace = Order::Pace {
        rate: options.rate,
        seconds: SECONDS,
    };
    cluster.publish(pace).await?;
    let paced = usize::try_from(options.rate * SECONDS)?;
    let mut latencies = Vec::new();
    for sockets in &cluster.sockets {
        let seen = sockets.all(paced, PATIENCE).await;
        let of = |percent| percentile(&seen, percent) as f64 / 1_000.0;
        latencies.push((of(50), of(99)));
    }
    Ok(Round {
        deliveries,
        here: latencies[0],
        there: latencies.get(1).copied().unwrap_or((f64::NAN, f64::NAN)),
        bytes,
    })
}

/// What the publishing node's own sockets get without the broker.
async fn outage(options: &Options, server: Server, mut broker: Broker) -> Result<String> {
    let mut cluster = Cluster::start(server, 2, options.sockets, &broker).await?;
    block_in_place(|| broker.kill());
    sleep(Duration::from_millis(500)).await;
    let burst = Order::Burst {
        count: 20,
        window: 1,
    };
    let published = tokio::time::timeout(Duration::from_secs(30), cluster.publish(burst)).await;
    let all = 20 * (options.sockets / 2);
    let seen = cluster.sockets[0].all(20, Duration::from_secs(2)).await;
    let failed = match published {
        Ok(failed) => format!("{} of 20 calls say so", failed?),
        Err(_) => "the calls did not return within 30 s".to_owned(),
    };
    let longest = seen.last().copied().unwrap_or_default() as f64 / 1_000.0;
    Ok(format!(
        "{} of {all} deliveries, the slowest after {longest:.1} ms; {failed}",
        seen.len()
    ))
}

/// Loops without sockets, in turns.
async fn pipes() -> Result<()> {
    const ROUNDS: usize = 5;
    const COUNT: &str = "320000";

    println!(
        "Messages through one Redis, by loops without sockets; medians of {ROUNDS} rounds in turns:\n"
    );
    println!("| pipeline of | redis-rs alone | a link | a hub |\n|---|---|---|---|");
    let broker = Broker::redis();
    for size in ["32", "512"] {
        let mut rounds: [Vec<Took>; 3] = Default::default();
        for _ in 0..ROUNDS {
            for (kind, rounds) in ["bare", "link", "hub"].into_iter().zip(&mut rounds) {
                let mut pipe = Process::start(&["pipe", kind, &broker.url(), size, COUNT])?;
                rounds.push(pipe.answer().await?);
            }
        }
        let count: f64 = COUNT.parse()?;
        let bare = &rounds[0];
        let cells = rounds.iter().map(|rounds| {
            let pairs = || rounds.iter().zip(bare);
            let rate = median(rounds.iter().map(|took| count / took.seconds).collect());
            let speed = median(
                pairs()
                    .map(|(it, bare)| bare.seconds / it.seconds)
                    .collect(),
            );
            let cpu = median(rounds.iter().map(|took| took.cpu).collect());
            let cost = median(pairs().map(|(it, bare)| it.cpu / bare.cpu).collect());
            format!("{rate:.0}/s ({speed:.2} ×), {cpu:.2} µs ({cost:.2} ×)")
        });
        let cells: Vec<_> = cells.collect();
        println!("| {size} | {} |", cells.join(" | "));
    }
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        costs.push(listener(&broker, COUNT).await?);
    }
    println!(
        "\nA node without sockets spends {:.2} µs on each message that it hears.",
        median(costs)
    );
    Ok(())
}

/// Returns the CPU time that another node spends on each message of a hub, in microseconds.
async fn listener(broker: &Broker, count: &str) -> Result<f64> {
    let mut node = Process::start(&["node", "hub", &broker.url()])?;
    node.answer::<u16>().await?;
    node.ask::<usize>(&Order::Meet(1)).await?;
    let before = node.cpu()?;
    let mut pipe = Process::start(&["pipe", "hub", &broker.url(), "512", count])?;
    pipe.answer::<Took>().await?;
    sleep(Duration::from_millis(500)).await;
    Ok((node.cpu()? - before).as_secs_f64() * 1e6 / count.parse::<f64>()?)
}

/// How many broadcasts wait for their confirmation.
const WINDOW: usize = 512;
const SECONDS: u64 = 5;
const PATIENCE: Duration = Duration::from_secs(5);
