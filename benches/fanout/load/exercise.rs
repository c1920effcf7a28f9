//! What both kinds of load can be asked to do.

use crate::{error::Result, run::Run};

/// A load that goes on where it was.
pub(super) trait Exercise {
    /// Sends so many messages and waits until all have arrived.
    fn run(&mut self, messages: u64) -> Result<Run>;
}
