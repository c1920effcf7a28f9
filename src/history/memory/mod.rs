//! A store in memory, with the faults of real ones at a call.

mod history;
mod stream;
mod streams;

pub use self::history::MemoryHistory;
