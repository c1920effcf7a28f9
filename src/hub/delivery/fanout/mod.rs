//! The sockets that take broadcasts to all from the log, and the flushers that write it to them.

mod crew;
mod fanout;
mod flusher;
mod hold;
mod member;
mod membership;
mod row;
mod turn;

#[cfg(test)]
pub(in crate::hub) use self::flusher::TURNS_TO_GATHER;
pub(in crate::hub) use self::{
    crew::Crew,
    fanout::{Fanout, Published},
    member::Member,
    membership::Membership,
};
