//! This node: what it shares between the threads that broadcast and the tasks of its link.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout},
};

use super::{
    continuity::Continuity,
    event::{ClusterEvent, GarbageKind},
    inquiries::Inquiries,
    local::Local,
    news::News,
    node_id::NodeId,
    outgoing::Outgoing,
    partition::topic_of,
    state::State,
    stats::ClusterStats,
    wire::{Draft, Key, MAX_FRAME, MAX_RECIPIENTS, MemberReport, Placed, Pulse},
};
use crate::{
    backplane::{Backplane, Topic},
    config::ClusterKey,
    frame::Frame,
    hub::{hooks::Hooks, log_limit::LogLimit},
    protocol::{ConnectionId, Forwarded, Forwarding, NotForwarded, Recipient, RecipientType},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

/// One node of a cluster: this one.
pub(in crate::hub) struct Node {
    pub(super) id: NodeId,
    pub(super) key: Option<Key>,
    pub(super) backplane: Box<dyn Backplane>,
    pub(super) local: Weak<dyn Local>,
    pub(super) state: Mutex<State>,
    pub(super) outgoing: Outgoing,
    pub(super) news: News,
    pub(super) inquiries: Inquiries,
    pub(super) hooks: Hooks<ClusterEvent>,
    pub(super) log: LogLimit<GarbageKind>,
    /// Of nodes with this one's id, which speak for as long as they run.
    pub(super) twin_log: LogLimit<GarbageKind>,
    /// The last heartbeat.
    pub(super) pulse: Mutex<Pulse>,
    pub(super) synced: watch::Sender<Synced>,
    pub(super) stage: watch::Sender<Stage>,
    /// Notified when something else may be due first.
    pub(super) changed: Notify,
    pub(super) is_running: AtomicBool,
    /// Whether the state postponed judgements when it last did what was due.
    pub(super) is_catching_up: AtomicBool,
    pub(super) counters: Counters,
    pub(super) continuity: Arc<Continuity>,
}

/// What is counted beside the state.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) links: AtomicU64,
    pub(super) failed_links: AtomicU64,
    pub(super) deaf: AtomicU64,
    pub(super) garbage: AtomicU64,
    pub(super) unanswered: AtomicU64,
    opened_unsynced: AtomicU64,
}

/// Which subscriptions are known to work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Synced {
    /// One bit for each partition.
    pub(super) partitions: u64,
    /// Whether messages to all are known to arrive.
    pub(super) to_all: bool,
    /// Whether there is a link and no mark is waited for.
    pub(super) is_whole: bool,
    pub(super) is_connected: bool,
}

/// How far the node's shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Running,
    Leaving,
    Left,
}

impl Node {
    pub(in crate::hub) fn new(
        id: u64,
        incarnation: u64,
        key: Option<&ClusterKey>,
        backplane: impl Backplane,
        local: Weak<dyn Local>,
        hooks: Hooks<ClusterEvent>,
    ) -> Arc<Self> {
        let id = NodeId(id);
        Arc::new(Self {
            id,
            key: key.map(|key| Key::new(key.as_bytes())),
            backplane: Box::new(backplane),
            local,
            state: Mutex::new(State::new(id, incarnation, Instant::now())),
            outgoing: Outgoing::new(id, incarnation),
            news: News::default(),
            inquiries: Inquiries::default(),
            hooks,
            log: LogLimit::default(),
            twin_log: LogLimit::every(BETWEEN_TWINS),
            pulse: Mutex::default(),
            synced: watch::Sender::default(),
            stage: watch::Sender::new(Stage::Running),
            changed: Notify::new(),
            is_running: AtomicBool::new(false),
            is_catching_up: AtomicBool::new(false),
            counters: Counters::default(),
            continuity: Arc::default(),
        })
    }

    /// Hands a message to the other nodes. This node's sockets have it already.
    pub(in crate::hub) fn forward(
        self: &Arc<Self>,
        recipients: &[Recipient],
        frame: &Frame,
    ) -> Forwarding {
        self.start();
        let json = frame.payload();
        let draft = |topic| Draft::message(topic, recipients, json);
        self.try_forward(recipients, json.len(), draft)
            .unwrap_or_else(stays)
    }

    /// Hands an entry of a stream to the other nodes.
    pub(in crate::hub) fn forward_entry(
        self: &Arc<Self>,
        recipients: &[Recipient],
        placed: Placed,
        entry: &[u8],
    ) -> Forwarding {
        self.start();
        let draft = |topic| Draft::entry(topic, recipients, placed, entry);
        self.try_forward(recipients, entry.len(), draft)
            .unwrap_or_else(stays)
    }

    fn try_forward(
        &self,
        recipients: &[Recipient],
        bytes: usize,
        draft: impl FnOnce(Topic) -> Draft,
    ) -> Result<Forwarding, NotForwarded> {
        let topic = topic_of(recipients, self.id.0)?;
        if let (1, node) = topic.to_code() {
            // Connection ids come from clients: a number is kept for nodes that exist only.
            if !self.state.lock().remembers(NodeId(node)) {
                return Err(NotForwarded::NoSuchNode);
            }
        }
        if recipients.len() > MAX_RECIPIENTS || bytes > MAX_FRAME {
            self.outgoing.skip(topic);
            return Err(NotForwarded::TooLarge);
        }
        let ticket = self.outgoing.message(draft(topic))?;
        Ok(Forwarding::Pending(ticket))
    }

