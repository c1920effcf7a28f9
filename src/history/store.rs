//! The trait of a store.

use super::{
    append::{Append, Appended},
    error::HistoryError,
    read::{Page, Read},
};

pub use crate::backplane::BoxFuture;

/// A store that orders the messages of streams and keeps the newest of each.
///
/// Several nodes may use one store; its answers are all that they agree on. See the
/// [module](crate::history#your-own) for an implementation.
///
/// Both methods are called in a Tokio runtime, by many tasks at once, and must not block: anything that
/// takes time belongs into the future. A store bounds its queue, in entries and in bytes, and answers each
/// call within seconds; after 250 ms the hub goes on without an answer. While it has no connection, it
/// fails calls at once and connects again by itself.
pub trait History: Send + Sync + 'static {
    /// Adds an entry at the end of its stream.
    ///
    /// The order of calls for one stream is the order of its entries, also if the futures are polled in
    /// another order or never. An entry that was sent is stored at most once, however often the store
    /// tries. Entries beyond [`Append::keep`] are dropped, the oldest first.
    ///
    /// # Errors
    ///
    /// If the entry was not stored, or, with [`Unanswered`](super::HistoryErrorKind::Unanswered), if
    /// that is not known.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not cancel the append: the entry is stored all the same.
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
    /// If the store could not be asked, or has not answered in time. Missing entries are not an error: the
    /// page is then not complete.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future abandons the read.
    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, HistoryError>>;
}
