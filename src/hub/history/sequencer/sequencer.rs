//! What has happened to a stream on this node, and what arrives.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    effect::{Body, Effect, Last, Place, Weight},
    scars::Scars,
    turn::{OWN_WAIT, Turn},
    voids::Voids,
};

/// The order of one stream on this node.
#[derive(Debug)]
pub(in crate::hub::history) struct Sequencer<T> {
    /// What was delivered last, or `None` if nothing was since the stream had no sockets here.
    pub(super) last: Option<Last>,
    /// The highest offset known to exist in the epoch of `last`.
    pub(super) top: u64,
    /// What came first, as long as messages before it may be under way from other nodes.
    pub(super) beginning: Option<Beginning>,
    /// Entries of the epoch of `last` that came too early, by offset.
    pub(super) held: BTreeMap<u64, Held<T>>,
    /// Entries of other epochs, in the order of arrival.
    pub(super) strange: Vec<Held<T>>,
    pub(super) held_bytes: usize,
    /// This node's appends that the store has not answered.
    pub(super) pending: VecDeque<Pending<T>>,
    pub(super) voids: Voids,
    /// What was delivered lately: offset and id, and when.
    pub(super) seen: VecDeque<(u64, u64, Instant)>,
    /// How many of the newest `seen` entries are contiguous.
    pub(super) unbroken: usize,
    /// Where other epochs have ended.
    pub(super) before: VecDeque<Last>,
    /// Since when something is lacking.
    pub(super) hole: Option<Instant>,
    /// When the store is to be asked.
    pub(super) read_at: Option<Instant>,
    pub(super) is_reading: bool,
    /// When a read was asked for last, and when `top` last grew by what arrived.
    pub(super) reading_since: Option<Instant>,
    pub(super) grew: Option<Instant>,
    /// Whether it is to be asked even if nothing is known to lack.
    pub(super) is_asked: bool,
    /// The highest offset that was delivered late, and when.
    pub(super) late: Option<(u64, Instant)>,
    /// When the store answered a read last.
    pub(super) said: Option<Instant>,
    pub(super) scars: Scars,
    /// How many turns were given.
    pub(super) turns: u64,
}

/// Where a stream begins whose sockets still get what is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    /// All of that is before this offset.
    pub(super) offset: u64,
    /// When all of it has come.
    pub(super) until: Instant,
}

/// An entry that waits for those before it.
#[derive(Debug)]
pub(super) struct Held<T> {
    pub(super) place: Place,
    pub(super) body: Body<T>,
    /// Whether this node has had it appended.
    pub(super) is_own: bool,
    /// Whether it needs no more forwarding.
    pub(super) is_told: bool,
    /// The turn of a message that the sockets do not have, unless only the store has brought it.
    pub(super) turn: Option<Turn>,
    pub(super) came: Instant,
}

/// An append that the store has not answered.
#[derive(Debug)]
pub(super) struct Pending<T> {
    pub(super) id: u64,
    /// `None` when the sockets have it.
    pub(super) message: Option<T>,
    pub(super) turn: Turn,
}

impl<T> Held<T> {
    /// Returns an entry that another node has had appended. Without a turn it comes from the store.
    pub(super) fn foreign(place: Place, body: Body<T>, turn: Option<Turn>, came: Instant) -> Self {
        Self {
            place,
            body,
            is_own: false,
            is_told: true,
            turn,
            came,
        }
    }
}

impl<T> Sequencer<T> {
    /// Returns the order of a stream of which nothing is known yet, with a random number of its own.
    pub(in crate::hub::history) fn new(random: u64) -> Self {
        Self {
            last: None,
            top: 0,
            beginning: None,
            held: BTreeMap::new(),
            strange: Vec::new(),
            held_bytes: 0,
            pending: VecDeque::new(),
            voids: Voids::default(),
            seen: VecDeque::new(),
            unbroken: 0,
            before: VecDeque::new(),
            hole: None,
            read_at: None,
            is_reading: false,
            reading_since: None,
            grew: None,
            is_asked: false,
            late: None,
            said: None,
            scars: Scars::new(random),
            turns: 0,
        }
    }
}

