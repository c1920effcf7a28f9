//! The lanes of work, each with places of its own.

/// The kind of work that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Messages of clients and callers, which may be refused when there are too many.
    Messages,
    /// Connect and disconnect events, which are delivered however much else there is to do.
    Events,
}