    /// Says something of this node's members to the nodes that hear a partition. Returns `false` if there is
    /// no link or no room for it.
    pub(in crate::hub) fn report_members(&self, partition: u8, report: &MemberReport) -> bool {
        self.outgoing.other(Draft::members(partition, report))
    }

    /// Asks a node for all its members in some partitions, one bit for each.
    pub(in crate::hub) fn want_members(&self, of: u64, partitions: u64) {
        self.outgoing
            .other(Draft::members_wanted(NodeId(of), partitions));
    }

    /// Whether this node hears all others that speak in a partition, as far as it knows.
    pub(in crate::hub) fn hears(&self, partition: u8) -> bool {
        self.is_synced(partition) && self.state.lock().is_acquainted(Instant::now())
    }

    /// Whether messages for a partition are known to arrive.
    pub(in crate::hub) fn is_synced(&self, partition: u8) -> bool {
        self.synced.borrow().partitions >> partition & 1 == 1
    }

    /// Waits until messages for these partitions are known to arrive, for a moment at most and not at
    /// all without a link. Returns whether they are.
    ///
    /// Cancel safe.
    pub(in crate::hub) async fn synced(&self, partitions: u64) -> bool {
        let mut synced = self.synced.subscribe();
        let arrives = |synced: &Synced| synced.partitions & partitions == partitions;
        let settled = synced.wait_for(|synced| !synced.is_connected || arrives(synced));
        match timeout(SYNC_WAIT, settled).await {
            Ok(Ok(synced)) => arrives(&synced),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Like [`synced`](Self::synced), for a socket that opens, and counts it if they are not.
    pub(in crate::hub) async fn opening(&self, partitions: u64) {
        if !self.synced(partitions).await {
            self.counters.opened_unsynced.fetch_add(1, Relaxed);
        }
    }

    /// Says farewell to the other nodes, for a bounded time, and ends the link.
    ///
    /// Cancel safe: the farewell is under way.
    pub(in crate::hub) async fn leave(&self) {
        self.stop();
        if !self.is_running.load(Relaxed) {
            return;
        }
        let mut stage = self.stage.subscribe();
        let left = stage.wait_for(|stage| *stage == Stage::Left);
        if timeout(2 * FAREWELL, left).await.is_err() {
            tracing::debug!("the link to the other nodes did not end in time");
        }
    }

    /// Returns what counts when messages may have been missed.
    pub(in crate::hub) fn continuity(&self) -> &Arc<Continuity> {
        &self.continuity
    }

    /// Has the link end with a farewell.
    pub(in crate::hub) fn stop(&self) {
        self.stage.send_if_modified(|stage| {
            let before = *stage;
            *stage = before.max(Stage::Leaving);
            before != *stage
        });
    }

    pub(in crate::hub) fn stats(&self) -> ClusterStats {
        let totals = self.outgoing.totals();
        let state = self.state.lock();
        let (partitions, _) = state.synced();
        ClusterStats {
            connected: state.is_connected(),
            nodes: state.others().count() + 1,
            remote_sockets: state.sockets_of_others(),
            partitions: partitions.count_ones() as usize,
            links: self.counters.links.load(Relaxed),
            failed_links: self.counters.failed_links.load(Relaxed),
            deaf: self.counters.deaf.load(Relaxed),
            forwarded: totals.forwarded,
            not_forwarded: totals.not_forwarded,
            unknown: totals.unknown,
            received: state.received,
            late: state.late,
            gaps: state.gaps,
            missing: state.missing,
            garbage: self.counters.garbage.load(Relaxed),
            unanswered: self.counters.unanswered.load(Relaxed),
            opened_unsynced: self.counters.opened_unsynced.load(Relaxed),
        }
    }

    /// Returns the topic on which the nodes are reached that hold the sockets of a recipient, and those
    /// nodes.
    pub(super) fn holders(&self, recipient: Option<&Recipient>) -> (Topic, Vec<NodeId>) {
        let state = self.state.lock();
        let named = recipient.and_then(|to| {
            let is_one = to.kind == RecipientType::Connection;
            is_one.then(|| to.value.parse::<ConnectionId>().ok())
        });
        match named {
            Some(Some(id)) => {
                let node = NodeId(id.node());
                let nodes = Some(node).filter(|node| state.knows(*node));
                (Topic::node(node.0), nodes.into_iter().collect())
            }
            Some(None) => (Topic::ALL, Vec::new()),
            None => (Topic::ALL, state.others().collect()),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn stays(why: NotForwarded) -> Forwarding {
    Forwarding::Settled(Forwarded::No(why))
}

/// How long a socket that opens, or a caller that has joined a group, waits for the marks of its
/// partitions.
const SYNC_WAIT: Duration = Duration::from_millis(250);

const BETWEEN_TWINS: Duration = Duration::from_secs(60);

/// How long the broker may take to confirm the farewell.
pub(super) const FAREWELL: Duration = Duration::from_millis(500);
