//! Where a socket begins in a stream that it enters while it is open.

use std::sync::Arc;

use super::streams::{Kept, Streams};
use crate::{
    frame::Frame,
    protocol::{Position, Resumed, ResumedFrame, StreamName, StreamRef},
    sync::Delivering,
};

impl Streams {
    /// Has a socket told where it begins in a stream, which broadcasts select it for already: it gets, or
    /// has got, all that comes behind. The position is void if it is not known. The socket is told again
    /// when a store has said it, unless the store fails or the socket enters during a delivery.
    ///
    /// `is_heard`: whether messages of the stream are known to arrive from other nodes.
    ///
    /// To be called without a lock. `tell` runs under that of the lane, so that no later message goes first.
    pub(in crate::hub) fn enter(
        self: &Arc<Self>,
        kept: Kept<'_>,
        is_heard: bool,
        tell: impl FnOnce(&Frame),
    ) {
        // What other nodes send meanwhile would be behind a place, unless a store has it. And of what is
        // told of a delivery the thread may hold the lane.
        if !is_heard && !self.is_shared() || Delivering::is_under_way() {
            let position = Position::void(self.hash_of(kept.stream));
            tell(&begins(kept.stream, position));
            return;
        }
        self.with_lane(kept, |lane, state| {
            let position = match self.shared() {
                Some(shared) => self.place_shared(shared, lane, state),
                None => lane.position(state.epoch, state.ring.top()),
            };
            let _delivering = Delivering::begin();
            tell(&begins(kept.stream, position));
        });
        self.keep_bound();
    }
}

fn begins(stream: StreamRef<'_>, position: Position) -> Frame {
    let name: StreamName = stream.to_name();
    let told = [(&name, Resumed::from_now_on(position))];
    Frame::text(&ResumedFrame::new(&told, 0).encode())
}
