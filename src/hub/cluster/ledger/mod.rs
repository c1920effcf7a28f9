//! Tracks which messages of each publisher have arrived: the rules by which every loss is reported once.
//!
//! A publisher numbers its messages per topic, even those that it cannot send. Of each publisher and
//! topic this node keeps `accounted`, the highest number that it has delivered or reported:
//!
//! | arrives | then |
//! |---|---|
//! | message `accounted + 1` | delivered |
//! | a later message | what lies between is a gap; delivered |
//! | an earlier message | late: it was reported already, and is dropped |
//! | a mark, the publisher's tail sent *in the topic* | what lies between is a gap |
//! | a heartbeat, which may overtake messages | messages that the previous heartbeat's tail counts and that have not come by now are a gap |
//!
//! The first mark or message sets `accounted`. Marks are asked for when a topic is subscribed to or a
//! publisher is new. If none comes within two heartbeats and the tail has moved meanwhile, the gap is
//! one of unknown size.

mod ledger;
mod track;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub(super) use self::ledger::{Gap, Ledger, Verdict};
