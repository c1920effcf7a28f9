//! Sockets that are streams of an HTTP/2 connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::timeout,
};

use crate::{
    frame::{EMPTY_PONG, is_close},
    hub::{Charge, Registration},
    streams::Sending,
};

/// A stream whose sending half is written by a task of hyper's.
///
/// That task, and HTTP/2 below it, hold the last few writes, each wholly, until the peer takes them. So
/// each write is a piece of bounded length, and counts as queued while the peer lets the socket wait.
///
/// HTTP/2 takes a write once the peer has room for one byte of it, and hyper's task ends once HTTP/2 has
/// the last write; from then on nothing can reset the stream. So the last write is a single byte: when
/// it is taken, the peer has room for all.
#[derive(Debug)]
pub(super) struct Http2Stream {
    stream: TokioIo<Upgraded>,
    sending: Sending,
    /// Written byte by byte before the end: nothing more after a close frame, otherwise a pong.
    tail: &'static [u8],
    kept: Kept,
    charge: Charge,
    close_timeout: Duration,
}

impl Http2Stream {
    pub(super) fn new(
        upgraded: Upgraded,
        sending: Sending,
        charge: Charge,
        close_timeout: Duration,
    ) -> Self {
        Self {
            stream: TokioIo::new(upgraded),
            sending,
            tail: EMPTY_PONG,
            kept: Kept::default(),
            charge,
            close_timeout,
        }
    }

    /// Ends the stream, and resets it if the peer has not taken all. Gives it back if it cannot be reset.
    pub(super) async fn end(mut self) -> Option<Self> {
        let is_ended = self.sending.end().await;
        (!is_ended).then_some(self)
    }

    /// Waits until the peer has taken all or has left. An error is an end, too: the peer reset the stream,
    /// or the connection is gone.
    pub(super) async fn taken(mut self, registration: &Registration) {
        self.charge.set(self.kept.bytes());
        let ended = timeout(self.close_timeout, self.stream.shutdown()).await;
        let ended = match ended {
            Ok(ended) => ended,
            Err(_elapsed) => {
                registration.warn_of_executor();
                self.stream.shutdown().await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a stream was given up before all was taken");
        }
    }
}

impl AsyncRead for Http2Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

/// Without vectored writes: hyper writes one slice at a time.
impl AsyncWrite for Http2Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let piece = if is_close(bytes) {
            self.tail = &[];
            &bytes[..bytes.len() - 1]
        } else {
            // More than the last byte of a close frame: what looked like one was a part of another.
            if bytes.len() > 1 {
                self.tail = EMPTY_PONG;
            }
            &bytes[..bytes.len().min(PIECE)]
        };
        let outcome = Pin::new(&mut self.stream).poll_write(cx, piece);
        match outcome {
            Poll::Ready(Ok(written)) => {
                self.kept.wrote(written);
                self.charge.set(0);
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let kept = self.kept.bytes();
                self.charge.set(kept);
            }
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let [byte, rest @ ..] = self.tail {
            ready!(Pin::new(&mut self.stream).poll_write(cx, &[*byte]))?;
            self.tail = rest;
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The lengths of the writes that the peer may not have taken yet, the last one first.
#[derive(Debug, Default)]
struct Kept([u16; KEPT]);

impl Kept {
    fn wrote(&mut self, written: usize) {
        self.0.rotate_right(1);
        self.0[0] = u16::try_from(written).unwrap_or(u16::MAX);
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|length| usize::from(*length)).sum()
    }
}

/// The longest write. A stalled stream holds four of them; allocators return little of that to the
/// system after hundreds of streams held it.
const PIECE: usize = 4 * 1024;

/// Two writes wait for hyper's task, the task holds one, and HTTP/2 holds a part of one.
const KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_writes_are_kept() {
        let mut kept = Kept::default();
        assert_eq!(kept.bytes(), 0);
        for written in [1, 20, 300, 4_000, PIECE] {
            kept.wrote(written);
        }
        assert_eq!(kept.bytes(), 20 + 300 + 4_000 + PIECE);
    }
}
