//! A publisher, a broker and a subscriber under random faults, and a judge that knows the truth.
//!
//! Links are cut, frames of every kind are lost, doubled and delayed for up to seconds, heartbeats
//! overtake messages, the publisher restarts, the subscriber comes and goes. In the end all is calm, and
//! what was reported must be what was lost.

mod judge;
mod world;
