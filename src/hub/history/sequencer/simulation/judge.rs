//! What the sockets of a node have got, and whether it is what it ought to be.

use std::collections::HashSet;

use super::store::Store;
use crate::hub::history::sequencer::Last;

/// Milliseconds.
pub(super) type Time = u64;

/// What a node's sockets were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Message {
        id: u64,
        position: Option<(u64, u64)>,
    },
    Passed {
        epoch: u64,
        offset: u64,
    },
    Gap(Option<Last>),
}

/// How many of each there were in all runs.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) delivered: u64,
    pub(super) void: u64,
    pub(super) gaps: u64,
    pub(super) recovered: u64,
    pub(super) lost: u64,
    pub(super) rewinds: u64,
    pub(super) scars: u64,
    /// Nodes that began where the store was when they asked, and not with its first entry.
    pub(super) begun: u64,
}

/// No message twice, and places in order.
pub(super) fn check_order(seed: u64, log: &[Event]) {
    let mut ids = HashSet::new();
    let mut last = (0, 0);
    for event in log {
        let place = match *event {
            Event::Message { id, position } => {
                assert!(ids.insert(id), "seed {seed}: {id} came twice: {log:?}");
                position
            }
            Event::Passed { epoch, offset } => Some((epoch, offset)),
            Event::Gap(_) => None,
        };
        if let Some((epoch, offset)) = place {
            let is_next = epoch != last.0 || offset > last.1;
            assert!(is_next, "seed {seed}: {offset} after {last:?}: {log:?}");
            last = (epoch, offset);
        }
    }
}

/// What one node has published comes in that order: its ids grow.
pub(super) fn check_caller(seed: u64, log: &[Event], is_its: impl Fn(u64) -> bool) {
    let ids = log.iter().filter_map(Event::id).filter(|id| is_its(*id));
    let ids: Vec<_> = ids.collect();
    let wrong = ids.windows(2).find(|two| two[0] > two[1]);
    assert!(
        wrong.is_none(),
        "seed {seed}: {wrong:?} out of order: {log:?}"
    );
}

/// Whatever was published while a socket was there is in its log, or it was told of a gap.
pub(super) fn check_whole(seed: u64, log: &[Event], published: &[u64]) {
    let is_gap = log.iter().any(|event| matches!(event, Event::Gap(_)));
    let had: HashSet<_> = log.iter().filter_map(Event::id).collect();
    if !is_gap {
        for id in published {
            assert!(had.contains(id), "seed {seed}: {id} is lacking: {log:?}");
        }
    }
}

/// A client that goes on where its log ends has everything once.
pub(super) fn check_resume(
    seed: u64,
    log: &[Event],
    store: &Store,
    published: &[u64],
    totals: &mut Totals,
) {
    let mut position = None;
    let mut since_gap: Vec<u64> = Vec::new();
    let mut has_gap = false;
    for event in log {
        match event {
            Event::Message { id, position: at } => {
                position = *at;
                since_gap.push(*id);
            }
            Event::Passed { .. } => {}
            Event::Gap(at) => {
                has_gap = true;
                position = at.map(|last| (last.epoch, last.offset));
            }
        }
    }
    let Some((_, offset)) = position.filter(|(at, _)| *at == store.epoch) else {
        totals.lost += 1;
        return;
    };
    let replay: Vec<_> = store
        .entries
        .iter()
        .filter(|one| one.offset > offset)
        .collect();
    let is_trimmed = replay.first().is_some_and(|first| first.previous > offset);
    if is_trimmed || replay.iter().any(|one| one.is_scar) {
        totals.lost += 1;
        return;
    }
    totals.recovered += 1;
    let mut had: HashSet<u64> = since_gap.into_iter().collect();
    for one in replay {
        assert!(
            had.insert(one.id),
            "seed {seed}: {} comes twice with a resume from {offset}: {log:?} {store:?}",
            one.id
        );
    }
    if !has_gap {
        for id in published {
            assert!(
                had.contains(id),
                "seed {seed}: {id} is lost in a resume from {offset}: {log:?} {store:?}"
            );
        }
    }
}

impl Event {
    pub(super) fn id(&self) -> Option<u64> {
        match self {
            Self::Message { id, .. } => Some(*id),
            Self::Passed { .. } | Self::Gap(_) => None,
        }
    }
}

/// A gap is told only if something is lacking.
pub(super) fn check_gaps(seed: u64, log: &[Event], published: &[u64]) {
    let had: HashSet<_> = log.iter().filter_map(Event::id).collect();
    let is_gap = log.iter().any(|event| matches!(event, Event::Gap(_)));
    let is_complete = published.iter().all(|id| had.contains(id));
    assert!(!is_gap || !is_complete, "seed {seed}: a false gap: {log:?}");
}

impl Totals {
    pub(super) fn add(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.void += other.void;
        self.gaps += other.gaps;
        self.recovered += other.recovered;
        self.lost += other.lost;
        self.rewinds += other.rewinds;
        self.scars += other.scars;
        self.begun += other.begun;
    }
}
