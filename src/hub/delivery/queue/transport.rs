//! The transport to which a queue is written: defined here, implemented by the session.

use std::{
    fmt,
    io::{self, IoSlice},
};

/// The sending half of a socket's stream, for the socket's own task.
pub(crate) trait Transport {
    /// Writes as much of the slices as is taken without waiting, and returns how many bytes that was.
    /// Fails with `WouldBlock` if it was none.
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Pushes out what the transport itself holds back. Fails with `WouldBlock` if it has to wait.
    fn try_flush(&mut self) -> io::Result<()>;
}

/// A transport that flushers and publishers may write to as well, from any thread at any time.
pub(crate) trait SharedTransport: fmt::Debug + Send + Sync {
    /// Does what [`Transport::try_write`] does.
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Does the same after it has failed with `WouldBlock`: not before the transport is known to have
    /// room again.
    fn try_write_again(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(slices)
    }
}
