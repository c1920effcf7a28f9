//! A moment so long from now, however long that is.

use std::time::Duration;

use tokio::time::Instant;

/// Returns the moment after this time, or one years away if there is no such moment.
pub(super) fn later(time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

    let now = Instant::now();
    now.checked_add(time).unwrap_or_else(|| now + FAR)
}
