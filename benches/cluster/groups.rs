//! What partitions are worth: messages to groups, each on its partition's topic, against one topic for all.

use std::time::Duration;

use tokio::{task::block_in_place, time::Instant};

use crate::{
    Result,
    broker::Broker,
    client::Sockets,
    figures::median,
    node::{Order, Server},
    process::Process,
};

/// Measures both ways in turns, on 2 and 4 nodes, with few and with many groups.
pub(crate) async fn run(rounds: usize, broadcasts: usize) -> Result<()> {
    println!(
        "\nMessages to groups, 128 bytes, one node publishes to each group in turn, 512 in flight, on Redis; \
         medians of {rounds} rounds in turns:\n"
    );
    println!(
        "| groups | sockets | nodes | by partition | on one topic | bytes through the broker: by partition, on one topic |"
    );
    println!("|---|---|---|---|---|---|");
    for (groups, sockets) in [(10, 10), (10_000, 200)] {
        for nodes in [2, 4] {
            let mut ways = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                for (is_one_topic, way) in [false, true].into_iter().zip(&mut ways) {
                    let setting = Setting {
                        groups,
                        sockets,
                        nodes,
                        is_one_topic,
                    };
                    way.push(setting.measure(broadcasts).await?);
                }
            }
            let [partitions, one] = ways.map(|way| {
                let of = |figure: fn(&Figures) -> f64| median(way.iter().map(figure).collect());
                (of(|figures| figures.rate), of(|figures| figures.bytes))
            });
            println!(
                "| {groups} | {sockets} | {nodes} | {:.0}/s | {:.0}/s | {:.0}, {:.0} |",
                partitions.0, one.0, partitions.1, one.1
            );
        }
    }
    Ok(())
}

struct Setting {
    groups: usize,
    sockets: usize,
    nodes: usize,
    is_one_topic: bool,
}

struct Figures {
    /// Messages a second until the last has reached its sockets.
    rate: f64,
    /// Through the broker for each message.
    bytes: f64,
}

impl Setting {
    async fn measure(&self, broadcasts: usize) -> Result<Figures> {
        let broker = Broker::redis();
        let mut nodes = Vec::new();
        let mut ports = Vec::new();
        for _ in 0..self.nodes {
            let mut node = Process::start(&["node", "hub", &broker.url()])?;
            ports.push(node.answer().await?);
            nodes.push(node);
        }
        for node in &mut nodes {
            node.ask::<usize>(&Order::Meet(self.nodes)).await?;
        }
        let mut sockets = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let own = (number..self.sockets).step_by(self.nodes);
            let queries: Vec<_> = own.map(|socket| self.query(socket)).collect();
            sockets.push(Sockets::open_with(Server::Hub, port, &queries).await?);
        }
        // Each group has one member, or each member one group.
        let deliveries = broadcasts * self.sockets.div_ceil(self.groups);
        let burst = Order::Groups {
            groups: self.groups,
            count: broadcasts,
            is_one_topic: self.is_one_topic,
        };
        let before = block_in_place(|| broker.bytes())?;
        let begin = Instant::now();
        nodes[0].ask::<usize>(&burst).await?;
        let mut seen = 0;
        while seen < deliveries && begin.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
            seen = sockets.iter().map(Sockets::seen).sum();
        }
        if seen != deliveries {
            eprintln!("cluster: {seen} of {deliveries} deliveries to groups");
        }
        let rate = broadcasts as f64 / begin.elapsed().as_secs_f64();
        let bytes = (block_in_place(|| broker.bytes())? - before) as f64 / broadcasts as f64;
        Ok(Figures { rate, bytes })
    }

    /// The groups of one socket.
    fn query(&self, socket: usize) -> String {
        let groups = (socket % self.groups..self.groups).step_by(self.sockets);
        let claims: Vec<_> = groups.map(|group| format!("groupId=g{group}")).collect();
        claims.join("&")
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
