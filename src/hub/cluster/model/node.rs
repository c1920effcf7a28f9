//! A node whose link the model opens and ends.

use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::{Either, select};
use shuttle::{
    future::block_on,
    thread::{self, JoinHandle},
};
use tokio::{sync::Notify, time::Instant};

use super::played::{Sockets, Watched};
use crate::{
    backplane::{MemoryBackplane, Topic},
    frame::Frame,
    hub::{
        cluster::{Local, Node, bridge},
        hooks::Hooks,
    },
    protocol::{Forwarding, Recipient},
    sync::atomic::{
        AtomicU32,
        Ordering::{Relaxed, SeqCst},
    },
};

/// A node, its sockets and its way to the broker.
#[derive(Clone)]
pub(super) struct Played {
    pub(super) node: Arc<Node>,
    pub(super) sockets: Arc<Sockets>,
    pub(super) way: Watched,
    waits: Arc<AtomicU32>,
}

impl Played {
    pub(super) fn new(id: u64, broker: MemoryBackplane) -> Self {
        let (sockets, way) = (Arc::new(Sockets::default()), Watched::new(broker));
        let local: Arc<dyn Local> = sockets.clone();
        let local: Weak<dyn Local> = Arc::downgrade(&local);
        let node = Node::new(id, 1, None, way.clone(), local, Hooks::default());
        // Else its first use would start the tasks of the bridge.
        node.is_running.store(true, Relaxed);
        Self {
            node,
            sockets,
            way,
            waits: Arc::default(),
        }
    }

    /// Opens a link, which is used until it is over.
    pub(super) fn link(&self) -> Uses {
        let (link, topics) = block_on(bridge::open(&self.node)).expect("a broker that is there");
        let (outlet, inlet) = link;
        assert!(self.node.link_is_open(&topics));
        let stop = Arc::new(Notify::new());
        let sender = {
            let (node, stop) = (self.node.clone(), stop.clone());
            thread::spawn(move || {
                let send = pin!(bridge::send(node, outlet));
                let stopped = pin!(stop.notified());
                block_on(async {
                    match select(send, stopped).await {
                        Either::Left(_) | Either::Right(_) => {}
                    }
                });
            })
        };
        let receiver = {
            let node = self.node.clone();
            thread::spawn(move || _ = block_on(bridge::receive(node, inlet)))
        };
        Uses {
            node: self.node.clone(),
            sender,
            receiver,
            stop,
        }
    }

    /// Has its first member in a partition.
    pub(super) fn enter(&self, partition: u64) {
        self.sockets.interest.fetch_or(partition, SeqCst);
        self.node.interest_grew(&*self.sockets);
    }

    /// Has no member there any more.
    pub(super) fn leave(&self, partition: u64) {
        self.sockets.interest.fetch_and(!partition, SeqCst);
    }

    pub(super) fn broadcast(&self, text: &str, group: &str) -> Forwarding {
        // Other text than an object is garbage to the nodes that hear it.
        let frame = Frame::text(format!("{{{text}}}").as_bytes());
        self.node.forward(&[Recipient::group(group)], &frame)
    }

    /// Does what is due when time has passed: as much as a partition without members has.
    pub(super) fn wait(&self) {
        let waits = self.waits.fetch_add(1, Relaxed) + 1;
        let now = Instant::now() + waits * Duration::from_secs(40);
        self.node.do_what_is_due_at(now);
    }

    /// How many messages came, and how many are reported missing.
    pub(super) fn heard(&self) -> (u64, u64) {
        let stats = self.node.stats();
        (stats.received, stats.missing)
    }

    /// What the broker hands to it, and what it wants to be handed.
    pub(super) fn subscriptions(&self) -> (Vec<Topic>, Vec<Topic>) {
        let subscribed = self.way.subscribed.lock().iter().copied().collect();
        let mut wanted = self.node.topics();
        wanted.sort_unstable();
        (subscribed, wanted)
    }
}

/// The tasks of a link.
pub(super) struct Uses {
    node: Arc<Node>,
    sender: JoinHandle<()>,
    receiver: JoinHandle<()>,
    stop: Arc<Notify>,
}

impl Uses {
    /// Waits until all that has arrived is taken and the link is over, and gives up what is being sent.
    pub(super) fn ended(self) {
        self.receiver.join().expect("no panic");
        self.stop.notify_one();
        self.sender.join().expect("no panic");
        self.node.link_is_over();
    }
}

/// Gives others their turn, and lets time pass for nodes, until a condition holds.
pub(super) fn until(what: &str, nodes: &[Played], mut is_so: impl FnMut() -> bool) {
    for turn in 1..PATIENCE {
        if is_so() {
            return;
        }
        thread::yield_now();
        if turn % 64 == 0 {
            nodes.iter().for_each(Played::wait);
        }
    }
    panic!("never: {what}");
}

/// How often others get a turn before something counts as stuck.
const PATIENCE: usize = 10_000;
