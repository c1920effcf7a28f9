use std::{
    fmt,
    io::{self, IoSlice},
};

/// What an outbox writes to: a socket's sending half.
pub(crate) trait Transport {
    /// Writes from the slices what is taken without waiting and tells how many bytes it was;
    /// `WouldBlock` if it was none.
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Pushes out what the transport itself holds back; `WouldBlock` if it has to wait.
    fn try_flush(&mut self) -> io::Result<()>;
}

/// A transport that anybody may write to at any time: what flushers need.
pub(crate) trait SharedTransport: fmt::Debug + Send + Sync {
    /// As [`Transport::try_write`].
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}
