//! The operations that one kind of store implements over its links.

use super::job::Job;
use crate::history::{
    append::Appended,
    error::HistoryError,
    read::{Page, Read},
    store::BoxFuture,
};

/// Keeps a link open for as long as it is polled, and returns why it is over.
pub(in crate::history) type Driver = BoxFuture<'static, String>;

/// A kind of store, and where it is.
pub(in crate::history) trait Server: Send + Sync + 'static {
    /// An open link.
    type Link: Send + Sync + 'static;

    /// Opens a link, or says why that is not possible.
    fn connect(&self) -> impl Future<Output = Result<(Self::Link, Driver), String>> + Send;

    /// Adds entries in their order, and returns what became of each. Some may have been sent before,
    /// over a link that broke.
    ///
    /// If the link is over, it says why; then all of them are tried again.
    fn append(
        &self,
        link: &Self::Link,
        jobs: &[Job],
    ) -> impl Future<Output = Result<Vec<Result<Appended, HistoryError>>, String>> + Send;

    /// Reads a stream.
    fn read(
        &self,
        link: &Self::Link,
        read: &Read,
    ) -> impl Future<Output = Result<Page, NoPage>> + Send;
}

/// Why there is no page.
#[derive(Debug)]
pub(in crate::history) enum NoPage {
    /// The link is over, so another one may do.
    Link(String),
    /// The server refused.
    Refused(HistoryError),
}
