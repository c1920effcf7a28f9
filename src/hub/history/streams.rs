//! The streams of a hub, and how a message gets its place in one.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    mem,
    sync::{Arc, OnceLock, Weak},
};

use indexmap::IndexMap;
use tokio::time::Instant;

use super::{
    entry::Entry,
    lane::{Lane, State, positioned},
    order::Order,
    ring::{Place, Ring},
    rules::Rules,
    store::{Shared, Sockets},
};
use crate::{
    config::{Config, Retention},
    frame::Frame,
    history::{History, StreamKey},
    hub::cluster::{Continuity, Way},
    protocol::{DefaultAudience, Position, Recipient, StreamName, StreamRef, stream_of},
    sync::{
        Delivering, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// The streams of a hub that has rules for some.
pub(in crate::hub) struct Streams {
    rules: Rules,
    /// The key of the stream-name hashes.
    key: Box<[u8]>,
    /// Whether that key is shared by all nodes and secret from clients.
    is_keyed: bool,
    random: RandomState,
    /// The serial number from which the next entry's id is made.
    serial: AtomicU64,
    /// Set once the hub joins a cluster.
    nodes: OnceLock<(Arc<Continuity>, Weak<dyn Sockets>)>,
    /// The store that orders the streams, if it is not this process.
    shared: OnceLock<Arc<Shared>>,
    pub(super) default_audience: DefaultAudience,
    pub(super) max_bytes: usize,
    /// How many bytes one stream may hold, so that there is room for others.
    pub(super) max_ring_bytes: usize,
    /// The most bytes that are replayed to one socket.
    pub(super) max_replay_bytes: usize,
    pub(super) lanes: Mutex<Lanes>,
    pub(super) bytes: AtomicUsize,
    pub(super) totals: Totals,
}

/// The known lanes, and when they are swept next.
#[derive(Debug)]
pub(super) struct Lanes {
    pub(super) by_name: IndexMap<StreamName, Arc<Lane>>,
    pub(super) sweep_at: Instant,
    /// Where the next sweep begins.
    pub(super) swept: usize,
    /// How many lanes get messages through each partition.
    partitions: [u32; 64],
    /// Whether a partition got its first lane since the last call of [`Streams::take_growth`].
    grew: bool,
}

#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) appended: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) void: AtomicU64,
    pub(super) recovered: AtomicU64,
    pub(super) lost: AtomicU64,
}

/// A stream that has a rule.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub) struct Kept<'a> {
    pub(super) stream: StreamRef<'a>,
    pub(super) keep: Retention,
}

impl Streams {
    /// Returns `None` if the configuration keeps nothing.
    pub(in crate::hub) fn new(config: &Config) -> Option<Self> {
        if config.history.is_empty() {
            return None;
        }
        let key = config.cluster_key.as_ref().map(|key| key.as_bytes());
        Some(Self {
            rules: Rules::new(&config.history),
            key: key.unwrap_or(b"web-connection-socket").into(),
            is_keyed: key.is_some(),
            random: RandomState::new(),
            nodes: OnceLock::new(),
            shared: OnceLock::new(),
            serial: AtomicU64::new(0),
            default_audience: config.default_audience,
            max_bytes: config.max_history_bytes,
            max_ring_bytes: config.max_history_bytes / 4 * 3,
            max_replay_bytes: config.max_queue_bytes / 2,
            lanes: Mutex::new(Lanes {
                by_name: IndexMap::new(),
                sweep_at: Instant::now(),
                swept: 0,
                partitions: [0; 64],
                grew: false,
            }),
            bytes: AtomicUsize::new(0),
            totals: Totals::default(),
        })
    }

    /// Marks every stream as broken whenever messages of other nodes may have been missed.
    pub(in crate::hub) fn depend_on(
        &self,
        continuity: &Arc<Continuity>,
        sockets: Weak<dyn Sockets>,
    ) {
        self.nodes.get_or_init(|| (continuity.clone(), sockets));
    }

    /// Keeps the messages in a store from now on. Returns `false` if there is one already.
    pub(in crate::hub) fn share(&self, store: impl History, sockets: Weak<dyn Sockets>) -> bool {
        // Held, since a stream that is used meanwhile asks under it whether there is a store.
        let lanes = self.lanes.lock();
        let shared = Arc::new(Shared::new(store, sockets));
        lanes.by_name.is_empty() && self.shared.set(shared).is_ok()
    }

