//! What the hub shares between threads, and how it starts them: named in one place, so that a model
//! that explores their interleavings can stand in for all of it.

pub(crate) use parking_lot::Mutex;
pub(crate) use std::sync::atomic;
pub(crate) use tokio::spawn;
