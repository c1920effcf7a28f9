//! Broadcasting: which sockets a message is for, and which road it takes to each.

use std::{cell::RefCell, sync::Arc};

use super::{
    delivery::{Backlog, Crew, Kind, Opening, Outbox, Published, Push, Wake},
    history::{Kept, Streams},
    hub::Hub,
    phase::{Phase, ShuttingDown},
    socket_entry::SocketEntry,
};
use crate::{
    frame::Frame,
    protocol::{
        BroadcastReport, CloseReason, Position, Recipient, RecipientType, SocketMessage,
        selects_all,
    },
    sync::atomic::Ordering::Relaxed,
};

impl Hub {
    /// Queues a message for each socket that its recipients select, encoded once.
    ///
    /// Never waits for a client: each queue is bounded, and
    /// [`Config::overflow`](crate::Config::overflow) says what happens when one is full. If messages for
    /// all sockets come faster than they are written, the call writes as much itself as its own message
    /// means, for some 10 ms at most, or 100 ms if there is no room for it; no other use of the hub waits
    /// for that. If there is none then, the message is queued for no socket, and the report counts all of
    /// them as dropped.
    ///
    /// Messages that one caller broadcasts one after the other reach each socket in that order. Those of a
    /// stream that a store orders may arrive up to 250 ms later than the caller's following messages to other
    /// recipients; among themselves they keep their order.
    ///
    /// A [`shutdown`](Self::shutdown) closes sockets one by one: those whose turn is still to come are
    /// selected, and none after the last one's.
    pub fn broadcast(&self, message: &SocketMessage) -> BroadcastReport {
        self.try_broadcast(message)
            .unwrap_or_else(|_| self.report_of_closing())
    }

    /// Like [`broadcast`](Self::broadcast), but fails once the hub is closing.
    pub(crate) fn try_broadcast(
        &self,
        message: &SocketMessage,
    ) -> Result<BroadcastReport, ShuttingDown> {
        if let Some((streams, kept)) = self.kept_of(&message.recipients) {
            if streams.is_shared() {
                return self.submit(streams, kept, message);
            }
            return self.publish(streams, kept, message);
        }
        let mut frame = None;
        let encode = || Frame::message(message);
        let mut report = self.spread(&message.recipients, &mut frame, encode)?;
        if let Some(forwarding) = self.forward(message, frame) {
            report.forwarded = forwarding;
        }
        Ok(report)
    }

    /// Queues another node's message for this node's sockets.
    pub(super) fn broadcast_foreign(&self, recipients: &[Recipient], frame: &Frame) {
        let spread = match self.kept_of(recipients) {
            // What a store keeps comes as entries; this is of a node that has no store.
            Some((streams, kept)) if !streams.is_shared() => {
                self.spread_kept(streams, kept, recipients, frame).1
            }
            _ => self.spread(recipients, &mut None, || frame.clone()),
        };
        if spread.is_err() {
            tracing::trace!("dropped another node's message, since the hub is closing");
        }
    }

    /// Queues a message of a stream that is kept.
    fn publish(
        &self,
        streams: &Streams,
        kept: Kept<'_>,
        message: &SocketMessage,
    ) -> Result<BroadcastReport, ShuttingDown> {
        let plain = Frame::message(message);
        let (position, report) = self.spread_kept(streams, kept, &message.recipients, &plain);
        let mut report = report?;
        report.position = position;
        if let Some(forwarding) = self.forward(message, Some(plain)) {
            report.forwarded = forwarding;
        }
        Ok(report)
    }

    /// Gives a message its place in its stream, and queues it for this node's sockets.
    fn spread_kept(
        &self,
        streams: &Streams,
        kept: Kept<'_>,
        recipients: &[Recipient],
        plain: &Frame,
    ) -> (Option<Position>, Result<BroadcastReport, ShuttingDown>) {
        // Before the stream is in hand, since it panics.
        Outbox::forbid_in_a_write();
        {
            let state = self.state.lock();
            if state.phase == Phase::Closing {
                return (None, Err(state.shutting_down()));
            }
        }
        if selects_all(recipients, self.default_audience) {
            // As far as this takes time, others may publish to the stream meanwhile.
            self.make_room(plain.cost());
        }
        let published = streams.publish(kept, recipients, plain, |frame| {
            self.spread(recipients, &mut None, || frame.clone())
        });
        self.tend_history(streams);
        published
    }

    /// Queues a message for this node's sockets. It is encoded once, if it is needed, and then kept in
    /// `frame`.
    pub(super) fn spread(
        &self,
        recipients: &[Recipient],
        frame: &mut Option<Frame>,
        encode: impl Fn() -> Frame,
    ) -> Result<BroadcastReport, ShuttingDown> {
        let mut audience = AUDIENCE.take();
        let report = self.broadcast_to(&mut audience, recipients, frame, encode);
        audience.crews.clear();
        audience.entries.clear();
        AUDIENCE.set(audience);
        report
    }

    /// Queues a frame that is for one socket alone.
    pub(crate) fn push(&self, entry: &Arc<SocketEntry>, frame: &Frame) -> Push {
        let (push, wake) = self.queue(entry, frame, Kind::Reply);
        if wake_task(wake) {
            self.fanout.flush(entry.clone());
        }
        push
    }

    /// Opens the gate of a socket. Returns `false` if it was open.
    pub(super) fn open_gate(&self, entry: &Arc<SocketEntry>, opening: Opening) -> bool {
        let (was_shut, wake) = entry.outbox.open_gate(opening);
        if wake_task(wake) {
            self.fanout.flush(entry.clone());
        }
        was_shut
    }

