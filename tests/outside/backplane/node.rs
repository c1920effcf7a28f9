//! Links of several nodes to one broker.

use std::{net::SocketAddr, time::Duration};

use brokers::{Nats, Redis};
use bytes::Bytes;
use tokio::time::timeout;
use web_connection_socket::backplane::{
    Arrival, Backplane, BackplaneError, Command, Inlet, MemoryBackplane, NatsBackplane, Outlet,
    RedisBackplane, Topic,
};

use crate::support::PATIENCE;

/// A broker, and ways for nodes to it.
pub(super) trait Broker {
    fn start() -> Self;

    /// Another node's way, under a prefix.
    fn backplane(&self, prefix: &str) -> Box<dyn Backplane>;

    /// Ends all links, and refuses new ones.
    fn kill(&mut self);

    /// How many connections of this process the broker has.
    fn connections(&self) -> usize;
}

#[derive(Debug)]
pub(super) struct Memory(MemoryBackplane, std::cell::RefCell<Vec<MemoryBackplane>>);

impl Broker for Memory {
    fn start() -> Self {
        Self(MemoryBackplane::new(), std::cell::RefCell::default())
    }

    fn backplane(&self, prefix: &str) -> Box<dyn Backplane> {
        let node = self.0.another_node().prefix(prefix);
        self.1.borrow_mut().push(node.clone());
        Box::new(node)
    }

    fn kill(&mut self) {
        self.1.borrow().iter().for_each(MemoryBackplane::cut);
    }

    fn connections(&self) -> usize {
        0
    }
}

impl Broker for Redis {
    fn start() -> Self {
        Self::start()
    }

    fn backplane(&self, prefix: &str) -> Box<dyn Backplane> {
        let redis = RedisBackplane::new(&self.url()).expect("a URL");
        Box::new(redis.prefix(prefix))
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn connections(&self) -> usize {
        connections_to(self.address())
    }
}

impl Broker for Nats {
    fn start() -> Self {
        Self::start()
    }

    fn backplane(&self, prefix: &str) -> Box<dyn Backplane> {
        let nats = NatsBackplane::new(&self.url()).expect("a URL");
        Box::new(nats.prefix(prefix))
    }

    fn kill(&mut self) {
        self.kill();
    }

    fn connections(&self) -> usize {
        connections_to(self.address())
    }
}

/// Counts established connections by the kernel's table.
fn connections_to(server: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
    let peer = format!(":{:04X}", server.port());
    let rows = table
        .lines()
        .map(|row| row.split_ascii_whitespace().skip(2));
    let open = rows.filter(|row| {
        let mut row = row.clone();
        row.next().is_some_and(|to| to.ends_with(&peer)) && row.next() == Some("01")
    });
    open.count()
}

/// An open link; all waits have a deadline.
pub(super) struct Node {
    pub(super) outlet: Box<dyn Outlet>,
    pub(super) inlet: Box<dyn Inlet>,
}

impl Node {
    pub(super) async fn open(broker: &impl Broker) -> Self {
        Self::open_on(&*broker.backplane("test")).await
    }

    pub(super) async fn open_on(backplane: &dyn Backplane) -> Self {
        let opened = within(backplane.connect()).await;
        let (outlet, inlet) = opened.expect("a broker that takes links");
        Self { outlet, inlet }
    }

    /// Subscribes to a topic, and waits until the subscription holds.
    pub(super) async fn subscribe(&mut self, topic: Topic) {
        let probe = Bytes::from_static(b"probe");
        let commands = vec![Command::Subscribe(topic), Command::Publish(topic, probe)];
        within(self.outlet.send(commands)).await.expect("confirmed");
        assert_eq!(self.receive().await.payload, "probe");
    }

    pub(super) async fn send(&mut self, commands: Vec<Command>) -> Result<(), BackplaneError> {
        within(self.outlet.send(commands)).await
    }

    pub(super) async fn publish(&mut self, topic: Topic, payload: &str) {
        let payload = Bytes::from(payload.to_owned());
        let sent = self.send(vec![Command::Publish(topic, payload)]).await;
        sent.expect("a link that lives");
    }

    pub(super) async fn receive(&mut self) -> Arrival {
        let arrival = within(self.inlet.receive()).await;
        arrival.expect("a link that lives")
    }

    /// Waits for the end of the link.
    pub(super) async fn ended(&mut self) {
        let all = async { while self.inlet.receive().await.is_some() {} };
        within(all).await;
    }
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("an answer in time")
}

pub(super) fn topic(name: &str) -> Topic {
    name.parse().expect("a topic")
}

/// How long to wait for what is not to come.
pub(super) const A_WHILE: Duration = Duration::from_millis(200);
