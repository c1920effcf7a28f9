//! The order of one stream on one node, when a store that all nodes share says what it is: the rules by
//! which each entry is delivered once, in its place, or a gap is told.
//!
//! `last` is the entry that was delivered last. Of what arrives from other nodes, from this node's own
//! appends and from reads of the store:
//!
//! | arrives | then |
//! |---|---|
//! | the entry whose predecessor is `last` | delivered, and what was held back behind it |
//! | a later entry | held back; after 100 ms the store is asked what comes after `last`; a gap after a second |
//! | an earlier entry | late: dropped; if it is unknown the store is asked, at most once a second |
//! | one that was under way when the stream began here | for a second, if sockets were connected: delivered |
//! | an entry of another epoch | the store is asked at once |
//! | a whole read | what is lacking of it is delivered |
//! | a read that is not whole, or of another epoch | a gap |
//!
//! A message of this node that has no place after 250 ms is *void*: its sockets and the other nodes have
//! it now, and its entry is passed over when it comes. If the store does not take it, a *scar* is
//! appended in its stead, so that no socket resumes across the place where it ought to be. Positions are
//! void until the entry or the scar has come.
//!
//! The messages of one node are delivered in their order on every node: the node forwards them in that order,
//! and before a message goes out without its place, those of the same node that wait do.
//!
//! Pure: the time is an argument, and what is to be done is returned.

mod effect;
mod order;
mod reading;
mod scars;
mod sequencer;
mod turn;
mod voids;
mod waiting;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub(super) use self::{
    effect::{Answer, Body, Effect, Last, Place, Scar, Weight},
    sequencer::Sequencer,
};
