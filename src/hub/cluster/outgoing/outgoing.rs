//! The bounded queue to the broker, in which every message has its number.

use std::{
    collections::{HashSet, VecDeque},
    mem,
    sync::Arc,
};

use tokio::{sync::Notify, time::Instant};

use super::waiting::Waiting;
use crate::{
    backplane::{BackplaneError, BackplaneErrorKind, Command, Topic},
    hub::cluster::{
        node_id::NodeId,
        receipt::Ticket,
        wire::{Draft, Key, MAX_FRAME, Tails},
    },
    protocol::{Forwarded, NotForwarded},
    sync::Mutex,
};

/// The queue between the threads that broadcast and the task that sends.
#[derive(Debug)]
pub(in crate::hub::cluster) struct Outgoing {
    node: NodeId,
    incarnation: u64,
    queue: Mutex<Queue>,
    /// Notified when something waits, or the link is over.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    is_open: bool,
    waiting: VecDeque<Waiting>,
    /// Of messages.
    bytes: usize,
    /// Of questions and answers, which must not crowd messages out.
    other_bytes: usize,
    tails: Tails,
    /// The topics in which a mark waits: another one would say the same.
    marks: HashSet<Topic>,
    forwarded: u64,
    not_forwarded: u64,
    unknown: u64,
}

/// Messages that were forwarded, in total, and those that were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::hub::cluster) struct Totals {
    pub(in crate::hub::cluster) forwarded: u64,
    pub(in crate::hub::cluster) not_forwarded: u64,
    pub(in crate::hub::cluster) unknown: u64,
}

impl Outgoing {
    pub(in crate::hub::cluster) fn new(node: NodeId, incarnation: u64) -> Self {
        Self {
            node,
            incarnation,
            queue: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Numbers a message and queues it. It has its number whether or not it can be sent: what other
    /// nodes lack is a hole for them.
    pub(in crate::hub::cluster) fn message(
        &self,
        mut draft: Draft,
    ) -> Result<Arc<Ticket>, NotForwarded> {
        let now = Instant::now();
        let topic = draft.topic();
        let length = draft.len();
        let mut queue = self.queue.lock();
        let number = queue.tails.next(topic);
        let refused = if length > MAX_FRAME {
            Some(NotForwarded::TooLarge)
        } else if !queue.is_open {
            Some(NotForwarded::Disconnected)
        } else {
            queue.make_room(length, now);
            (queue.bytes + length > MAX_BYTES).then_some(NotForwarded::QueueFull)
        };
        if let Some(why) = refused {
            queue.not_forwarded += 1;
            return Err(why);
        }
        draft.stamp(self.node, self.incarnation, number);
        let ticket = Arc::new(Ticket::new(now));
        queue.push(Waiting::Message(draft, ticket.clone()));
        drop(queue);
        self.changed.notify_one();
        Ok(ticket)
    }

    /// Numbers a message that is too large to encode, so that other nodes see the gap.
    pub(in crate::hub::cluster) fn skip(&self, topic: Topic) {
        let mut queue = self.queue.lock();
        queue.tails.next(topic);
        queue.not_forwarded += 1;
    }

    /// Queues a mark, which says how many messages its topic had.
    pub(in crate::hub::cluster) fn mark(&self, topic: Topic, nonce: u64) {
        let mut queue = self.queue.lock();
        // This node's own has a nonce, which no other mark that waits can stand for.
        let is_own = nonce != 0;
        if !queue.is_open || !is_own && !queue.marks.insert(topic) {
            return;
        }
        let mut draft = Draft::mark(topic, nonce);
        draft.stamp(self.node, self.incarnation, queue.tails.get(topic));
        queue.push(if is_own {
            Waiting::Vital(draft)
        } else {
            Waiting::Mark(draft)
        });
        drop(queue);
        self.changed.notify_one();
    }

    /// Queues the last frame. Returns its ticket.
    pub(in crate::hub::cluster) fn farewell(&self, mut draft: Draft) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::new(Instant::now()));
        draft.stamp(self.node, self.incarnation, 0);
        self.command(Waiting::Farewell(draft, ticket.clone()));
        ticket
    }

