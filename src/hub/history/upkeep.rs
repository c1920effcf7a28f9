//! Eviction: expired messages, idle streams, and the least recently used when memory is full.

use std::{mem, sync::Arc};

use tokio::time::{Duration, Instant};

use super::{
    lane::{COST_OF_LANE, Lane, State},
    stats::HistoryStats,
    store::Totals,
    streams::Streams,
};
use crate::{
    protocol::StreamRef,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

impl Streams {
    /// Drops expired messages, and streams that have had neither messages nor members for the age of their
    /// rule; sooner if a store orders them and there are too many. Looks at some of them, and only once a
    /// second.
    ///
    /// To be called without a lock.
    pub(in crate::hub) fn sweep(&self, has_members: impl Fn(StreamRef<'_>) -> bool) {
        let now = Instant::now();
        let is_crowded = self.is_shared() && self.lanes.lock().by_name.len() > self.max_lanes();
        let most = LANES_PER_SWEEP * if is_crowded { 8 } else { 1 };
        for lane in self.due(now, most) {
            // A lane that is locked is in use.
            let Some(mut state) = lane.try_lock() else {
                continue;
            };
            if state.is_forgotten {
                continue;
            }
            self.note_breaks(&lane, &mut state);
            self.change(&mut state, |ring| ring.expire(&lane.keep, now));
            if let Some(order) = &mut state.order {
                order.sequencer.forget_seen(now);
            }
            let is_empty = state.ring.is_empty();
            drop(state);
            if (is_empty || is_crowded) && !has_members(lane.name.as_ref()) {
                self.forget(&lane, |state| {
                    let since = *state.idle_since.get_or_insert(now);
                    let idle = now.duration_since(since);
                    // The store still has it.
                    is_crowded && idle >= BETWEEN_SWEEPS
                        || state.ring.is_empty() && idle > lane.keep.age
                });
            } else if let Some(mut state) = lane.try_lock() {
                state.idle_since = None;
            }
        }
    }

    /// Forgets the least recently used streams if all together exceed their bound: until an eighth of it
    /// is free, so that this is seldom.
    pub(super) fn keep_bound(&self) {
        if self.bytes.load(Relaxed) <= self.max_bytes {
            return;
        }
        let lanes: Vec<_> = self.lanes.lock().by_name.values().cloned().collect();
        let free = lanes.iter().filter_map(|lane| {
            let state = lane.try_lock()?;
            // A lane that a store orders stays, and only its ring may go.
            let may_go = !self.is_shared() || !state.ring.is_empty();
            may_go.then_some((!state.ring.is_empty(), state.used, lane))
        });
        let mut oldest: Vec<_> = free.collect();
        oldest.sort_by_key(|&(holds_messages, used, _)| (holds_messages, used));
        let enough = self.max_bytes - self.max_bytes / 8;
        for (_, _, lane) in oldest {
            if self.bytes.load(Relaxed) <= enough {
                break;
            }
            if self.is_shared() {
                // How far its sockets are must not be forgotten; the store has the messages.
                if let Some(mut state) = lane.try_lock() {
                    self.change(&mut state, |ring| *ring = ring.emptied());
                    self.totals.evicted.fetch_add(1, Relaxed);
                }
            } else if self.forget(lane, |_| true) {
                self.totals.evicted.fetch_add(1, Relaxed);
            }
        }
    }

    pub(in crate::hub) fn stats(&self) -> HistoryStats {
        let shared = self.shared().map(|shared| &shared.totals);
        let of = |total: fn(&Totals) -> &AtomicU64| {
            shared.map_or(0, |totals| total(totals).load(Relaxed))
        };
        HistoryStats {
            void: self.totals.void.load(Relaxed) + of(|totals| &totals.void),
            gaps: of(|totals| &totals.gaps) + self.totals.gaps.load(Relaxed),
            failed_calls: of(|totals| &totals.failed_calls),
            garbage: of(|totals| &totals.garbage),
            streams: self.lanes.lock().by_name.len(),
            bytes: self.bytes.load(Relaxed),
            appended: self.totals.appended.load(Relaxed),
            evicted: self.totals.evicted.load(Relaxed),
            resumes_recovered: self.totals.recovered.load(Relaxed),
            resumes_lost: self.totals.lost.load(Relaxed),
        }
    }

    /// Returns how many lanes that a store orders may be idle for the age of their rules.
    fn max_lanes(&self) -> usize {
        self.max_bytes / 4 / COST_OF_LANE
    }

    /// Returns the lanes to look at now.
    fn due(&self, now: Instant, most: usize) -> Vec<Arc<Lane>> {
        let mut lanes = self.lanes.lock();
        if now < lanes.sweep_at {
            return Vec::new();
        }
        lanes.sweep_at = now + BETWEEN_SWEEPS;
        let begin = mem::take(&mut lanes.swept);
        let due = lanes.by_name.values().skip(begin).take(most);
        let due: Vec<_> = due.cloned().collect();
        if due.len() == most {
            lanes.swept = begin + most;
        }
        due
    }

    /// Forgets a stream if it is free and `is_to_go` still agrees. The next message begins it anew.
    fn forget(&self, lane: &Lane, is_to_go: impl FnOnce(&mut State) -> bool) -> bool {
        // The map is held meanwhile: no message gets a place in another lane while one of this lane is
        // still on its way to the sockets.
        let mut lanes = self.lanes.lock();
        let Some(mut state) = lane.try_lock() else {
            return false;
        };
        let is_busy = !state.is_idle(Instant::now());
        if state.is_forgotten || is_busy || !is_to_go(&mut state) {
            return false;
        }
        state.is_forgotten = true;
        let ring = mem::take(&mut state.ring);
        lanes.remove(lane);
        drop((state, lanes));
        self.bytes.fetch_sub(lane.cost() + ring.bytes(), Relaxed);
        true
    }
}

const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);

/// Keeps a sweep below a millisecond.
const LANES_PER_SWEEP: usize = 1_024;

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use tokio::time::advance;

    use super::*;
    use crate::{
        config::{Config, HistoryRule},
        frame::Frame,
        history::MemoryHistory,
        hub::{Hub, history::entry::Entry},
        protocol::{Position, Recipient, SocketMessage},
    };

    fn streams(max_bytes: usize) -> Streams {
        let rule = HistoryRule::group("*").age(Duration::from_secs(10));
        let config = Config::new().history(rule).max_history_bytes(max_bytes);
        Streams::new(&config).expect("it has a rule")
    }

    fn publish(streams: &Streams, group: &str, text: &str) -> Position {
        let recipients = [Recipient::group(group)];
        let plain = Frame::message(&SocketMessage::new("a").text(text));
        let kept = streams.kept_of(&recipients).expect("it has a rule");
        let (position, ()) = streams.publish(kept, &recipients, &plain, |_| ());
        position.expect("it is a message")
    }

    fn position(streams: &Streams, group: &str) -> Position {
        let kept = streams.kept(StreamRef::Group(group));
        streams.position(kept.expect("it has a rule"))
    }

    #[tokio::test(start_paused = true)]
    async fn the_stream_that_was_used_least_lately_goes_first() {
        let streams = streams(24_000);
        let text = "x".repeat(2_000);
        let mut newest = Vec::new();
        for number in 0..20 {
            let group = number.to_string();
            newest.push((group.clone(), publish(&streams, &group, &text)));
            assert!(streams.stats().bytes <= 24_000);
            advance(Duration::from_millis(1)).await;
        }
        let stats = streams.stats();
        assert_eq!(stats.streams as u64 + stats.evicted, 20);
        assert!((6..=9).contains(&stats.streams), "{stats:?}");
        // A stream that is asked for begins anew if it was forgotten.
        let kept = newest.split_off(20 - stats.streams);
        for (group, last) in &kept {
            assert_eq!(position(&streams, group), *last, "{group}");
        }
        for (group, last) in &newest {
            let now = position(&streams, group);
            assert_ne!(now.epoch(), last.epoch(), "{group}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn streams_without_messages_go_before_those_with_some() {
        let streams = streams(24_000);
        let talk = publish(&streams, "talk", "hello");
        for number in 0..1_000 {
            advance(Duration::from_millis(1)).await;
            position(&streams, &format!("silent {number}"));
        }
        let stats = streams.stats();
        assert!(stats.bytes <= 24_000 && stats.evicted > 900, "{stats:?}");
        assert_eq!(position(&streams, "talk"), talk);
    }

    #[tokio::test]
    async fn one_stream_alone_stays_within_the_bound() {
        let streams = streams(24_000);
        let mut last = position(&streams, "talk");
        let epoch = last.epoch();
        for _ in 0..100 {
            last = publish(&streams, "talk", &"x".repeat(2_000));
            assert!(streams.stats().bytes <= 24_000);
        }
        assert_eq!((last.epoch(), last.offset()), (epoch, 100));
        assert_eq!(streams.stats().evicted, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_messages_and_members_is_forgotten_after_its_age() {
        let streams = streams(1_000_000);
        let deserted = publish(&streams, "deserted", "1");
        let visited = publish(&streams, "visited", "1");
        let has_members = |stream: StreamRef<'_>| stream == StreamRef::Group("visited");
        for second in 1..=33 {
            advance(Duration::from_secs(1)).await;
            streams.sweep(has_members);
            let expected = if second <= 31 { 2 } else { 1 };
            assert_eq!(streams.stats().streams, expected, "{second}");
        }
        assert_eq!(position(&streams, "visited"), visited);
        assert_ne!(position(&streams, "deserted").epoch(), deserted.epoch());
        assert_eq!(streams.stats().bytes, 2 * COST_OF_LANE);
    }

    #[tokio::test(start_paused = true)]
    async fn many_streams_that_a_store_orders_keep_their_messages_until_they_are_idle() {
        let streams = streams(64 * COST_OF_LANE);
        assert!(streams.share(MemoryHistory::new(), Weak::<Hub>::new()));
        for number in 0..100 {
            let group = number.to_string();
            let kept = streams.kept(StreamRef::Group(&group)).expect("a rule");
            streams.with_lane(kept, |lane, state| {
                let entry = Entry {
                    offset: 1,
                    tag: 1,
                    at: state.used,
                    frame: Frame::text(b"{}"),
                    excludes: None,
                };
                streams.change(state, |ring| ring.push(entry, &lane.keep, usize::MAX));
            });
            streams.keep_bound();
        }
        let stats = streams.stats();
        assert_eq!((stats.streams, stats.evicted), (100, 0), "{stats:?}");
        for _ in 0..3 {
            streams.sweep(|stream| stream == StreamRef::Group("7"));
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(
            streams.stats().streams,
            1,
            "there is a store for the others"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_looks_at_a_part_of_many_streams() {
        let streams = streams(10_000_000);
        let total = LANES_PER_SWEEP + 10;
        for number in 0..total {
            position(&streams, &number.to_string());
        }
        for _ in 0..30 {
            advance(Duration::from_secs(1)).await;
            streams.sweep(|_| false);
        }
        let stats = streams.stats();
        assert_eq!((stats.streams, stats.bytes, stats.evicted), (0, 0, 0));
    }
}
