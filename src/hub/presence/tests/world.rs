//! Nodes whose tables hear each other over a network that delays, loses and cuts off.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::clock::LOBBY;
use crate::{
    config::{PresenceRule, PresenceRules},
    hub::{
        cluster::{MemberNews, MemberReport, MemberVersions},
        presence::{
            change::{PresenceCause, PresenceChange},
            info::Info,
            moves::Move,
            table::Table,
        },
    },
    protocol::{ConnectionId, UserId},
};

/// Nodes, the frames between them, and what is true of their users.
pub(super) struct World {
    random: u64,
    start: Instant,
    pub(super) now: Instant,
    /// By the names of the nodes.
    pub(super) nodes: BTreeMap<u64, Node>,
    /// Frames on their way, in the order in which they arrive.
    frames: BTreeMap<(Instant, u64), (u64, Frame)>,
    sent: u64,
    /// When the last report from one node to another arrives: one does not overtake another.
    last: HashMap<(u64, u64), Instant>,
    /// In percent.
    pub(super) loss: u64,
    pub(super) totals: Totals,
    /// For each user the moments at which its first socket opened and its last one ended.
    pub(super) history: BTreeMap<&'static str, Vec<(Duration, bool)>>,
}

/// How much there was of what makes it hard.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Absences that are to be told.
    pub(super) absences: usize,
    /// Departures that nodes told their applications.
    pub(super) left: usize,
    pub(super) kills: usize,
    pub(super) cuts: usize,
    pub(super) lost_frames: usize,
}

/// One node.
pub(super) struct Node {
    pub(super) table: Table<u64>,
    next_beat: Instant,
    /// When each other node was heard last.
    heard: BTreeMap<u64, Instant>,
    /// Until when it has no link.
    cut_until: Option<Instant>,
    pub(super) sockets: BTreeMap<&'static str, u32>,
    /// What the application was told of each user.
    pub(super) told: BTreeMap<UserId, Vec<bool>>,
}

#[derive(Clone, Debug)]
enum Frame {
    Beat(u64, MemberVersions),
    Report(u64, u8, MemberReport),
    Wanted(u64),
}

pub(super) const USERS: [&str; 5] = ["ann", "bob", "eve", "joe", "sue"];

impl World {
    pub(super) fn new(seed: u64, nodes: u64, loss: u64) -> Self {
        let start = Instant::now();
        let mut world = Self {
            random: seed,
            start,
            now: start,
            nodes: BTreeMap::new(),
            frames: BTreeMap::new(),
            sent: 0,
            last: HashMap::new(),
            loss,
            totals: Totals::default(),
            history: BTreeMap::new(),
        };
        (1..=nodes).for_each(|node| world.open(node));
        world
    }

