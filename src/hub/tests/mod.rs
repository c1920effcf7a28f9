//! The hub as a whole: what is accounted for, what flushers do, and which queues make room.

mod accounting;
mod eviction;
mod flushers;
