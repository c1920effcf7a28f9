//! Behaviour of the library as its users meet it: over pipes in memory and, where it matters, TCP.

mod architecture;
mod delivery;
mod handshake;
mod messages;
mod origins;
mod slow;
#[allow(dead_code, reason = "its users arrive one by one")]
mod support;
