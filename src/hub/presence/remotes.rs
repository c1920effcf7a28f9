//! Tracks which member reports of other nodes were received.

use std::{collections::BTreeMap, mem, time::Duration};

use tokio::time::Instant;

use crate::hub::cluster::{MemberEntry, MemberReport, MemberVersions, ReportPart};

/// The other nodes, and which of their reports this one has received. Pure: the time is an argument.
#[derive(Debug)]
pub(super) struct Remotes {
    nodes: BTreeMap<u64, Remote>,
    /// The partitions that this node hears, one bit for each.
    pub(super) heard: u64,
    /// Nodes that are to be asked for all their members of partitions, one bit for each.
    wanted: BTreeMap<u64, u64>,
    /// When one is to be asked again.
    due: Option<Instant>,
    /// How many bytes all snapshots of which parts have come may take.
    pub(super) max_waiting: usize,
}

#[derive(Debug, Default)]
struct Remote {
    incarnation: u64,
    /// As of the last heartbeat.
    versions: MemberVersions,
    partitions: BTreeMap<u8, Track>,
}

/// What is known of one node's members in one partition.
#[derive(Debug, Default)]
struct Track {
    /// The last report that was taken, if none is missing.
    version: Option<u64>,
    /// The last report of which this node knows.
    told: u64,
    /// Whether the heartbeat before told of more: one may be faster than a report that was made before it.
    is_behind: bool,
    /// What reports told of beyond the heartbeat before: one of them may be faster than a heartbeat.
    ahead: Option<u64>,
    /// Whether the kept members may differ from what the node reported.
    is_doubted: bool,
    /// When the node is to be asked again.
    asked_until: Option<Instant>,
    snapshot: Option<Box<Snapshot>>,
}

/// A snapshot of which parts have come, and what was reported since.
#[derive(Debug)]
struct Snapshot {
    version: u64,
    parts: u16,
    bytes: usize,
    entries: Vec<MemberEntry>,
    later: Vec<(u64, Vec<MemberEntry>)>,
}

/// What to do with a report.
#[derive(Debug)]
pub(super) enum Learned {
    Nothing,
    /// The node's members have changed.
    Changes(Vec<MemberEntry>),
    /// These are all of the node's members in the partition, and then what has changed since.
    All(Vec<MemberEntry>, Vec<MemberEntry>),
}

impl Remotes {
    /// Hears these partitions from now on. Returns those that it heard before and does not any more.
    pub(super) fn hears(&mut self, partitions: u64, now: Instant) -> u64 {
        let before = mem::replace(&mut self.heard, partitions);
        for (&node, remote) in &mut self.nodes {
            (remote.partitions).retain(|partition, _| partitions >> partition & 1 == 1);
            let wanted = remote.look(partitions, false, now);
            want(&mut self.wanted, node, wanted);
        }
        self.note_due();
        before & !partitions
    }

    /// Takes a node's heartbeat. Returns whether what was known of it is another process's.
    pub(super) fn beat(
        &mut self,
        node: u64,
        incarnation: u64,
        versions: MemberVersions,
        now: Instant,
    ) -> bool {
        let remote = self.nodes.entry(node).or_default();
        let is_other = remote.incarnation != incarnation && !remote.partitions.is_empty();
        if remote.incarnation != incarnation {
            *remote = Remote {
                incarnation,
                ..Remote::default()
            };
        }
        let before = mem::replace(&mut remote.versions, versions);
        for (partition, track) in &mut remote.partitions {
            let known = track.version;
            let lacks = |versions: &MemberVersions| {
                known.is_some_and(|known| known < versions.get(*partition))
            };
            // What was told of before this heartbeat, and is still missing, will not come.
            if track.is_behind && lacks(&before) {
                track.version = None;
            }
            track.is_behind = lacks(&remote.versions);
            track.check(remote.versions.get(*partition));
        }
        let wanted = remote.look(self.heard, true, now);
        want(&mut self.wanted, node, wanted);
        self.note_due();
        is_other
    }