impl<T: Clone + Weight> Sequencer<T> {
    /// Takes the answer of the store to an append.
    pub(in crate::hub::history) fn answered(
        &mut self,
        place: Place,
        now: Instant,
    ) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        // A faster read has already brought it.
        let Some((body, turn)) = self.take_answered(place.id) else {
            return effects;
        };
        let held = Held {
            place,
            body,
            is_own: true,
            is_told: false,
            turn,
            came: now,
        };
        self.place(held, now, &mut effects);
        self.settle(now, &mut effects);
        effects
    }

    /// Takes an entry that another node has had appended, the sender.
    pub(in crate::hub::history) fn arrived(
        &mut self,
        place: Place,
        body: Body<T>,
        sender: u64,
        now: Instant,
    ) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        if matches!(body, Body::Passed) && !self.voids.contains(place.id) {
            // Its message has not come: the store has it.
            match self.last {
                Some(last) if last.epoch != place.epoch => self.read_soon(now),
                Some(_) => self.grow(place.offset, now),
                None => {}
            }
            self.settle(now, &mut effects);
            return effects;
        }
        let is_message = matches!(body, Body::Message(_));
        let turn = is_message.then(|| self.next_turn(Some(sender), now));
        let held = Held::foreign(place, body, turn, now);
        self.place(held, now, &mut effects);
        self.settle(now, &mut effects);
        effects
    }

    /// Takes a message that another node has delivered without a place, the sender.
    pub(in crate::hub::history) fn arrived_void(
        &mut self,
        id: u64,
        message: T,
        sender: u64,
        now: Instant,
    ) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        if !self.is_known(id) {
            let turn = self.next_turn(Some(sender), now);
            // It may itself be one of those that wait.
            self.hurry(turn, now, &mut effects);
            self.deliver_void(turn, id, message, now, &mut effects);
        }
        effects
    }

    /// Has the store asked, since something may be lacking that nothing here shows.
    pub(in crate::hub::history) fn ask(&mut self, now: Instant) {
        if self.last.is_some() {
            self.read_soon(now);
        }
    }

    /// Forgets the place in the stream, since it has no sockets here. What comes next is the first again.
    pub(in crate::hub::history) fn forget(&mut self, now: Instant) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        let held = mem::take(&mut self.held).into_values();
        let strange = mem::take(&mut self.strange);
        let own = held.chain(strange).filter(|held| held.is_own);
        let mut own: Vec<_> = own.collect();
        own.sort_by_key(|held| held.turn);
        for mut held in own {
            self.go_out(&mut held, now, &mut effects);
            if let Body::Message(message) = held.body {
                effects.push(Effect::Deliver {
                    id: held.place.id,
                    message,
                    place: Some(held.place),
                    is_void: true,
                });
            }
        }
        self.held_bytes = 0;
        self.voids.close_others();
        self.last = None;
        self.top = 0;
        (self.seen, self.unbroken) = (VecDeque::new(), 0);
        (self.beginning, self.late) = (None, None);
        (self.hole, self.read_at, self.is_asked) = (None, None, false);
        effects
    }

    /// Does what is due.
    pub(in crate::hub::history) fn tick(&mut self, now: Instant) -> Vec<Effect<T>> {
        let mut effects = Vec::new();
        self.beginning.take_if(|beginning| now >= beginning.until);
        self.give_up_waiting(now, &mut effects);
        while self
            .pending
            .front()
            .is_some_and(|one| now >= one.turn.at + LOST)
        {
            let Some(lost) = self.pending.pop_front() else {
                break;
            };
            self.scars.miss(lost.id, now);
        }
        if self.hole.is_some_and(|since| now >= since + GIVE_UP) {
            self.skip_hole(now, &mut effects);
        }
        self.late.take_if(|(_, at)| now >= *at + SEEN);
        let overdue = self.voids.overdue(now);
        for id in overdue {
            self.scars.miss(id, now);
        }
        if self.scars.due().is_some_and(|at| now >= at) {
            let (id, scar) = self.scars.begin(now);
            effects.push(Effect::Scar { id, scar });
        }
        if !self.is_reading && self.read_at.is_some_and(|at| now >= at) {
            self.read_at = None;
            if let Some(last) = self.last {
                self.is_reading = true;
                self.reading_since = Some(now);
                effects.push(Effect::Read(last));
            }
        }
        self.settle(now, &mut effects);
        effects
    }

    /// Returns when [`tick`](Self::tick) has something to do, if nothing else happens.
    pub(in crate::hub::history) fn due(&self, now: Instant) -> Option<Instant> {
        let waiting = self.pending.iter().find(|one| one.message.is_some());
        let waiting = waiting.map(|one| one.turn);
        let held = self.held.values().chain(&self.strange);
        let waiting = held.filter_map(|held| held.turn).chain(waiting);
        let waiting = waiting.filter(Turn::is_own).min();
        let oldest = self.pending.front();
        [
            oldest.map(|one| one.turn.at + LOST),
            waiting.map(|turn| turn.at + OWN_WAIT),
            self.hole.map(|since| since + GIVE_UP),
            self.beginning.map(|beginning| beginning.until),
            self.late.map(|(_, at)| at + SEEN),
            self.read_at.filter(|_| !self.is_reading),
            self.scars.due(),
            self.voids.due(now),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Returns what was delivered last.
    pub(in crate::hub::history) fn last(&self) -> Option<Last> {
        self.last
    }

    /// Returns until when messages may come that other nodes have published before what came first here:
    /// what is sent meanwhile must not be resumed from.
    pub(in crate::hub::history) fn beginning(&self, now: Instant) -> Option<Instant> {
        let until = self.beginning.map(|beginning| beginning.until);
        until.filter(|until| now < *until)
    }

    /// Whether sockets must not resume now: they may have missed a message that no store holds.
    pub(in crate::hub::history) fn is_open(&self) -> bool {
        // Behind what was delivered late, after the store has denied what was delivered before that.
        let late = self.late.map_or(0, |(offset, _)| offset);
        let is_behind = self.last.is_some_and(|last| last.offset < late);
        is_behind || self.voids.is_open() || self.scars.is_open()
    }

    /// Whether the stream may be forgotten on this node.
    pub(in crate::hub::history) fn is_idle(&self, now: Instant) -> bool {
        self.pending.is_empty() && !self.is_reading && !self.is_open() && self.due(now).is_none()
    }

    /// Takes back what the store was asked to append, and its turn. It is nothing if the sockets have
    /// it already.
    pub(super) fn take_answered(&mut self, id: u64) -> Option<(Body<T>, Option<Turn>)> {
        if let Some(scar) = self.scars.answered(id) {
            return Some((Body::Scar(scar), None));
        }
        let pending = self.take_pending(id)?;
        let body = pending.message.map_or(Body::Passed, Body::Message);
        Some((body, Some(pending.turn)))
    }

    pub(super) fn take_pending(&mut self, id: u64) -> Option<Pending<T>> {
        let at = self.pending.iter().position(|pending| pending.id == id)?;
        self.pending.remove(at)
    }

    /// Whether the sockets have had a message.
    pub(super) fn is_known(&self, id: u64) -> bool {
        self.voids.contains(id) || self.has_seen(id)
    }

    pub(super) fn has_seen(&self, id: u64) -> bool {
        self.seen.iter().any(|(_, seen, _)| *seen == id)
    }
}

/// How long what is lacking may take before the store is asked for it.
pub(super) const HOLE_WAIT: Duration = Duration::from_millis(100);

/// How long it may take before it is a gap.
pub(super) const GIVE_UP: Duration = Duration::from_secs(1);

/// How long the last entries are known: longer than it takes until all nodes have a message.
pub(super) const SEEN: Duration = Duration::from_secs(30);

/// After how long an append counts as failed even if nothing says so: the task that waited for it is gone.
const LOST: Duration = Duration::from_secs(10);
