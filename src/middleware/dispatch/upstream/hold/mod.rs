//! Messages that wait for an upstream that does not listen: kept in order, bounded, and let go by and by.
//!
//! `queue` is plain state; `place` waits in it.

mod place;
mod queue;
mod shared;

pub(super) use self::{
    place::{Expired, Place},
    shared::Hold,
};
