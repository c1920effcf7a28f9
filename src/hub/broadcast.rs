use std::{cell::RefCell, sync::Arc};

use super::{
    Hub, SocketEntry,
    outbox::{Kind, Push, Wake},
    shutdown::{Phase, ShuttingDown},
};
use crate::{
    frame::Frame,
    protocol::{RecipientType, SocketMessage, is_everyone},
    sync::atomic::Ordering::Relaxed,
};

impl Hub {
    /// Queues a message for every socket that its recipients select, encoded once.
    ///
    /// Never waits: a socket that takes its messages too slowly has a bounded queue of its own. Where
    /// messages for all sockets come faster than they are written, this call writes as much as its own
    /// message means, which no other use of the hub waits for.
    /// What one caller broadcasts, one message after the other, reaches each socket in that order.
    /// Once [`shutdown`](Self::shutdown) has begun to close sockets, nobody is selected any more.
    pub fn broadcast(&self, message: &SocketMessage) -> Broadcast {
        self.try_broadcast(message).unwrap_or_default()
    }

    /// As [`broadcast`](Self::broadcast), for who wants to know that it was too late.
    pub(crate) fn try_broadcast(&self, message: &SocketMessage) -> Result<Broadcast, ShuttingDown> {
        let mut audience = AUDIENCE.take();
        let mut report = Broadcast::default();
        let is_everyone = is_everyone(&message.recipients, self.default_audience);
        // Encoded before the lock is taken; for a selection that may be empty, only once it is not.
        let mut frame = is_everyone.then(|| Frame::message(message));
        if let Some(frame) = &frame {
            // Else a full hub would send everybody aside.
            self.allowance(frame.cost());
        }
        let mut is_full = false;
        {
            let mut state = self.state.lock();
            if state.phase == Phase::Closing {
                return Err(ShuttingDown);
            }
            let registry = &mut state.registry;
            if let Some(frame) = &frame {
                audience.extend(registry.loose().cloned());
                let published = self.shards.publish(frame, &mut audience);
                (report.queued, is_full) = (published.followers, published.is_full);
            } else {
                registry.resolve(&message.recipients, self.default_audience, |entry| {
                    audience.push(entry.clone());
                });
            }
        }
        if report.queued > 0 || !audience.is_empty() {
            self.counters.broadcast();
        }
        if !audience.is_empty() {
            self.warn_of_claims(message, &audience);
            let frame = frame.get_or_insert_with(|| Frame::message(message));
            audience.retain(|entry| {
                let (push, wake) = self.queue(entry, frame, Kind::Broadcast);
                match push {
                    Push::Queued => report.queued += 1,
                    Push::Dropped | Push::Overflow => report.dropped += 1,
                    Push::Closed => {}
                }
                wake_task(wake)
            });
            // Those that are left are for the flushers.
            while let Some(shard) = audience.last().and_then(|entry| entry.shard.get().cloned()) {
                shard.flush_own(&mut audience);
            }
        }
        if let Some(frame) = frame.filter(|_| is_full) {
            self.shards.help(&frame);
        }
        report.matched = report.queued + report.dropped;
        AUDIENCE.set(audience);
        Ok(report)
    }

    /// Queues a frame that is for one socket alone.
    pub(crate) fn push(&self, entry: &Arc<SocketEntry>, frame: &Frame) -> Push {
        let (push, wake) = self.queue(entry, frame, Kind::Reply);
        if wake_task(wake) {
            if let Some(shard) = entry.shard.get() {
                shard.flush(entry.clone());
            }
        }
        push
    }

    pub(super) fn queue(&self, entry: &SocketEntry, frame: &Frame, kind: Kind) -> (Push, Wake) {
        let allowance = self.allowance(frame.cost());
        let (push, wake) = match entry.shard.get() {
            Some(shard) => shard.push(entry, frame, kind, allowance),
            None => entry.outbox.push(frame, kind, allowance),
        };
        match push {
            Push::Dropped => self.counters.dropped(1),
            Push::Overflow => {
                self.counters.dropped(1);
                self.unlist(entry);
            }
            Push::Queued | Push::Closed => {}
        }
        (push, wake)
    }

    /// Says once that a user's name alone protects nothing.
    fn warn_of_claims(&self, message: &SocketMessage, audience: &[Arc<SocketEntry>]) {
        let by_user = |kind| matches!(kind, RecipientType::User | RecipientType::AllButUser);
        if self.has_claims.load(Relaxed)
            && !self.claims_warned.load(Relaxed)
            && message.recipients.iter().any(|to| by_user(to.kind))
            && audience.iter().any(|entry| !entry.user().is_verified())
            && !self.claims_warned.swap(true, Relaxed)
        {
            tracing::warn!(
                "a broadcast is addressed to a user, but user ids here are what visitors say of \
                 themselves: give the layer an `identify` hook before you send private data"
            );
        }
    }
}

/// The report of a broadcast: what became of the message when it was accepted.
///
/// Queued is not delivered: what a socket that dies later did not get is counted in
/// [`Stats::undelivered`](crate::Stats::undelivered) and in its disconnect event, and so is what
/// [`Overflow::DropOldest`](crate::config::Overflow::DropOldest) drops. Every client that stays
/// connected and reads sees what was queued for it.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Config, Hub, SocketMessage};
///
/// let hub = Hub::new(&Config::new());
/// let report = hub.broadcast(&SocketMessage::new("order.shipped").text("no. 7"));
/// assert_eq!(report.matched, report.queued + report.dropped);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broadcast {
    /// Sockets of this process that the recipients selected.
    pub matched: usize,
    /// Sockets whose outgoing queue took the message, in the place of older ones if need be.
    pub queued: usize,
    /// Sockets whose outgoing queue was full. What becomes of them
    /// [`Config::overflow`](crate::Config::overflow) says: by default they are closed with 1013.
    pub dropped: usize,
}

impl Broadcast {
    /// Whether other nodes were handed the message: `false`, because a hub is one process in this
    /// version.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the message is on its way whether or not anybody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use web_connection_socket::{Config, Hub, SocketMessage};
    ///
    /// let report = Hub::new(&Config::new()).broadcast(&SocketMessage::new("news"));
    /// assert!(!report.forwarded().await);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn forwarded(&self) -> bool {
        false
    }
}

/// Wakes a socket's task if it is that which has to hear of a frame; `true` if it is a flusher.
fn wake_task(wake: Wake) -> bool {
    match wake {
        Wake::Nobody => false,
        Wake::Task(waker) => {
            waker.wake();
            false
        }
        Wake::Flusher => true,
    }
}

thread_local! {
    /// The audience of the broadcast in hand; kept so that a broadcast allocates nothing for it.
    static AUDIENCE: RefCell<Vec<Arc<SocketEntry>>> = const { RefCell::new(Vec::new()) };
}
