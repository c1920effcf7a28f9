//! Stores that keep the messages of streams for a while, and their trait.
//!
//! A *stream* is one group, one user or all sockets. A store gives each of its messages a place in an
//! order that all nodes see, and has the newest of them at hand when a browser reconnects. `RedisHistory`
//! keeps them in Redis (feature `redis`), `JetStreamHistory` in NATS servers (feature `nats`).
//! [`MemoryHistory`] is shared by hubs of one process, for tests. A hub without a store keeps its history
//! itself, in memory.
//!
//! # Your own
//!
//! Implement [`History`] for any database that can number the entries of a stream. A store keeps bytes
//! and no more: which messages belong to a stream, who may read them, what becomes of a message whose
//! entry could not be stored, and delivery in order are the hub's, the same for all stores.
//!
//! One thing must never happen: a confirmed entry is missing from a page that says it
//! [is complete](Page::is_complete). A store that may have lost entries begins another
//! [epoch](Appended::epoch).
//!
//! ```
//! use std::{collections::HashMap, future, sync::Mutex};
//! use web_connection_socket::history::{
//!     Append, Appended, BoxFuture, Entry, History, HistoryError, Page, Read, StreamKey,
//! };
//!
//! /// Keeps everything for as long as the process lives, so that one epoch does.
//! #[derive(Default)]
//! struct Forever(Mutex<HashMap<StreamKey, Vec<Entry>>>);
//!
//! const EPOCH: u64 = 1; // a random number, in a store that others see
//!
//! impl History for Forever {
//!     fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, HistoryError>> {
//!         let mut streams = self.0.lock().unwrap();
//!         let stream = streams.entry(append.stream).or_default();
//!         let previous = stream.len() as u64;
//!         stream.push(Entry::new(previous + 1, previous, append.id, append.entry));
//!         Box::pin(future::ready(Ok(Appended::new(EPOCH, previous + 1, Some(previous)))))
//!     }
//!
//!     fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, HistoryError>> {
//!         let streams = self.0.lock().unwrap();
//!         let stream = streams.get(&read.stream).map_or(&[][..], Vec::as_slice);
//!         let (top, top_id) = stream.last().map_or((0, 0), |entry| (entry.offset, entry.id));
//!         let mut page = Page::new(EPOCH, top, top_id);
//!         let behind = match read.after {
//!             Some((epoch, offset)) if epoch != EPOCH || offset > top => return ready(page),
//!             Some((_, offset)) => {
//!                 let anchor = stream.iter().find(|entry| entry.offset == offset);
//!                 page.anchor = anchor.map(|entry| entry.id);
//!                 &stream[offset as usize..]
//!             }
//!             None => &stream[stream.len().saturating_sub(read.limit)..],
//!         };
//!         // A part of what is missing is of no use: all of it, or none.
//!         let bytes: usize = behind.iter().map(|entry| entry.entry.len()).sum();
//!         if behind.len() <= read.limit && bytes <= read.max_bytes {
//!             page.is_complete = read.after.is_some() || behind.len() == stream.len();
//!             page.entries = behind.to_vec();
//!         }
//!         ready(page)
//!     }
//! }
//!
//! fn ready(page: Page) -> BoxFuture<'static, Result<Page, HistoryError>> {
//!     Box::pin(future::ready(Ok(page)))
//! }
//! ```

mod append;
mod error;
#[cfg(feature = "nats")]
mod jetstream;
mod memory;
mod random;
mod read;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "nats", feature = "redis"))]
mod remote;
mod retention;
mod store;
mod stream_key;

pub use self::{
    append::{Append, Appended},
    error::{HistoryError, HistoryErrorKind},
    memory::MemoryHistory,
    read::{Entry, Page, Read},
    retention::Retention,
    store::{BoxFuture, History},
    stream_key::StreamKey,
};

#[cfg(feature = "nats")]
pub use self::jetstream::JetStreamHistory;
#[cfg(feature = "redis")]
pub use self::redis::RedisHistory;