    /// Takes a report.
    pub(super) fn report(
        &mut self,
        node: u64,
        incarnation: u64,
        partition: u8,
        report: MemberReport,
        now: Instant,
    ) -> Learned {
        if self.heard >> partition & 1 == 0 {
            return Learned::Nothing;
        }
        let room = self.max_waiting.saturating_sub(self.waiting());
        let remote = self.nodes.get_mut(&node);
        // Its heartbeat tells of it first.
        let Some(remote) = remote.filter(|remote| remote.incarnation == incarnation) else {
            return Learned::Nothing;
        };
        let track = remote.partitions.entry(partition).or_default();
        let learned = track.take(report, room);
        let wanted = remote.look(self.heard, false, now);
        want(&mut self.wanted, node, wanted);
        self.note_due();
        learned
    }

    /// Forgets a node.
    pub(super) fn gone(&mut self, node: u64) {
        self.nodes.remove(&node);
        self.wanted.remove(&node);
        self.note_due();
    }

    /// Has all nodes asked for all their members: some may not have been kept.
    pub(super) fn start_again(&mut self, now: Instant) {
        let remotes = self.nodes.values_mut();
        for track in remotes.flat_map(|remote| remote.partitions.values_mut()) {
            (track.version, track.asked_until) = (None, Some(now));
            track.is_doubted = true;
        }
        self.note_due();
    }

    /// Asks again where no answer has come.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        for (&node, remote) in &mut self.nodes {
            let wanted = remote.look(self.heard, false, now);
            want(&mut self.wanted, node, wanted);
        }
        self.note_due();
    }

    /// Returns the nodes that are to be asked now, with the partitions.
    pub(super) fn take_wanted(&mut self) -> Vec<(u64, u64)> {
        mem::take(&mut self.wanted).into_iter().collect()
    }

    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        if self.wanted.is_empty() {
            self.due
        } else {
            Some(now)
        }
    }

    /// Whether all that the others have said of a partition is known.
    pub(super) fn is_synced(&self, partition: u8) -> bool {
        let is_synced = |remote: &Remote| {
            let track = remote.partitions.get(&partition);
            track.is_some_and(|track| {
                let told = track.told.max(remote.versions.get(partition));
                track.version.is_some_and(|version| version >= told)
            })
        };
        self.heard >> partition & 1 == 1 && self.nodes.values().all(is_synced)
    }

    /// Returns the bytes of all snapshots of which parts have come.
    pub(super) fn waiting(&self) -> usize {
        let remotes = self.nodes.values();
        let tracks = remotes.flat_map(|remote| remote.partitions.values());
        let snapshots = tracks.filter_map(|track| track.snapshot.as_ref());
        snapshots.map(|snapshot| snapshot.bytes).sum()
    }

    fn note_due(&mut self) {
        let remotes = self.nodes.values();
        let tracks = remotes.flat_map(|remote| remote.partitions.values());
        let lacking = tracks.filter(|track| track.version.is_none());
        self.due = lacking.filter_map(|track| track.asked_until).min();
    }
}

impl Default for Remotes {
    fn default() -> Self {
        Self {
            nodes: BTreeMap::new(),
            heard: 0,
            wanted: BTreeMap::new(),
            due: None,
            max_waiting: MAX_WAITING,
        }
    }
}

impl Remote {
    /// Returns the partitions of which all members are to be asked for now, one bit for each. `is_fresh`:
    /// whether the heartbeat has just come, so that a partition of which it says nothing has no members.
    fn look(&mut self, heard: u64, is_fresh: bool, now: Instant) -> u64 {
        let mut wanted = 0;
        for partition in (0..64).filter(|at| heard >> at & 1 == 1) {
            let track = self.partitions.entry(partition).or_default();
            if track.version.is_some() {
                continue;
            }
            let is_empty = self.versions.get(partition) == 0 && track.told == 0;
            if is_fresh && is_empty && !track.is_doubted {
                track.version = Some(0);
            } else if track.asked_until.is_none_or(|until| until <= now) {
                track.asked_until = Some(now + BETWEEN_REQUESTS);
                wanted |= 1 << partition;
            }
        }
        wanted
    }
}