    /// Queues a heartbeat, for which there is always room.
    pub(in crate::hub::cluster) fn beat(&self, mut draft: Draft) {
        draft.stamp(self.node, self.incarnation, 0);
        self.command(Waiting::Vital(draft));
    }

    /// Queues a question, an answer or the like. Returns `false` if there is no link or no room, or it is
    /// larger than a broker carries.
    pub(in crate::hub::cluster) fn other(&self, mut draft: Draft) -> bool {
        let mut queue = self.queue.lock();
        let length = draft.len();
        if !queue.is_open {
            return false;
        }
        if length > MAX_FRAME || queue.other_bytes + length > MAX_BYTES {
            drop(queue);
            tracing::debug!(length, "dropped a question or an answer: there is no room");
            return false;
        }
        draft.stamp(self.node, self.incarnation, 0);
        queue.push(Waiting::Other(draft));
        drop(queue);
        self.changed.notify_one();
        true
    }

    pub(in crate::hub::cluster) fn subscribe(&self, topic: Topic) {
        self.command(Waiting::Subscribe(topic));
    }

    pub(in crate::hub::cluster) fn unsubscribe(&self, topic: Topic) {
        self.command(Waiting::Unsubscribe(topic));
    }

    /// Returns the number of the last message on each topic.
    pub(in crate::hub::cluster) fn tails(&self) -> Tails {
        self.queue.lock().tails.clone()
    }

    /// Drops the numbers of topics of nodes except those.
    pub(in crate::hub::cluster) fn retain_nodes(&self, keep: impl FnMut(u64) -> bool) {
        self.queue.lock().tails.retain_nodes(keep);
    }

    pub(in crate::hub::cluster) fn open(&self) {
        self.queue.lock().is_open = true;
    }

    /// Has no link any more: what waits stays on this node.
    pub(in crate::hub::cluster) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.is_open = false;
        (queue.bytes, queue.other_bytes) = (0, 0);
        queue.marks.clear();
        let waiting = mem::take(&mut queue.waiting);
        for one in &waiting {
            if let Waiting::Message(_, ticket) = one {
                ticket.refuse(NotForwarded::Disconnected);
                queue.not_forwarded += 1;
            }
        }
    }

    pub(in crate::hub::cluster) fn totals(&self) -> Totals {
        let queue = self.queue.lock();
        Totals {
            forwarded: queue.forwarded,
            not_forwarded: queue.not_forwarded,
            unknown: queue.unknown,
        }
    }

    /// Waits for something to send, and takes as much as goes in one call.
    ///
    /// Cancel safe.
    pub(in crate::hub::cluster) async fn next(&self, key: Option<&Key>) -> Batch<'_> {
        loop {
            let changed = self.changed.notified();
            let taken = self.queue.lock().take(Instant::now());
            if !taken.is_empty() {
                return Batch::new(self, taken, key);
            }
            changed.await;
        }
    }

    fn command(&self, command: Waiting) {
        let mut queue = self.queue.lock();
        if queue.is_open {
            queue.push(command);
            drop(queue);
            self.changed.notify_one();
        }
    }
}

impl Queue {
    fn push(&mut self, waiting: Waiting) {
        if let Some(bytes) = self.bytes_of(&waiting) {
            *bytes += waiting.len();
        }
        self.waiting.push_back(waiting);
    }

    fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.waiting.pop_front()?;
        if let Some(bytes) = self.bytes_of(&waiting) {
            *bytes -= waiting.len();
        }
        if let Waiting::Mark(draft) = &waiting {
            self.marks.remove(&draft.topic());
        }
        Some(waiting)
    }

    /// Returns the count of bytes to which a frame adds, if its kind is bounded by them.
    fn bytes_of(&mut self, waiting: &Waiting) -> Option<&mut usize> {
        match waiting {
            Waiting::Message(..) => Some(&mut self.bytes),
            Waiting::Other(_) => Some(&mut self.other_bytes),
            _ => None,
        }
    }

    /// Drops messages that have waited too long, if there is no room otherwise.
    fn make_room(&mut self, length: usize, now: Instant) {
        while self.bytes + length > MAX_BYTES {
            let mut waiting = self.waiting.iter().enumerate();
            let oldest = waiting.find_map(|(at, waiting)| match waiting {
                Waiting::Message(draft, ticket) => Some((at, draft.len(), ticket)),
                _ => None,
            });
            let Some((at, bytes, ticket)) = oldest.filter(|(.., ticket)| ticket.is_expired(now))
            else {
                return;
            };
            ticket.refuse(NotForwarded::Expired);
            self.not_forwarded += 1;
            self.bytes -= bytes;
            self.waiting.remove(at);
        }
    }

    fn take(&mut self, now: Instant) -> Vec<Waiting> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.waiting.front() {
            let is_full = taken.len() >= MAX_COMMANDS || bytes + next.len() > MAX_BATCH;
            if is_full && !taken.is_empty() {
                break;
            }
            let Some(next) = self.pop() else { break };
            if let Waiting::Message(_, ticket) = &next {
                if ticket.is_expired(now) {
                    ticket.refuse(NotForwarded::Expired);
                }
                if !ticket.begin() {
                    self.not_forwarded += 1;
                    continue;
                }
            }
            bytes += next.len();
            taken.push(next);
        }
        taken
    }
}

/// What goes to the broker in one call. Dropped without an answer, it is unknown what has become of it.
#[derive(Debug)]
pub(in crate::hub::cluster) struct Batch<'a> {
    outgoing: &'a Outgoing,
    tickets: Vec<Arc<Ticket>>,
    farewell: Option<Arc<Ticket>>,
    pub(in crate::hub::cluster) commands: Vec<Command>,
}

impl<'a> Batch<'a> {
    fn new(outgoing: &'a Outgoing, taken: Vec<Waiting>, key: Option<&Key>) -> Self {
        let (mut tickets, mut farewell) = (Vec::new(), None);
        let commands = taken.into_iter().map(|waiting| match waiting {
            Waiting::Subscribe(topic) => Command::Subscribe(topic),
            Waiting::Unsubscribe(topic) => Command::Unsubscribe(topic),
            Waiting::Message(draft, ticket) => {
                tickets.push(ticket);
                publish(draft, key)
            }
            Waiting::Mark(draft) | Waiting::Vital(draft) | Waiting::Other(draft) => {
                publish(draft, key)
            }
            Waiting::Farewell(draft, ticket) => {
                ticket.begin();
                farewell = Some(ticket);
                publish(draft, key)
            }
        });
        let commands = commands.collect();
        Self {
            outgoing,
            tickets,
            farewell,
            commands,
        }
    }

    /// Tells the publishers what the broker has answered.
    pub(in crate::hub::cluster) fn settle(mut self, result: Result<(), &BackplaneError>) {
        self.settle_with(match result.map_err(BackplaneError::kind) {
            Ok(()) => Forwarded::Yes,
            Err(BackplaneErrorKind::NotSent) => Forwarded::No(NotForwarded::NotSent),
            Err(BackplaneErrorKind::Unconfirmed) => Forwarded::Unknown,
        });
    }

    fn settle_with(&mut self, forwarded: Forwarded) {
        if let Some(farewell) = self.farewell.take() {
            farewell.settle(forwarded);
        }
        let tickets = mem::take(&mut self.tickets);
        if tickets.is_empty() {
            return;
        }
        let count = tickets.len() as u64;
        let mut queue = self.outgoing.queue.lock();
        match forwarded {
            Forwarded::Yes => queue.forwarded += count,
            Forwarded::No(_) => queue.not_forwarded += count,
            Forwarded::Unknown => queue.unknown += count,
        }
        drop(queue);
        tickets.iter().for_each(|ticket| ticket.settle(forwarded));
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.settle_with(Forwarded::Unknown);
    }
}

fn publish(draft: Draft, key: Option<&Key>) -> Command {
    Command::Publish(draft.topic(), draft.finish(key))
}

/// The bytes of messages that may wait. Questions and answers may take as much again.
const MAX_BYTES: usize = 4 << 20;

/// What one call of [`Outlet::send`](crate::backplane::Outlet::send) gets.
const MAX_COMMANDS: usize = 512;
const MAX_BATCH: usize = 256 << 10;
