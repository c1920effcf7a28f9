//! Behaviour of the library as its users meet it: over pipes in memory and, where it matters, TCP.

mod application;
mod architecture;
mod broadcaster;
mod claims;
mod control;
mod delivery;
mod dispatch;
mod faults;
mod handshake;
mod identity;
mod local;
mod messages;
mod origins;
mod outside;
mod readme;
mod reserved;
mod rows;
mod script;
mod settings;
mod slow;
mod spellings;
#[allow(dead_code, reason = "its users arrive one by one")]
mod support;
mod switch;