    /// Returns a number below `end`.
    pub(super) fn random(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27) % end
    }

    pub(super) fn any_node(&mut self) -> u64 {
        let at = self.random(self.nodes.len() as u64) as usize;
        *self.nodes.keys().nth(at).expect("a node")
    }

    pub(super) fn any_user(&mut self) -> &'static str {
        USERS[self.random(USERS.len() as u64) as usize]
    }

    /// Starts a node.
    pub(super) fn open(&mut self, node: u64) {
        let mut rules = PresenceRules::default();
        rules.add(PresenceRule::group(LOBBY));
        let mut table = Table::new(node, Arc::new(rules), 256);
        table.has_hooks = true;
        table.publish();
        table.learn(MemberNews::Hears(u64::MAX), self.now);
        let first = Node {
            table,
            next_beat: self.now,
            heard: BTreeMap::new(),
            cut_until: None,
            sockets: BTreeMap::new(),
            told: BTreeMap::new(),
        };
        self.nodes.insert(node, first);
    }

    /// Ends a node without a word.
    pub(super) fn kill(&mut self, node: u64) {
        self.totals.kills += 1;
        let users = self.nodes[&node].sockets.clone();
        self.nodes.remove(&node);
        for (user, count) in users {
            if count > 0 && self.total(user) == 0 {
                self.note(user, false);
            }
        }
    }

    /// Has a node be without a link for a time.
    pub(super) fn cut(&mut self, node: u64, seconds: u64) {
        self.totals.cuts += 1;
        let until = self.now + Duration::from_secs(seconds);
        self.nodes.get_mut(&node).expect("a node").cut_until = Some(until);
    }

    pub(super) fn enter(&mut self, node: u64, user: &'static str) {
        if self.total(user) == 0 {
            self.note(user, true);
        }
        let now = self.now;
        let node = self.nodes.get_mut(&node).expect("a node");
        *node.sockets.entry(user).or_default() += 1;
        let entered = Move::Entered {
            group: LOBBY.into(),
            user: user.into(),
            socket: socket_of(user),
        };
        node.table.apply(entered, now);
    }

    /// Has the application say something of a user on a node, whose clock is seconds apart from the others.
    pub(super) fn say(&mut self, node: u64, user: &'static str, text: &str) {
        let stamp = (self.now - self.start).as_millis() as u64 + node * 5_000;
        let said = Move::Said {
            socket: socket_of(user),
            user: user.into(),
            groups: vec![LOBBY.into()],
            info: Arc::new(Info {
                stamp,
                json: serde_json::value::to_raw_value(text).expect("JSON"),
            }),
        };
        let now = self.now;
        let node = self.nodes.get_mut(&node).expect("a node");
        if node.sockets.get(user).is_some_and(|count| *count > 0) {
            node.table.apply(said, now);
        }
    }

    /// Returns what is said of a user, as a node knows it.
    pub(super) fn said(&self, node: u64, user: &str) -> Option<String> {
        let view = self.nodes[&node].table.view(LOBBY, usize::MAX)?;
        let mut members = view.members.iter();
        let member = members.find(|member| member.user.as_str() == user)?;
        member.parse_info().expect("a text or none")
    }

    pub(super) fn leave(&mut self, node: u64, user: &'static str) {
        let now = self.now;
        let of = self.nodes.get_mut(&node).expect("a node");
        let Some(count) = of.sockets.get_mut(user).filter(|count| **count > 0) else {
            return;
        };
        *count -= 1;
        let left = Move::Left {
            group: LOBBY.into(),
            user: user.into(),
            cause: PresenceCause::Closed,
        };
        let is_last = *count == 0;
        of.table.apply(left, now);
        if is_last {
            of.table.apply(Move::Ended(socket_of(user)), now);
        }
        if self.total(user) == 0 {
            self.note(user, false);
        }
    }

    pub(super) fn total(&self, user: &str) -> u32 {
        let counts = self.nodes.values();
        counts.filter_map(|node| node.sockets.get(user)).sum()
    }

    /// Lets time go on.
    pub(super) fn run(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            self.now += Duration::from_millis(25);
            while let Some((&(at, number), _)) = self.frames.first_key_value() {
                if at > self.now {
                    break;
                }
                let (to, frame) = self.frames.remove(&(at, number)).expect("the first");
                self.arrive(to, frame);
            }
            let due = self.nodes.iter().filter(|(_, node)| node.is_due(self.now));
            let due: Vec<_> = due.map(|(name, _)| *name).collect();
            due.into_iter().for_each(|node| self.work(node));
        }
    }

    fn arrive(&mut self, to: u64, frame: Frame) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&to).filter(|node| !node.is_cut()) else {
            return;
        };
        let news = match frame {
            Frame::Beat(from, versions) => {
                node.heard.insert(from, now);
                MemberNews::Beat {
                    node: from,
                    incarnation: 1,
                    versions,
                }
            }
            Frame::Report(from, partition, report) => {
                if !node.heard.contains_key(&from) {
                    return;
                }
                MemberNews::Report {
                    node: from,
                    incarnation: 1,
                    partition,
                    report,
                }
            }
            Frame::Wanted(partitions) => MemberNews::Wanted(partitions),
        };
        assert!(node.table.learn(news, now), "it is of this cluster");
    }

    /// Does what is due at a node.
    fn work(&mut self, name: u64) {
        let now = self.now;
        let node = self.nodes.get_mut(&name).expect("a node");
        if node.cut_until.is_some_and(|until| until <= now) {
            node.cut_until = None;
            // Until now it could hear none.
            node.heard.values_mut().for_each(|heard| *heard = now);
        }
        if !node.is_cut() {
            let is_silent = |heard: &Instant| now >= *heard + SILENCE;
            let silent = node.heard.iter().filter(|(_, heard)| is_silent(heard));
            let silent: Vec<_> = silent.map(|(other, _)| *other).collect();
            for other in silent {
                node.heard.remove(&other);
                node.table.learn(MemberNews::Gone(other), now);
            }
        }
        let mut frames = Vec::new();
        if now >= node.next_beat {
            node.next_beat = now + Duration::from_secs(2);
            let beat = Frame::Beat(name, node.table.member_versions());
            frames.push((None, beat));
        }
        node.table.tick(now);
        for change in node.table.take_changes() {
            match change {
                PresenceChange::Joined { user, .. } => {
                    node.told.entry(user).or_default().push(true)
                }
                PresenceChange::Left { user, .. } => {
                    self.totals.left += 1;
                    node.told.entry(user).or_default().push(false);
                }
            }
        }
        for (partition, report) in node.table.reports(now) {
            frames.push((None, Frame::Report(name, partition, report)));
        }
        for (other, partitions) in node.table.remotes.take_wanted() {
            frames.push((Some(other), Frame::Wanted(partitions)));
        }
        if node.is_cut() {
            return;
        }
        for (to, frame) in frames {
            self.send(name, to, &frame);
        }
    }

    fn send(&mut self, from: u64, to: Option<u64>, frame: &Frame) {
        let others: Vec<_> = self
            .nodes
            .keys()
            .copied()
            .filter(|to| *to != from)
            .collect();
        for other in others {
            if to.is_some_and(|to| to != other) {
                continue;
            }
            if self.random(100) < self.loss {
                self.totals.lost_frames += 1;
                continue;
            }
            let mut at = self.now + Duration::from_millis(1 + self.random(200));
            if matches!(frame, Frame::Report(..)) {
                let last = self.last.entry((from, other)).or_insert(at);
                at = at.max(*last);
                *last = at;
            }
            self.sent += 1;
            self.frames.insert((at, self.sent), (other, frame.clone()));
        }
    }

    fn note(&mut self, user: &'static str, is_here: bool) {
        let at = self.now - self.start;
        self.history.entry(user).or_default().push((at, is_here));
    }
}

impl Totals {
    pub(super) fn add(&mut self, other: &Self) {
        self.absences += other.absences;
        self.left += other.left;
        self.kills += other.kills;
        self.cuts += other.cuts;
        self.lost_frames += other.lost_frames;
    }
}

impl Node {
    fn is_due(&self, now: Instant) -> bool {
        let silent = self.heard.values().min().map(|heard| *heard + SILENCE);
        let table = self.table.deadline(now);
        let due = [Some(self.next_beat), self.cut_until, silent, table];
        due.into_iter().flatten().any(|due| due <= now)
    }

    fn is_cut(&self) -> bool {
        self.cut_until.is_some()
    }
}

fn socket_of(user: &str) -> ConnectionId {
    let at = USERS.iter().position(|one| *one == user);
    ConnectionId::new(0, at.expect("a user") as u64)
}

/// After which a node is gone.
const SILENCE: Duration = Duration::from_secs(7);
