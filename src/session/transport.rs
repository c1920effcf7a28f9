//! What a session reads from and writes to, and the buffer that it reads with.

use std::{
    cell::Cell,
    io::{self, IoSlice, Read},
    net::Shutdown,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::{rt::TokioIo, server::conn::auto};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

use crate::{
    hub::{SharedTransport, Transport},
    streams::PacedStream,
};

/// A TCP socket that its own task reads, and that flushers write as well.
#[derive(Debug)]
pub(crate) struct TcpSocket(Arc<TcpStream>);

impl TcpSocket {
    /// Takes the TCP stream out of an upgraded connection, with the bytes that the server read too far.
    ///
    /// # Errors
    ///
    /// The connection is not plain TCP but TLS, HTTP/2 or a stream of the host's own. It is given back.
    pub(crate) fn take(upgraded: Upgraded) -> Result<(Self, Bytes), Upgraded> {
        let upgraded = match Self::take_as::<TcpStream>(upgraded, |tcp| tcp) {
            Err(upgraded) => upgraded,
            taken => return taken,
        };
        Self::take_as::<PacedStream<TcpStream>>(upgraded, PacedStream::into_inner)
    }

    fn take_as<IO>(upgraded: Upgraded, tcp: fn(IO) -> TcpStream) -> Result<(Self, Bytes), Upgraded>
    where
        IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        // The first is what hyper-util's servers upgrade, axum's among them; the second hyper's own.
        match auto::upgrade::downcast::<TokioIo<IO>>(upgraded) {
            Ok(parts) => Ok(Self::new(tcp(parts.io.into_inner()), &parts.read_buf)),
            Err(upgraded) => {
                let parts = upgraded.downcast::<TokioIo<IO>>()?;
                Ok(Self::new(tcp(parts.io.into_inner()), &parts.read_buf))
            }
        }
    }

    /// Returns the stream for flushers to write to.
    pub(crate) fn shared(&self) -> Arc<dyn SharedTransport> {
        self.0.clone()
    }

    /// Copies the bytes, because even an empty slice would keep the server's whole read buffer alive.
    fn new(stream: TcpStream, read_buf: &[u8]) -> (Self, Bytes) {
        let stream = Self(Arc::new(stream));
        (stream, Bytes::copy_from_slice(read_buf))
    }

    /// Reads what has arrived. A buffer that is not filled has shown that no more is there, which saves
    /// the call that would find nothing: half of the reads of a socket that sends one message at a time.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut short = None;
        let outcome = self.0.try_io(Interest::READABLE, || {
            let read = (&*SockRef::from(&*self.0)).read(buffer)?;
            if SHORT_READ_EMPTIES && 0 < read && read < buffer.len() {
                // Has tokio wait for the next bytes: also those that come right now, since this
                // ends the readiness from before the read.
                short = Some(read);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(read)
        });
        short.map_or(outcome, Ok)
    }
}

impl AsyncRead for TcpSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for TcpSocket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write_again(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}

impl SharedTransport for TcpStream {
    /// Writes past the runtime: what that knows of each socket's readiness lies where a walk over ten
    /// thousand sockets would have to fetch it from memory.
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let socket = SockRef::from(self);
        match slices {
            [only] => socket.send_with_flags(only, NO_SIGNAL),
            several => socket.send_vectored_with_flags(several, NO_SIGNAL),
        }
    }

    fn try_write_again(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [only] => Self::try_write(self, only),
            several => self.try_write_vectored(several),
        }
    }
}

/// The byte stream of a socket, whatever carries it.
#[derive(Debug)]
pub(super) struct Stream<S>(pub(super) S);

impl<S: AsyncRead + Unpin> Stream<S> {
    /// Reads what has arrived. No bytes mean the end of the stream.
    pub(super) fn poll_read<'s>(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &'s mut Scratch,
    ) -> Poll<io::Result<&'s [u8]>> {
        let mut buffer = ReadBuf::new(&mut scratch.0);
        match ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer)) {
            // TLS reports this if the peer did not announce the end, as many do not: the stream may have
            // been cut. Frames carry their own length, so that does no harm.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            outcome => outcome?,
        }
        let length = buffer.filled().len();
        Poll::Ready(Ok(&scratch.0[..length]))
    }
}

impl<S: AsyncWrite + Unpin> Stream<S> {
    /// Ends our half of the stream.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    /// Returns the stream as a transport. The task of this context is woken once a blocked write can go
    /// on.
    pub(super) fn polled<'s, 'c, 'w>(
        &'s mut self,
        cx: &'c mut Context<'w>,
    ) -> Polled<'s, 'c, 'w, S> {
        Polled {
            stream: Pin::new(&mut self.0),
            cx,
        }
    }
}

pub(super) struct Polled<'s, 'c, 'w, S> {
    stream: Pin<&'s mut S>,
    cx: &'c mut Context<'w>,
}

impl<S: AsyncWrite> Transport for Polled<'_, '_, '_, S> {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let stream = self.stream.as_mut();
        or_would_block(match slices {
            [only] => stream.poll_write(self.cx, only),
            several => stream.poll_write_vectored(self.cx, several),
        })
    }

    fn try_flush(&mut self) -> io::Result<()> {
        or_would_block(self.stream.as_mut().poll_flush(self.cx))
    }
}

fn or_would_block<T>(outcome: Poll<io::Result<T>>) -> io::Result<T> {
    match outcome {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// A read buffer that the sockets of a thread take in turn, so that an idle socket holds none.
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

/// `MSG_NOSIGNAL`, with which the standard library writes as well: a peer that is gone is an error then,
/// and no signal that would end a host which has not turned it off.
const NO_SIGNAL: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
    0x4000
} else {
    0
};

/// Where a read that does not fill its buffer tells that nothing is left: with `epoll`, which then
/// tells of all that comes later (epoll(7), question 9).
const SHORT_READ_EMPTIES: bool = cfg!(any(target_os = "linux", target_os = "android"));

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn a_short_read_is_the_last_one_until_more_comes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (mut socket, _) = TcpSocket::new(stream, &[]);
        let mut buffer = [0; 64];
        for text in ["one", "another"] {
            peer.write_all(text.as_bytes()).await.unwrap();
            let length = socket.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..length], text.as_bytes());
            let is_ready = poll_fn(|cx| Poll::Ready(socket.0.poll_read_ready(cx).is_ready())).await;
            assert_eq!(is_ready, !SHORT_READ_EMPTIES);
        }
        // A buffer that is filled tells nothing.
        peer.write_all(b"ab").await.unwrap();
        assert_eq!(socket.read(&mut buffer[..1]).await.unwrap(), 1);
        assert_eq!(socket.read(&mut buffer[..1]).await.unwrap(), 1);
        drop(peer);
        assert_eq!(socket.read(&mut buffer).await.unwrap(), 0, "the end");
    }
}
