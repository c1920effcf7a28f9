//! The trait of a store.

use super::{
    append::{Append, Appended},
    error::HistoryError,
    read::{Page, Read},
};

pub use crate::backplane::BoxFuture;

/// A store that orders the messages of streams and keeps the newest of each.
///
/// Several nodes may use one store; they agree on nothing but what it answers. See the
/// [module](crate::history#your-own) for an implementation.
///
/// Both methods are called in a Tokio runtime, by many tasks at once, and never wait: what takes time
/// belongs into the future. A store bounds what waits in it, in entries and in bytes, and answers each
/// call within seconds; after 250 ms the hub goes on without an answer. While it has no connection, it
/// fails calls at once and connects again by itself.
pub trait History: Send + Sync + 'static {
    /// Adds an entry at the end of its stream.
    ///
    /// The order of calls for one stream is the order of its entries, also if the futures are polled in
    /// another order or never. An entry that was sent is stored at most once, however often the store
    /// tries. Beyond what [`Append::keep`] says, the oldest entries go.
    ///
    /// # Errors
    ///
    /// If the entry was not stored, or, with [`Unanswered`](super::HistoryErrorKind::Unanswered), if
    /// that is not known.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes nothing back: the entry is stored as if it had been waited for.
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, HistoryError>>;

    /// Reads a stream.
    ///
    /// It sees every entry whose `append` was answered before the call, by any node. Reading a stream
    /// without entries gives it an epoch, which is kept for at least [`Retention::lifetime`], so that a
    /// reader who has received nothing has a position too: the one of [`Page::top`].
    ///
    /// [`Retention::lifetime`]: super::Retention::lifetime
    ///
    /// # Errors
    ///
    /// If the store could not be asked, or has not answered in time. That entries are gone is no error
    /// but a page that is not whole.
    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, HistoryError>>;
}
