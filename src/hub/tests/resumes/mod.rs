//! Clients that come and go at random: each has what was published to it, or was told of a gap.

mod cases;
mod client;
mod wire;
mod world;
