//! A broker in memory, with the faults of real ones at a call.

mod backplane;
mod broker;
mod halves;

pub use self::backplane::MemoryBackplane;
