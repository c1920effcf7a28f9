//! The hub's log: what waits for all attached sockets, and the batches that they are written.

use std::{collections::VecDeque, mem, sync::Arc};

use super::batch::Batch;
use crate::{frame::Frame, hub::counters::Counters};

/// The frames that at least one attached socket still lacks, in order.
///
/// Each attached socket has a cursor: the number of the next frame that it lacks. A broadcast to
/// all is one entry here instead of one in every queue.
#[derive(Debug)]
pub(super) struct BroadcastLog {
    /// The number that the next frame will get.
    end: u64,
    /// The frames that are in no batch yet.
    open: VecDeque<Frame>,
    open_cost: usize,
    /// The batch that the attached sockets are being written.
    batch: Option<Arc<Batch>>,
    /// Batches before that, which sockets that have left may lack.
    kept: Vec<Arc<Batch>>,
    counters: Arc<Counters>,
}

impl BroadcastLog {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self {
            end: 0,
            open: VecDeque::new(),
            open_cost: 0,
            batch: None,
            kept: Vec::new(),
            counters,
        }
    }

    /// Adds a frame. It is charged once: the sockets share it.
    pub(super) fn push(&mut self, frame: Frame) {
        self.counters.charge(frame.cost());
        self.open_cost += frame.cost();
        self.end += 1;
        self.open.push_back(frame);
    }

    /// Makes the next frames the batch that is being written, unless there is one already or nothing
    /// to write: all of them, up to [`MAX_BATCH`].
    pub(super) fn close_batch(&mut self) -> bool {
        if self.batch.is_some() || self.open.is_empty() {
            return false;
        }
        let base = self.end - self.open.len() as u64;
        let mut frames = mem::take(&mut self.open);
        let mut cost = mem::take(&mut self.open_cost);
        if cost > MAX_BATCH {
            let mut bytes = 0;
            let mut lengths = frames.iter().map(Frame::len);
            let fitting = lengths.position(|length| {
                bytes += length;
                bytes > MAX_BATCH
            });
            self.open = frames.split_off(fitting.unwrap_or(frames.len()).max(1));
            self.open_cost = self.open.iter().map(Frame::cost).sum();
            cost -= self.open_cost;
        }
        let batch = Batch::new(base, frames, cost, self.counters.clone());
        self.batch = Some(Arc::new(batch));
        true
    }

    /// Ends the batch, which each attached socket has or has been handed. What is returned is to be
    /// dropped without a lock.
    pub(super) fn end_batch(&mut self) -> Option<Arc<Batch>> {
        self.batch.take()
    }

    /// Keeps a batch that has ended until [`release_kept`](Self::release_kept).
    pub(super) fn keep(&mut self, batch: Arc<Batch>) {
        self.kept.push(batch);
    }

    /// Forgets what was kept. What is returned is to be dropped without a lock.
    pub(super) fn release_kept(&mut self) -> Vec<Arc<Batch>> {
        mem::take(&mut self.kept)
    }

    /// Returns the batch that is being written.
    pub(super) fn batch(&self) -> Option<&Arc<Batch>> {
        self.batch.as_ref()
    }

    /// Whether frames wait for the next batch.
    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Returns the number that the next frame will get.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Returns what the frames cost that attached sockets lack.
    pub(super) fn cost(&self) -> usize {
        self.open_cost + self.batch.as_ref().map_or(0, |batch| batch.cost())
    }

    pub(super) fn len(&self) -> usize {
        self.open.len() + self.batch.as_ref().map_or(0, |batch| batch.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the frames from a socket's cursor up to a number.
    pub(super) fn between(&self, cursor: u64, end: u64) -> impl Iterator<Item = &Frame> {
        let batches = self.kept.iter().chain(&self.batch);
        let closed = batches.flat_map(move |batch| batch.since(cursor));
        let first_open = self.end - self.open.len() as u64;
        let skipped = cursor.saturating_sub(first_open) as usize;
        let open = self.open.range(skipped.min(self.open.len())..);
        closed.chain(open).take(end.saturating_sub(cursor) as usize)
    }
}

/// The most bytes that are copied side by side at once.
const MAX_BATCH: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn counters() -> Arc<Counters> {
        Arc::new(Counters::new(usize::MAX))
    }

    fn log(counters: &Arc<Counters>, texts: &[&str]) -> BroadcastLog {
        let mut log = BroadcastLog::new(counters.clone());
        for text in texts {
            log.push(Frame::text(text.as_bytes()));
        }
        log
    }

    fn texts<'a>(frames: impl Iterator<Item = &'a Frame>) -> Vec<&'a [u8]> {
        frames.map(|frame| &frame.as_bytes()[2..]).collect()
    }

    #[test]
    fn a_batch_begins_at_a_sockets_cursor() {
        let mut log = log(&counters(), &["a", "bc", "def"]);
        assert!(log.close_batch());
        let batch = log.batch().expect("it was closed").clone();
        assert_eq!(batch.bytes(), b"\x81\x01a\x81\x02bc\x81\x03def");
        assert_eq!(
            (batch.offset(0), batch.offset(1), batch.offset(2)),
            (0, 3, 7)
        );
        let ends: Vec<_> = batch.since_with_ends(1).map(|(_, end)| end).collect();
        assert_eq!(ends, [7, 12]);
        assert!(!log.close_batch(), "one is being written");
    }

    #[test]
    fn a_socket_that_left_gets_what_came_before_although_its_batch_has_ended() {
        let counters = counters();
        let mut log = log(&counters, &["a", "b"]);
        log.close_batch();
        log.push(Frame::text(b"c"));
        let left_at = log.end();
        let ended = log.end_batch().expect("it was closed");
        log.keep(ended);
        log.push(Frame::text(b"d"));
        assert_eq!(texts(log.between(1, left_at)), [b"b", b"c"]);
        assert_eq!(texts(log.between(2, log.end())), [b"c", b"d"]);
        assert_eq!(texts(log.between(4, log.end())), [b""; 0]);
        log.close_batch();
        assert_eq!(texts(log.between(0, left_at)), [b"a", b"b", b"c"]);

        let cost = Frame::text(b"x").cost();
        assert_eq!((log.len(), log.cost()), (2, 2 * cost));
        assert_eq!(counters.bytes_queued(), 4 * cost);
        drop(log.release_kept());
        assert_eq!(counters.bytes_queued(), 2 * cost);
        drop(log.end_batch());
        assert!(log.is_empty());
        assert_eq!(counters.bytes_queued(), 0);
    }

    #[test]
    fn a_batch_leaves_what_is_too_much_to_the_next() {
        let counters = counters();
        let mut log = BroadcastLog::new(counters.clone());
        for _ in 0..3 {
            log.push(Frame::text(&vec![b'x'; MAX_BATCH / 2 - 10]));
        }
        log.push(Frame::text(&vec![b'x'; 2 * MAX_BATCH]));
        for frames in [2, 1, 1] {
            assert!(log.close_batch());
            assert_eq!(log.batch().map(|batch| batch.len()), Some(frames));
            drop(log.end_batch());
        }
        assert!(!log.close_batch() && !log.has_open());
        assert_eq!((log.end(), counters.bytes_queued()), (4, 0));
    }
}