    /// Returns the store that keeps the messages, if it is not this process.
    pub(super) fn shared(&self) -> Option<&Arc<Shared>> {
        self.shared.get()
    }

    /// Whether a store keeps the messages.
    pub(in crate::hub) fn is_shared(&self) -> bool {
        self.shared.get().is_some()
    }

    /// Returns the partitions through which messages of known streams come, one bit for each.
    pub(in crate::hub) fn partitions(&self) -> u64 {
        let lanes = self.lanes.lock();
        let numbered = lanes.partitions.iter().enumerate();
        numbered.fold(0, |bits, (at, count)| bits | u64::from(*count > 0) << at)
    }

    /// Makes a stream known, and returns the partition through which its messages come, as one bit.
    pub(in crate::hub) fn partition_of(&self, kept: Kept<'_>) -> u64 {
        let way = self.lane(kept).way;
        way.partition().map_or(0, |at| 1 << at)
    }

    /// Whether a partition was added since the last call.
    pub(in crate::hub) fn take_growth(&self) -> bool {
        mem::take(&mut self.lanes.lock().grew)
    }

    /// Returns the stream of a message for these recipients, if it belongs to one that is kept.
    pub(in crate::hub) fn kept_of<'a>(&self, recipients: &'a [Recipient]) -> Option<Kept<'a>> {
        let stream = stream_of(recipients, self.default_audience)?;
        let kept = self.kept(stream)?;
        if Delivering::is_under_way() {
            self.pass_by(kept);
            return None;
        }
        Some(kept)
    }

    /// Returns a stream if it is kept.
    pub(in crate::hub) fn kept<'a>(&self, stream: StreamRef<'a>) -> Option<Kept<'a>> {
        let keep = self.rules.find(stream)?;
        Some(Kept { stream, keep })
    }

    /// Returns the hash that replaces a stream's name in positions.
    pub(in crate::hub) fn hash_of(&self, stream: StreamRef<'_>) -> u64 {
        let known = self.lanes.lock().by_name.get(&stream).cloned();
        known.map_or_else(|| self.hash(stream), |lane| lane.hash)
    }

    fn hash(&self, stream: StreamRef<'_>) -> u64 {
        (stream.digest(&self.key) >> 64) as u64
    }

    /// Gives a message its place in its stream, and delivers the frame with that position before the
    /// stream's next message gets its own. The place is `None` if this is not the JSON of a message.
    ///
    /// To be called without a lock. `deliver` may broadcast, but keeps nothing of that.
    pub(in crate::hub) fn publish<R>(
        &self,
        kept: Kept<'_>,
        recipients: &[Recipient],
        plain: &Frame,
        deliver: impl FnOnce(&Frame) -> R,
    ) -> (Option<Position>, R) {
        let published = self.with_lane(kept, |lane, state| {
            let place = self.next_place(state);
            let position = lane.position(state.epoch, place);
            let Some(frame) = positioned(plain, &position) else {
                return (None, deliver(plain));
            };
            let entry = Entry {
                offset: place.offset,
                tag: place.tag,
                at: state.used,
                frame: frame.clone(),
                excludes: Entry::excludes_of(recipients),
            };
            // Before the delivery: if that panics, the offset must not be given again.
            self.change(state, |ring| {
                ring.push(entry, &lane.keep, self.max_ring_bytes)
            });
            self.totals.appended.fetch_add(1, Relaxed);
            let _delivering = Delivering::begin();
            (Some(position), deliver(&frame))
        });
        self.keep_bound();
        published
    }

    /// Locks the lane of a stream, which is made if it is not known yet.
    pub(super) fn with_lane<R>(
        &self,
        kept: Kept<'_>,
        act: impl FnOnce(&Arc<Lane>, &mut State) -> R,
    ) -> R {
        assert!(
            !Delivering::is_under_way(),
            "code that runs inside a delivery asked for a stream, and would wait for itself: ask in a task \
             of your own"
        );
        loop {
            let lane = self.lane(kept);
            let mut state = lane.lock();
            if !state.is_forgotten {
                state.used = Instant::now();
                state.idle_since = None;
                self.note_breaks(&lane, &mut state);
                return act(&lane, &mut state);
            }
        }
    }

    /// Whether no message of the stream is on its way to the sockets' queues at this moment.
    pub(super) fn is_free(&self, kept: Kept<'_>) -> bool {
        self.lane(kept).try_lock().is_some()
    }

    /// Notes that a message goes to a stream's sockets without a place in it, since this thread holds a
    /// lane: clients cannot resume from positions before it.
    fn pass_by(&self, kept: Kept<'_>) {
        self.totals.void.fetch_add(1, Relaxed);
        self.lane(kept).passed_by.store(true, Relaxed);
    }

    /// Changes what a lane keeps, and the total of bytes with it.
    pub(super) fn change(&self, state: &mut State, change: impl FnOnce(&mut Ring)) {
        let before = state.ring.bytes();
        change(&mut state.ring);
        let after = state.ring.bytes();
        if after > before {
            self.bytes.fetch_add(after - before, Relaxed);
        } else {
            self.bytes.fetch_sub(before - after, Relaxed);
        }
    }

    /// Notes a break, as a place of its own, if messages may be missing before it. If they are other nodes'
    /// messages, tells this node's sockets before any later message. With a store it does nothing: the
    /// store is asked for them instead.
    pub(super) fn note_breaks(&self, lane: &Lane, state: &mut State) {
        if state.order.is_some() {
            return;
        }
        let breaks = self.breaks(lane.way);
        let is_gap = state.breaks != breaks;
        if lane.passed_by.swap(false, Relaxed) || is_gap {
            state.breaks = breaks;
            let place = self.next_place(state);
            state.ring.break_off(place);
            if is_gap {
                self.tell_gap(lane, &lane.position(state.epoch, place));
            }
        }
    }

    fn tell_gap(&self, lane: &Lane, position: &Position) {
        let sockets = self.nodes.get().and_then(|(_, sockets)| sockets.upgrade());
        if let Some(sockets) = sockets {
            self.totals.gaps.fetch_add(1, Relaxed);
            let _delivering = Delivering::begin();
            sockets.tell_followers(&lane.name, &lane.gap(position));
        }
    }

    pub(super) fn breaks(&self, way: Way) -> u64 {
        let nodes = self.nodes.get();
        nodes.map_or(0, |(continuity, _)| continuity.breaks(way))
    }

    /// Returns a number that changes whenever any messages may have been missed.
    pub(super) fn all_breaks(&self) -> u64 {
        let nodes = self.nodes.get();
        nodes.map_or(0, |(continuity, _)| continuity.total())
    }

    /// Returns a random number that is not 0.
    pub(super) fn next_id(&self) -> u64 {
        let serial = self.serial.fetch_add(1, Relaxed);
        self.random.hash_one(("entry", serial)).max(1)
    }

    fn next_place(&self, state: &State) -> Place {
        let offset = state.ring.top().offset + 1;
        let tag = self.random.hash_one((state.epoch, offset)) as u32;
        Place { offset, tag }
    }

    fn lane(&self, kept: Kept<'_>) -> Arc<Lane> {
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.by_name.get(&kept.stream) {
            return lane.clone();
        }
        let name = kept.stream.to_name();
        // The keys of a `RandomState` are random; 0 is the epoch that does not exist.
        let epoch = RandomState::new().hash_one(&name).max(1);
        let hash = self.hash(kept.stream);
        let breaks = self.breaks(Way::of(kept.stream));
        let order = self.is_shared().then(|| {
            let key = StreamKey::new(kept.stream.digest(&self.key));
            Order::new(key, self.next_id())
        });
        // Without a secret key that all nodes share, only this process recognizes the tags it gave out.
        let secret = if self.is_keyed {
            kept.stream.digest(&self.key)
        } else {
            u128::from(self.random.hash_one(("beginning", hash)))
        };
        let keep = kept.keep;
        let lane = Lane::new(name.clone(), hash, keep, secret, epoch, breaks, order);
        let lane = Arc::new(lane);
        lanes.insert(name, lane.clone());
        self.bytes.fetch_add(lane.cost(), Relaxed);
        lane
    }
}

impl Lanes {
    fn insert(&mut self, name: StreamName, lane: Arc<Lane>) {
        if let Some(at) = lane.way.partition() {
            let count = &mut self.partitions[usize::from(at)];
            self.grew |= *count == 0;
            *count += 1;
        }
        self.by_name.insert(name, lane);
    }

    pub(super) fn remove(&mut self, lane: &Lane) {
        if let Some(at) = lane.way.partition() {
            self.partitions[usize::from(at)] -= 1;
        }
        self.by_name.swap_remove(&lane.name);
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streams")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
