//! One walk over a shard's attached sockets: which of them are next, and when it is over.

use std::{ops::Range, sync::Arc};

use crate::hub::delivery::broadcast_log::Batch;

/// A walk that gives each attached socket what it lacks of a batch.
///
/// The flusher and publishers take turns at it, several at a time, and hold no lock of the shard
/// while they write. It goes downwards: a socket that leaves is replaced by the last one, which then
/// stands either where the walk still comes by, or, visited already, where a second visit does
/// nothing. A socket that is attached meanwhile lacks nothing of the batch.
#[derive(Debug)]
pub(super) struct Pass {
    batch: Arc<Batch>,
    /// Sockets below this index are still to be visited.
    above: usize,
    /// Turns that are being written.
    turns: usize,
}

impl Pass {
    pub(super) fn new(batch: Batch, sockets: usize) -> Self {
        Self {
            batch: Arc::new(batch),
            above: sockets,
            turns: 0,
        }
    }

    /// Begins a turn and returns which of so many sockets it visits, from the last one to the first;
    /// `None` if none is left.
    pub(super) fn begin_turn(&mut self, sockets: usize) -> Option<Range<usize>> {
        let above = self.above.min(sockets);
        if above == 0 {
            return None;
        }
        let most = BYTES_PER_TURN / self.batch.bytes().len().max(1);
        self.above = above.saturating_sub(most.clamp(1, SOCKETS_PER_TURN));
        self.turns += 1;
        Some(self.above..above)
    }

    pub(super) fn end_turn(&mut self) {
        self.turns -= 1;
    }

    /// Whether all of so many sockets have the batch, or were handed it.
    pub(super) fn is_over(&self, sockets: usize) -> bool {
        self.turns == 0 && (self.above == 0 || sockets == 0)
    }

    pub(super) fn batch(&self) -> &Arc<Batch> {
        &self.batch
    }
}

/// Sockets of one turn, after which other tasks get theirs. 512 would cost 5 to 10 % less, 64 would
/// be fairer.
pub(super) const SOCKETS_PER_TURN: usize = if cfg!(all(test, shuttle)) { 2 } else { 128 };

/// Bytes of one turn: it takes a millisecond or two to copy them to the kernel.
pub(super) const BYTES_PER_TURN: usize = 2 * 1024 * 1024;
