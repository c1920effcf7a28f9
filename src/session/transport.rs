use std::{
    cell::Cell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::hub::Transport;

/// A socket's byte stream, whatever it runs over.
#[derive(Debug)]
pub(super) struct Stream<S>(pub(super) S);

impl<S: AsyncRead + Unpin> Stream<S> {
    /// Reads what has arrived; no bytes are the end of the stream.
    pub(super) fn poll_read<'s>(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
    ) -> Poll<io::Result<&'s [u8]>> {
        let mut buffer = ReadBuf::new(&mut scratch.0);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        let length = buffer.filled().len();
        Poll::Ready(Ok(&scratch.0[..length]))
    }
}

impl<S: AsyncWrite + Unpin> Stream<S> {
    /// Ends our half of the stream.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl<S: AsyncWrite + Unpin> Transport for Stream<S> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.0);
        match slices {
            [only] => stream.poll_write(cx, only),
            several => stream.poll_write_vectored(cx, several),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
}

/// A read buffer that all sockets of a thread take in turn, so that none has to own one.
#[derive(Debug)]
pub(super) struct Scratch(Vec<u8>);

impl Scratch {
    pub(super) fn take() -> Self {
        let mut buffer = SCRATCH.take();
        buffer.resize(SCRATCH_SIZE, 0);
        Self(buffer)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SCRATCH.set(std::mem::take(&mut self.0));
    }
}

const SCRATCH_SIZE: usize = 16 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