    /// Queues a frame that no policy drops for each of some sockets, and empties the list.
    pub(super) fn push_all(&self, entries: &mut Vec<Arc<SocketEntry>>, frame: &Frame) {
        entries.retain(|entry| wake_task(self.queue(entry, frame, Kind::Reply).1));
        self.fanout.flush_all(entries);
        entries.clear();
    }

    fn broadcast_to(
        &self,
        audience: &mut Audience,
        recipients: &[Recipient],
        frame: &mut Option<Frame>,
        encode: impl Fn() -> Frame,
    ) -> Result<BroadcastReport, ShuttingDown> {
        let selects_all = selects_all(recipients, self.default_audience);
        // Encoded before the lock is taken; for a selection that may be empty, only once it is not.
        *frame = selects_all.then(&encode);
        if let Some(frame) = &*frame {
            self.make_room(frame.cost());
        }
        let published = self.select(audience, recipients, frame.as_ref())?;
        if published.queued > 0 || !audience.entries.is_empty() {
            self.counters.broadcast();
        }
        audience.crews.iter().for_each(|crew| crew.wake());
        let mut report = BroadcastReport {
            queued: published.queued,
            dropped: published.dropped,
            ..BroadcastReport::default()
        };
        if published.dropped > 0 {
            self.counters.dropped(published.dropped);
        }
        if !audience.entries.is_empty() {
            self.warn_of_claims(recipients, &audience.entries);
            let frame = frame.get_or_insert_with(&encode);
            self.push_to(&mut audience.entries, frame, &mut report);
        }
        report.matched = report.queued + report.dropped;
        Ok(report)
    }

    /// Makes room for a frame to all in the hub's bound and in the log.
    pub(super) fn make_room(&self, cost: usize) {
        // Before sockets of others are in hand, since it panics.
        Outbox::forbid_in_a_write();
        // A full hub would have each socket detached.
        self.reserve(cost);
        self.fanout.help(cost);
    }

    /// Queues a frame to all, or finds out to which sockets a message is to be pushed.
    ///
    /// The hub's lock is held: nothing is written or woken here, and no outbox is locked.
    fn select(
        &self,
        audience: &mut Audience,
        recipients: &[Recipient],
        to_all: Option<&Frame>,
    ) -> Result<Published, ShuttingDown> {
        let mut state = self.state.lock();
        if state.phase == Phase::Closing {
            return Err(state.shutting_down());
        }
        let Audience { entries, crews } = audience;
        if let Some(frame) = to_all {
            return Ok(self.fanout.publish(frame, entries, crews));
        }
        let registry = &mut state.registry;
        registry.resolve(recipients, self.default_audience, |entry| {
            entries.push(entry.clone());
        });
        Ok(Published::default())
    }

    /// Pushes a frame to sockets' own queues, and has what it wakes write them.
    fn push_to(
        &self,
        entries: &mut Vec<Arc<SocketEntry>>,
        frame: &Frame,
        report: &mut BroadcastReport,
    ) {
        entries.retain(|entry| {
            let (push, wake) = self.queue(entry, frame, Kind::Broadcast);
            match push {
                Push::Queued => report.queued += 1,
                Push::Dropped | Push::Overflow => report.dropped += 1,
                Push::Closed => {}
            }
            wake_task(wake)
        });
        // Those that are left are for the flushers.
        self.fanout.flush_all(entries);
    }

    /// Queues a frame for one socket and returns what that wakes.
    pub(super) fn queue(
        &self,
        entry: &SocketEntry,
        frame: &Frame,
        kind: Kind,
    ) -> (Push, Option<Wake>) {
        let reserved = self.reserve(frame.cost());
        let (push, wake) = self.fanout.push(entry, frame, kind, reserved);
        match push {
            Push::Dropped => self.counters.dropped(1),
            Push::Overflow => {
                self.counters.dropped(1);
                self.deactivate(entry, &CloseReason::SLOW);
            }
            Push::Queued | Push::Closed => {}
        }
        (push, wake)
    }

    /// Makes room in the hub's bound for so many more bytes, and returns how large the queue may
    /// become that is to take them. May close sockets. To be called without a lock.
    pub(super) fn reserve(&self, bytes: usize) -> usize {
        let close =
            |entry: &SocketEntry| self.close_entry(entry, CloseReason::SLOW, Backlog::Discard);
        self.eviction.reserve(bytes, || self.entries(), close)
    }

    /// Warns once that a user's name alone protects nothing.
    fn warn_of_claims(&self, recipients: &[Recipient], audience: &[Arc<SocketEntry>]) {
        let by_user = |kind| matches!(kind, RecipientType::User | RecipientType::AllButUser);
        if self.has_claims.load(Relaxed)
            && !self.claims_warned.load(Relaxed)
            && recipients.iter().any(|to| by_user(to.kind))
            && audience.iter().any(|entry| !entry.user().is_verified())
            && !self.claims_warned.swap(true, Relaxed)
        {
            tracing::warn!(
                "a broadcast is addressed to a user, but user ids here are what clients say of \
                 themselves: give the layer an `identify` hook before you send private data"
            );
        }
    }
}

/// The sockets that a broadcast is pushed to, and the flushers to wake for the others.
#[derive(Debug, Default)]
struct Audience {
    entries: Vec<Arc<SocketEntry>>,
    crews: Vec<Arc<Crew>>,
}

/// Wakes a socket's task if a frame is for it to write. Returns whether it is for a flusher.
fn wake_task(wake: Option<Wake>) -> bool {
    match wake {
        None => false,
        Some(Wake::Task(waker)) => {
            waker.wake();
            false
        }
        Some(Wake::Flusher) => true,
    }
}

thread_local! {
    /// The audience of the broadcast in hand; kept so that a broadcast allocates nothing for it.
    static AUDIENCE: RefCell<Audience> = const {
        RefCell::new(Audience { entries: Vec::new(), crews: Vec::new() })
    };
}
