//! A run: what happens to the nodes, the store and what is between them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashSet},
    env,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    judge::{self, Time, Totals},
    parts::{Arrival, Message, Node},
    store::Store,
};
use crate::hub::history::sequencer::{Body, Last, Place, Sequencer};

pub(super) const NODES: usize = 3;
const STORM: Time = 1_500;
/// When the last messages are published.
const END: Time = 45_000;
pub(super) const STOP: Time = 50_000;
/// The id of a message that no node has sent.
const LIE: u64 = 7;
/// How long the store lets a caller wait.
pub(super) const DEADLINE: Time = 2_000;

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) random: u64,
    pub(super) start: Instant,
    pub(super) now: Time,
    pub(super) under_way: BinaryHeap<Reverse<(Time, u64)>>,
    pub(super) arrivals: BTreeMap<u64, Arrival>,
    pub(super) sent: u64,
    pub(super) last_frame: BTreeMap<(usize, usize), Time>,
    pub(super) nodes: Vec<Node>,
    pub(super) published: BTreeMap<u64, (usize, Time)>,
    /// How far the log of a client goes: its node and the number of events.
    pub(super) clients: Vec<(usize, usize)>,

    pub(super) store: Store,
    pub(super) is_down: bool,
    pub(super) is_slow: bool,
    /// Whether the store fails, and frames get lost.
    pub(super) is_faulty: bool,
    pub(super) is_lossy: bool,
    pub(super) totals: Totals,
}

#[test]
fn every_node_delivers_each_entry_once_in_order_or_tells_a_gap() {
    let runs = env::var("SEQUENCER_RUNS").ok();
    let runs = runs.map_or(10_000, |runs| runs.parse().expect("a number"));
    let mut totals = Totals::default();
    for seed in 1..=runs {
        World::new(seed).run(&mut totals);
    }
    // Without faults of each kind the rest proves nothing.
    assert!(
        totals.delivered > runs
            && totals.void > runs
            && totals.gaps > runs / 10
            && totals.recovered > runs / 2
            && totals.lost > runs
            && totals.rewinds > runs / 20
            && totals.scars > runs / 10
            && totals.begun > runs / 100,
        "{totals:?}"
    );
}

/// How nodes come to know where the stream is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// They are there before it is.
    Empty,
    Arrival,
    /// They are asked when it goes on already, and have sockets.
    Read,
    /// By an arrival that no node has sent.
    Lie,
}

impl Start {
    fn of(seed: u64) -> Self {
        match (seed % 5, seed / 5 % 16) {
            // What is lost before the first arrival or read is lost.
            (1.., _) => Self::Empty,
            (0, 1 | 3 | 4 | 8 | 12) => Self::Read,
            (0, 0 | 2 | 10) => Self::Arrival,
            (0, 6 | 14) => Self::Lie,
            (0, _) => Self::Empty,
        }
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let start = Instant::now();
        let node = |node: usize| {
            let mut sequencer = Sequencer::new(seed << 8 | node as u64);
            if Start::of(seed) == Start::Empty {
                let empty = Last {
                    epoch: 1,
                    offset: 0,
                    id: Some(0),
                };
                sequencer.begin(empty, true, start);
            }
            Node {
                sequencer,
                due: STOP,
                log: Vec::new(),
                came: HashSet::new(),
                out_of_turn: HashSet::new(),
                is_up: true,
                last_append: 0,
            }
        };
        Self {
            seed,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            start,
            now: 0,
            under_way: BinaryHeap::new(),
            arrivals: BTreeMap::new(),
            sent: 0,
            last_frame: BTreeMap::new(),
            nodes: (0..NODES).map(node).collect(),
            published: BTreeMap::new(),
            clients: Vec::new(),
            store: Store::new(seed),
            is_down: false,
            is_slow: false,
            is_faulty: seed % 3 > 0,
            is_lossy: seed % 5 > 0,
            totals: Totals::default(),
        }
    }

    fn run(mut self, totals: &mut Totals) {
        let mut next_whim = 0;
        self.begin();
        while self.now < STOP {
            let arrival = self.under_way.peek().map(|Reverse((at, _))| *at);
            let due = self.due();
            let next = due.min(arrival.unwrap_or(STOP)).min(next_whim).min(STOP);
            self.now = next.max(self.now);
            if arrival.is_some_and(|at| at <= self.now) {
                let Some(Reverse((_, number))) = self.under_way.pop() else {
                    continue;
                };
                let arrival = self.arrivals.remove(&number).expect("it is under way");
                self.arrive(arrival);
            } else if due <= self.now {
                for node in 0..NODES {
                    let now = self.instant();
                    let effects = self.nodes[node].sequencer.tick(now);
                    self.apply(node, effects);
                }
            } else if self.now == next_whim {
                next_whim = self.turn();
            }
        }
        self.judge(totals);
    }

    /// Has nodes begin with what the store says, or with what no node has sent.
    fn begin(&mut self) {
        for node in 0..NODES {
            let at = self.below(50);
            match Start::of(self.seed) {
                Start::Empty | Start::Arrival => {}
                Start::Read => self.send_at(at, Arrival::Top { node }),
                Start::Lie => {
                    let place = Place {
                        epoch: 1,
                        offset: 1 << 40,
                        previous: Some(1 << 39),
                        id: LIE,
                    };
                    let lie = Arrival::Frame {
                        node,
                        from: NODES,
                        id: LIE,
                        place: Some(place),
                        body: Body::Message(Message(LIE)),
                    };
                    self.send_at(at / 8, lie);
                }
            }
        }
    }

