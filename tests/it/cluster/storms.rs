//! What many nodes say to each other when links come back: a bounded part of what they could.

use std::{
    collections::BTreeMap,
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::sleep;
use web_connection_socket::{
    Recipient, WebConnectionSocketLayer,
    backplane::{
        Backplane, BackplaneError, BoxFuture, Command, Inlet, Link, MemoryBackplane, Outlet, Topic,
    },
    testing::Client,
};

use super::{Node, acquainted, config, eventually};
use crate::support::{join, news_to, serve, spawn, text};

const NODES: usize = 20;

/// Marks by the node that sent them and by topic.
type Marks = BTreeMap<(Vec<u8>, Topic), usize>;

/// Hears everything, and counts marks.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Marks>>);

impl Listener {
    async fn start(backplane: &MemoryBackplane) -> Self {
        let listener = Self::default();
        let (mut outlet, mut inlet) = backplane.another_node().connect().await.expect("a link");
        let partitions = (0..64).map(|number| format!("partition/{number:02}"));
        let topics = partitions.map(|topic| Command::Subscribe(topic.parse().expect("a topic")));
        let subscribed = outlet.send(topics.collect()).await;
        subscribed.expect("the broker has it");
        let marks = listener.0.clone();
        spawn(async move {
            let _held = outlet;
            while let Some(arrival) = inlet.receive().await {
                if arrival.payload[4] == 2 {
                    let sender = arrival.payload[6..14].to_vec();
                    *marks.lock().entry((sender, arrival.topic)).or_default() += 1;
                }
            }
        });
        listener
    }

    /// The most marks that one node has sent in one topic, and all together.
    fn take(&self) -> (usize, usize) {
        let marks = mem::take(&mut *self.0.lock());
        let most = marks.values().copied().max().unwrap_or_default();
        (most, marks.values().sum())
    }
}

/// Nodes that have a member in nearly every partition.
async fn crowd() -> (Vec<Node>, Listener, Vec<Client>) {
    let broker = MemoryBackplane::new();
    let listener = Listener::start(&broker).await;
    let config = || config().max_groups(1_000);
    let (mut nodes, mut sockets) = (Vec::new(), Vec::new());
    for _ in 0..NODES {
        let node = Node::start(config(), &broker.another_node());
        node.backplane.cut();
        sockets.push(node.join("ann", &[]).await);
        let id = node.hub.sockets()[0];
        for group in 0..400 {
            node.hub.join(id, format!("{group}")).expect("room for all");
        }
        nodes.push(node);
    }
    nodes.iter().for_each(|node| node.backplane.restore());
    acquainted(&nodes).await;
    sleep(Duration::from_secs(10)).await;
    for node in &nodes {
        assert!(node.stats().partitions >= 60);
        node.events.clear();
    }
    listener.take();
    (nodes, listener, sockets)
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_costs_each_other_one_mark_in_a_topic() {
    let (nodes, marks, _sockets) = crowd().await;
    // A question and its answers take longer than a node waits before it asks again.
    for node in &nodes {
        node.backplane.delay(Duration::from_millis(60));
    }
    nodes[0].backplane.disconnect();
    sleep(Duration::from_secs(10)).await;
    assert!(nodes[0].hub.cluster().is_connected());
    let (most, all) = marks.take();
    assert_eq!(most, 1, "{all}");
    assert!(all >= NODES * 60, "{all}");
    for node in &nodes {
        assert_eq!(node.events.gaps(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_that_come_back_at_once_cost_a_few_marks_in_a_topic() {
    let (nodes, marks, _sockets) = crowd().await;
    nodes.iter().for_each(|node| node.backplane.disconnect());
    sleep(Duration::from_secs(10)).await;
    let (most, all) = marks.take();
    // Its own, and one for those that ask at first and one for those that ask then.
    assert!(most <= 3, "{most} of {all}");
    for node in &nodes {
        let cluster = node.hub.cluster();
        assert!(cluster.is_connected() && cluster.nodes().len() == NODES);
        assert_eq!(node.events.gaps(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_new_costs_each_other_a_few_marks_in_a_topic() {
    let (nodes, marks, _sockets) = crowd().await;
    let guest = Node::start(config(), &nodes[0].backplane.another_node());
    let mut bob = guest.join("bob", &["0", "1", "2"]).await;
    sleep(Duration::from_secs(10)).await;
    let (most, _) = marks.take();
    assert!(most <= 3, "{most}");
    nodes[7]
        .hub
        .broadcast(&news_to("x", [Recipient::group("1")]));
    assert_eq!(text(&mut bob).await, "x");
    assert_eq!(guest.hub.cluster().nodes().len(), NODES + 1);
}

/// Counts subscriptions.
struct Counted(MemoryBackplane, Arc<AtomicUsize>);

struct CountedOutlet(Box<dyn Outlet>, Arc<AtomicUsize>);

impl Backplane for Counted {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        Box::pin(async {
            let (outlet, inlet) = self.0.connect().await?;
            let outlet = CountedOutlet(outlet, self.1.clone());
            let link: (Box<dyn Outlet>, Box<dyn Inlet>) = (Box::new(outlet), inlet);
            Ok(link)
        })
    }
}

impl Outlet for CountedOutlet {
    fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>> {
        let subscribe = |command: &&Command| matches!(command, Command::Subscribe(_));
        let count = commands.iter().filter(subscribe).count();
        self.1.fetch_add(count, Relaxed);
        self.0.send(commands)
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_groups_cost_66_subscriptions_after_a_reconnect() {
    const SOCKETS: usize = 20;
    const GROUPS: usize = 500;

    let (broker, count) = (MemoryBackplane::new(), Arc::new(AtomicUsize::new(0)));
    let layer = WebConnectionSocketLayer::new(config().max_groups(GROUPS))
        .backplane(Counted(broker.clone(), count.clone()));
    let hub = layer.hub();
    hub.cluster().connected().await;
    let server = serve(&layer);
    let mut clients = Vec::new();
    for number in 0..SOCKETS {
        let user = number.to_string();
        clients.push(join(&server, &user, &[]).await);
        let id = hub.sockets_of(&user)[0];
        for group in 0..GROUPS {
            let group = format!("{number} {group}");
            hub.join(id, group).expect("room for all");
        }
    }
    let other = Node::start(config(), &broker.another_node());
    eventually(|| hub.cluster().nodes().len() == 2).await;
    assert_eq!(hub.stats().groups, SOCKETS * GROUPS);
    for round in 1..=3_u64 {
        sleep(Duration::from_secs(5)).await;
        count.store(0, Relaxed);
        broker.disconnect();
        eventually(|| hub.stats().cluster.expect("a backplane").links > round).await;
        hub.cluster().connected().await;
        assert_eq!(count.load(Relaxed), 66, "all, its own and 64 partitions");
        for (number, client) in clients.iter_mut().enumerate() {
            let group = Recipient::group(format!("{number} {round}"));
            other.hub.broadcast(&news_to(round.to_string(), [group]));
            assert_eq!(text(client).await, round.to_string());
        }
    }
}
