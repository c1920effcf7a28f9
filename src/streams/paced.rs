//! A connection that fails once its peer takes nothing for too long.

use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// A connection on which writing fails once its peer takes next to nothing for too long.
///
/// A client that stops reading altogether does not see its streams reset, so what was queued for them
/// waits as long as the connection lasts, and nothing else ends an HTTP/2 connection whose client is
/// there and reads nothing. Within each timeout the peer must take 16 KiB, or all that waits to be
/// written: single bytes are not progress. hyper closes a connection on which writing fails.
///
/// [`Server`](crate::Server) wraps each of its connections
/// ([`write_timeout`](crate::Server::write_timeout)). In an accept loop of your own, wrap the stream before
/// hyper gets it. A socket over HTTP/1.1 takes its TCP stream out again.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hyper_util::rt::TokioIo;
/// use tokio::net::TcpStream;
/// use web_connection_socket::PacedStream;
///
/// fn for_hyper(accepted: TcpStream) -> TokioIo<PacedStream<TcpStream>> {
///     TokioIo::new(PacedStream::new(accepted, Duration::from_secs(30)))
/// }
/// ```
#[derive(Debug)]
pub struct PacedStream<IO> {
    stream: IO,
    timeout: Duration,
    clock: Clock,
    /// Set when the peer first lets us wait.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<IO> PacedStream<IO> {
    /// Wraps a stream. Writing to it fails with [`TimedOut`](ErrorKind::TimedOut) once the peer takes too
    /// little for `timeout`.
    pub fn new(stream: IO, timeout: Duration) -> Self {
        Self {
            stream,
            timeout,
            clock: Clock::default(),
            alarm: None,
        }
    }

    /// Returns the wrapped stream.
    pub fn into_inner(self) -> IO {
        self.stream
    }

    /// Fails an operation that waits for too long.
    fn time_out<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        let Some(until) = self.clock.wait(Instant::now(), self.timeout) else {
            return Poll::Pending;
        };
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            if until <= Instant::now() {
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
            // It was set for a wait before this one.
            alarm.as_mut().reset(until);
        }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for PacedStream<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for PacedStream<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(taken)) = outcome {
            self.clock.took(taken, bytes.len());
        }
        self.time_out(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(taken)) = outcome {
            let offered = slices.iter().map(|slice| slice.len()).sum();
            self.clock.took(taken, offered);
        }
        self.time_out(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.time_out(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.time_out(cx, outcome)
    }
}

/// How long the peer has let us wait.
#[derive(Debug, Default)]
struct Clock {
    /// Since when the peer has not taken enough.
    since: Option<Instant>,
    /// How many bytes it has taken since then.
    taken: usize,
}

impl Clock {
    fn took(&mut self, taken: usize, offered: usize) {
        self.taken += taken;
        if taken == offered || self.taken >= ENOUGH {
            *self = Self::default();
        }
    }

    /// Returns until when the peer may let us wait, if not forever.
    fn wait(&mut self, now: Instant, timeout: Duration) -> Option<Instant> {
        if self.since.is_none() {
            self.taken = 0;
        }
        self.since.get_or_insert(now).checked_add(timeout)
    }
}

/// How many bytes are progress: the most that a frame of HTTP/2 or a record of TLS holds.
const ENOUGH: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::future::{Either, select};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::sleep,
    };

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up_in_time() {
        let (_peer, stream) = duplex(1_024);
        let mut stream = PacedStream::new(stream, TIMEOUT);
        let begin = Instant::now();
        let error = stream.write_all(&[0; 2_048]).await.unwrap_err();
        assert_eq!(
            (error.kind(), begin.elapsed()),
            (ErrorKind::TimedOut, TIMEOUT)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn single_bytes_are_no_progress() {
        let (mut peer, stream) = duplex(1_024);
        let mut stream = PacedStream::new(stream, TIMEOUT);
        let begin = Instant::now();
        let drip = async {
            while peer.read_u8().await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        };
        let writing = pin!(stream.write_all(&[0; 2_048]));
        let Either::Left((outcome, _)) = select(writing, pin!(drip)).await else {
            panic!("the peer is there");
        };
        let error = outcome.unwrap_err();
        assert_eq!(
            (error.kind(), begin.elapsed()),
            (ErrorKind::TimedOut, TIMEOUT)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_peer_is_served_for_as_long_as_it_takes() {
        let (mut peer, stream) = duplex(1_024);
        let mut stream = PacedStream::new(stream, TIMEOUT);
        let size = 64 * 1_024;
        let reading = async {
            let mut buffer = [0; 1_024];
            // 1 KiB each second, in one write of all.
            for _ in 0..64 {
                sleep(Duration::from_secs(1)).await;
                peer.read_exact(&mut buffer).await.expect("a kilobyte");
            }
        };
        let bytes = vec![0; size];
        let (written, ()) = tokio::join!(stream.write_all(&bytes), reading);
        written.expect("a peer that reads");
        // A wait long before counts for nothing.
        sleep(TIMEOUT * 2).await;
        let begin = Instant::now();
        assert!(stream.write_all(&bytes).await.is_err());
        assert_eq!(begin.elapsed(), TIMEOUT);
    }
}
