//! The hub as a whole: what is accounted for, what flushers do, what a full log
//! does, and which queues make room.

mod accounting;
mod eviction;
mod flushers;
mod full_log;
mod gates;
mod resumes;
mod resuming;
