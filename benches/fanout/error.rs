//! What ends a measurement before its time.

use tower::BoxError;

/// The result of a step of a measurement.
pub(crate) type Result<T> = std::result::Result<T, BoxError>;
