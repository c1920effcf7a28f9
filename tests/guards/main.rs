//! What keeps the fan-out cheap, counted instead of timed: allocations, heap bytes, write calls.
//!
//! The bounds are what was measured when they were written, and a little slack. A change that
//! crosses one has to show what it gains.

mod allocations;
mod heap;
mod heap_http2;
#[cfg(target_os = "linux")]
mod packets;
#[cfg(target_os = "linux")]
mod sliding;
#[cfg(target_os = "linux")]
mod some;
mod stream;
mod support;
mod writes;
