//! A publisher, a broker and a subscriber under random faults, and a judge that knows the truth.
//!
//! Links are cut, frames of every kind are lost, doubled and delayed for up to seconds, heartbeats
//! overtake messages, the publisher restarts, the subscriber comes and goes, either process is stopped for
//! seconds, and a day passes without a link. In the end all is calm, and what was reported must be what
//! was lost.

mod faults;
mod judge;
mod world;
