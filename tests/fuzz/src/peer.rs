//! The client's end of a connection in memory, which does what it was told and no more.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What a client does.
pub struct Script<'a> {
    /// What it sends.
    pub bytes: &'a [u8],
    /// In pieces of these sizes, over and over.
    pub splits: &'a [u8],
    /// How many bytes it takes at once, over and over; now and then it is not ready.
    pub takes: &'a [u8],
    /// What it does when it has sent all.
    pub then: Then,
    /// It takes no more than this.
    pub room: usize,
}

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It waits for what comes and goes.
    Leaves,
    /// It stays and says no more.
    Stays,
}

/// A stream whose other end is a scripted client.
pub struct Peer<'a> {
    script: Script<'a>,
    reads: usize,
    writes: usize,
    pause: Pin<Box<Sleep>>,
    output: &'a mut Vec<u8>,
}

impl<'a> Peer<'a> {
    /// Makes one; what the server sends is appended to `output`.
    pub fn new(script: Script<'a>, output: &'a mut Vec<u8>) -> Self {
        Self {
            script,
            reads: 0,
            writes: 0,
            pause: Box::pin(sleep(Duration::ZERO)),
            output,
        }
    }

    /// The next of the sizes; 0 where it is not ready.
    fn next(sizes: &[u8], turn: &mut usize) -> Option<usize> {
        let size = *sizes.get(*turn % sizes.len().max(1))?;
        *turn += 1;
        Some(usize::from(size))
    }
}

impl AsyncRead for Peer<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.script.bytes.is_empty() {
            if this.script.then == Then::Stays {
                return Poll::Pending;
            }
            if this.reads != usize::MAX {
                this.reads = usize::MAX;
                this.pause = Box::pin(sleep(LAST_PAUSE));
            }
            ready!(this.pause.as_mut().poll(cx));
            return Poll::Ready(Ok(()));
        }
        let size = Self::next(this.script.splits, &mut this.reads).unwrap_or(usize::MAX);
        if size == 0 && this.reads % 2 == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let size = size
            .max(1)
            .min(this.script.bytes.len())
            .min(buffer.remaining());
        let (now, later) = this.script.bytes.split_at(size);
        buffer.put_slice(now);
        this.script.bytes = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let room = this.script.room.saturating_sub(this.output.len());
        if room == 0 {
            return Poll::Pending;
        }
        let size = Self::next(this.script.takes, &mut this.writes).unwrap_or(usize::MAX);
        if size == 0 && this.writes % 2 == 1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let size = size.max(1).min(bytes.len()).min(room);
        this.output.extend_from_slice(&bytes[..size]);
        Poll::Ready(Ok(size))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Long enough for all that is queued: it passes only when no task has anything to do.
const LAST_PAUSE: Duration = Duration::from_millis(1);