impl Track {
    /// Starts again if reports told of more than the node has made, as of its heartbeat and the one before.
    fn check(&mut self, made: u64) {
        let told = self.told.max(self.version.unwrap_or_default());
        if self.ahead.is_some_and(|ahead| ahead > made) {
            *self = Self {
                told: made,
                is_doubted: true,
                ..Self::default()
            };
        } else {
            self.ahead = (told > made).then_some(told);
        }
    }

    /// Takes a report. `room`: the bytes that snapshots may still take.
    fn take(&mut self, report: MemberReport, room: usize) -> Learned {
        let MemberReport {
            version,
            part,
            entries,
        } = report;
        self.told = self.told.max(version);
        let bytes = entries.iter().map(bytes_of).sum::<usize>();
        match (part, self.version) {
            (ReportPart::Changes, Some(known)) if version <= known => Learned::Nothing,
            (ReportPart::Changes, Some(known)) if known.checked_add(1) == Some(version) => {
                self.version = Some(version);
                Learned::Changes(entries)
            }
            (ReportPart::Changes, known) => {
                if known.is_some() {
                    self.version = None;
                    self.asked_until = None;
                }
                if bytes > room {
                    self.snapshot = None;
                }
                if let Some(snapshot) = &mut self.snapshot {
                    snapshot.bytes += bytes;
                    snapshot.later.push((version, entries));
                }
                Learned::Nothing
            }
            // It is another node that lacks something.
            (ReportPart::Snapshot { .. }, Some(known)) if known >= version => Learned::Nothing,
            (ReportPart::Snapshot { number, is_last }, _) => {
                if bytes > room && !(number == 0 && is_last) {
                    self.snapshot = None;
                    return Learned::Nothing;
                }
                self.take_part(version, number, is_last, bytes, entries)
            }
        }
    }

    /// Takes a part of a snapshot. Those that have missed one ask again.
    fn take_part(
        &mut self,
        version: u64,
        number: u16,
        is_last: bool,
        bytes: usize,
        mut entries: Vec<MemberEntry>,
    ) -> Learned {
        let snapshot = match (number, self.snapshot.take()) {
            (0, _) => Snapshot {
                version,
                parts: 1,
                bytes,
                entries,
                later: Vec::new(),
            },
            (number, Some(mut before)) if (before.version, before.parts) == (version, number) => {
                before.bytes += bytes;
                before.entries.append(&mut entries);
                before.parts = number.saturating_add(1);
                *before
            }
            _ => return Learned::Nothing,
        };
        if !is_last {
            self.snapshot = Some(Box::new(snapshot));
            return Learned::Nothing;
        }
        let mut known = version;
        let mut later = Vec::new();
        for (version, mut entries) in snapshot.later {
            if known.checked_add(1) == Some(version) {
                known = version;
                later.append(&mut entries);
            }
        }
        self.version = Some(known);
        (self.is_behind, self.is_doubted) = (false, false);
        self.asked_until = None;
        Learned::All(snapshot.entries, later)
    }
}

fn want(wanted: &mut BTreeMap<u64, u64>, node: u64, partitions: u64) {
    if partitions != 0 {
        *wanted.entry(node).or_default() |= partitions;
    }
}

/// How long a node may take to send a snapshot before it is asked again.
const BETWEEN_REQUESTS: Duration = Duration::from_secs(3);

/// Returns at least the bytes that an entry takes here.
fn bytes_of(entry: &MemberEntry) -> usize {
    size_of::<MemberEntry>() + entry.len()
}

/// The bytes of all snapshots of which parts have come: a bound on what forged frames can take. One without
/// room is asked for again.
const MAX_WAITING: usize = 256 << 20;
