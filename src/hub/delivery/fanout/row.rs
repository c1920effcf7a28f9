//! A row of sockets that a walk visits together.

use std::{mem, ops::Range, sync::Arc};

use indexmap::IndexMap;

use crate::protocol::ConnectionId;

/// A row of sockets: what a walk takes at a time, and what one thread writes to while others write to
/// other rows.
///
/// A turn has its own hold of the sockets, which are copied if one comes or goes meanwhile: so neither
/// the fan-out's lock nor a reference to each socket is taken during a walk. A row with much to write
/// takes several turns. They go downwards: a socket that leaves is replaced by the last one, which then
/// stands either where a turn still comes by, or, visited already, where a second visit does nothing. A
/// socket that is attached meanwhile lacks nothing of the batch.
#[derive(Debug)]
pub(super) struct Row<M> {
    attached: Arc<Attached<M>>,
    /// Sockets that have their place here, attached or not.
    places: usize,
    /// Sockets below this index are still to be visited.
    above: usize,
    is_in_turn: bool,
}

pub(super) type Attached<M> = IndexMap<ConnectionId, Arc<M>>;

impl<M> Default for Row<M> {
    fn default() -> Self {
        Self {
            attached: Arc::default(),
            places: 0,
            above: 0,
            is_in_turn: false,
        }
    }
}

impl<M> Row<M> {
    /// Gives a place away. Returns whether another one is left.
    pub(super) fn take_place(&mut self) -> bool {
        if self.attached.capacity() == 0 {
            // At once: what it grows out of would lie between the sockets.
            self.attached = Arc::new(Attached::with_capacity(SOCKETS_PER_ROW));
        }
        self.places += 1;
        self.places < SOCKETS_PER_ROW
    }

    /// Takes a place back. Returns whether there was none before.
    pub(super) fn give_place_back(&mut self) -> bool {
        self.places -= 1;
        self.places + 1 == SOCKETS_PER_ROW
    }

    pub(super) fn attach(&mut self, id: ConnectionId, member: Arc<M>) {
        Arc::make_mut(&mut self.attached).insert(id, member);
    }

    pub(super) fn detach(&mut self, id: ConnectionId) -> Option<Arc<M>> {
        if self.is_attached(id) {
            Arc::make_mut(&mut self.attached).swap_remove(&id)
        } else {
            None
        }
    }

    pub(super) fn is_attached(&self, id: ConnectionId) -> bool {
        self.attached.contains_key(&id)
    }

    pub(super) fn first(&self) -> Option<&Arc<M>> {
        self.attached.first().map(|(_, member)| member)
    }

    /// Has the next turns visit all sockets. Returns whether there are any.
    pub(super) fn begin(&mut self) -> bool {
        self.above = self.attached.len();
        self.above > 0
    }

    /// Has no further turn visit a socket. Returns whether that ends the last one.
    pub(super) fn skip(&mut self) -> bool {
        mem::take(&mut self.above) > 0 && !self.is_in_turn
    }

    /// Begins a turn that writes a batch of so many bytes, and returns which of the sockets it visits;
    /// `None` if another is under way, or none is left to visit.
    pub(super) fn begin_turn(&mut self, bytes: usize) -> Option<(Arc<Attached<M>>, Range<usize>)> {
        if self.is_in_turn || self.above == 0 {
            return None;
        }
        let above = self.above.min(self.attached.len());
        let most = (BYTES_PER_TURN / bytes.max(1)).clamp(1, SOCKETS_PER_ROW);
        self.above = above.saturating_sub(most);
        self.is_in_turn = true;
        Some((self.attached.clone(), self.above..above))
    }

    /// Ends a turn that has left so many of its sockets. Returns whether it was the last one.
    pub(super) fn end_turn(&mut self, left: usize) -> bool {
        self.above += left;
        mem::take(&mut self.is_in_turn) && self.above == 0
    }
}

/// Sockets of one row, after which other tasks get their turn. 512 would cost 5 to 10 % less, 64 would
/// be fairer.
pub(super) const SOCKETS_PER_ROW: usize = if cfg!(all(test, shuttle)) { 2 } else { 128 };

/// Bytes of one turn: it takes a millisecond or two to copy them to the kernel.
pub(super) const BYTES_PER_TURN: usize = 2 * 1024 * 1024;