    /// Returns when a node has something to do.
    fn due(&self) -> Time {
        let up = self.nodes.iter().filter(|node| node.is_up);
        up.map(|node| node.due).min().unwrap_or(STOP)
    }

    /// Has something happen, and returns when the next thing does.
    fn turn(&mut self) -> Time {
        if self.now < STORM {
            self.whim();
            return self.now + 1 + self.below(60);
        }
        (self.is_down, self.is_slow) = (false, false);
        (self.is_faulty, self.is_lossy) = (false, false);
        for node in 0..NODES {
            self.publish(node);
        }
        match self.now {
            now if now >= END + 1_000 => Time::MAX,
            now if !(STORM + 1_000..END).contains(&now) => now + 200,
            _ => END,
        }
    }

    fn whim(&mut self) {
        match self.below(100) {
            0 | 1 => self.is_down = self.is_faulty,
            2..=12 => self.is_down = false,
            13 | 14 if self.is_faulty => self.is_slow = !self.is_slow,
            15 if self.seed % 4 == 1 => self.rewind(),
            16 if self.seed % 11 == 0 => self.store.trim(),
            // What it had stored, and not forwarded before others began behind it, would be lost.
            17 if self.seed % 7 == 0 && Start::of(self.seed) == Start::Empty => {
                self.nodes[NODES - 1].is_up = false;
            }
            18..=22 => {
                let node = self.below(NODES as u64) as usize;
                self.clients.push((node, self.nodes[node].log.len()));
            }
            31 => {
                let node = self.below(NODES as u64) as usize;
                self.ask(node);
            }
            _ => {
                let node = self.below(NODES as u64) as usize;
                self.publish(node);
            }
        }
    }

    pub(super) fn ask(&mut self, node: usize) {
        let now = self.instant();
        self.nodes[node].sequencer.ask(now);
        self.apply(node, Vec::new());
    }

    fn publish(&mut self, node: usize) {
        if !self.nodes[node].is_up {
            return;
        }
        let id = (self.published.len() as u64 + 1) * 1_000_003;
        self.published.insert(id, (node, self.now));
        let now = self.instant();
        if self.now < STORM && self.seed % 8 == 0 && self.below(30) == 0 {
            // The queue is full.
            let effects = self.nodes[node]
                .sequencer
                .publish_void(id, Message(id), now);
            self.apply(node, effects);
            return;
        }
        self.nodes[node].sequencer.publish(id, Message(id), now);
        self.apply(node, Vec::new());
        self.append(node, id, Body::Message(Message(id)));
    }

    pub(super) fn append(&mut self, node: usize, id: u64, body: Body<Message>) {
        let delay = self.store_delay();
        let at = (self.now + delay).max(self.nodes[node].last_append);
        self.nodes[node].last_append = at;
        self.send_at(at, Arrival::Append { node, id, body });
    }

    /// The store restarts and has lost what it took last.
    fn rewind(&mut self) {
        let lost = self.below(6) as usize;
        let kept = self.store.entries.len().saturating_sub(lost);
        let kept = if self.below(3) == 0 { 0 } else { kept };
        self.store.rewind(kept);
        self.totals.rewinds += 1;
    }

    pub(super) fn store_delay(&mut self) -> Time {
        let longest = if self.is_slow { 400 } else { 8 };
        self.below(longest)
    }

    fn judge(self, totals: &mut Totals) {
        let mut published = self.published.clone();
        published.retain(|id, (node, _)| {
            // What a node that is gone did not get out was not published.
            let mut others = self.nodes.iter().filter(|node| node.is_up);
            self.nodes[*node].is_up
                || self.store.has(*id)
                || others.any(|node| node.log.iter().any(|event| event.id() == Some(*id)))
        });
        let all: Vec<u64> = published.keys().copied().collect();
        for node in &self.nodes {
            if !node.is_up {
                continue;
            }
            for publisher in 0..NODES {
                let is_its = |id| {
                    let its = self.published.get(&id).map(|(its, _)| *its);
                    its == Some(publisher) && !node.out_of_turn.contains(&id)
                };
                judge::check_caller(self.seed, &node.log, is_its);
            }
            let last = node.sequencer.last().expect("it has begun");
            assert_eq!(
                (last.epoch, last.offset),
                (self.store.epoch, self.store.top()),
                "seed {}",
                self.seed
            );
            assert!(
                !node.sequencer.is_open(),
                "seed {}: {:?}",
                self.seed,
                node.sequencer
            );
            judge::check_order(self.seed, &node.log);
            judge::check_whole(self.seed, &node.log, &all);
            let is_lie = Start::of(self.seed) == Start::Lie;
            if self.totals.rewinds == 0 && self.seed % 3 == 0 && self.seed % 11 > 0 && !is_lie {
                // A store that cannot be read, or has dropped entries, cannot say that nothing lacks.
                judge::check_gaps(self.seed, &node.log, &all);
            }
        }
        let mut sums = self.totals;
        for (node, events) in &self.clients {
            let log = &self.nodes[*node].log[..*events];
            judge::check_resume(self.seed, log, &self.store, &all, &mut sums);
        }
        totals.add(&sums);
    }

    pub(super) fn send_at(&mut self, at: Time, arrival: Arrival) {
        self.sent += 1;
        self.under_way.push(Reverse((at, self.sent)));
        self.arrivals.insert(self.sent, arrival);
    }

    pub(super) fn instant(&self) -> Instant {
        self.start + Duration::from_millis(self.now)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) % limit
    }
}
