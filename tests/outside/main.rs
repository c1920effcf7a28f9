//! The library among real programs: browsers, other people's clients, a reverse proxy, a stalled peer.
//!
//! `tests/run` installs what these tests need and runs them.

#![expect(
    clippy::disallowed_methods,
    reason = "a test owns the tasks that it spawns"
)]

mod backplane;
mod browser;
mod client;
mod clients;
mod cluster;
mod cross_origin;
mod custom_host;
mod gateway;
mod history;
mod http2;
mod login;
mod looks;
mod markup;
mod network;
mod nginx;
mod nodes;
mod oversize;
mod readme;
mod resume;
mod sender;
mod slow;
mod support;
