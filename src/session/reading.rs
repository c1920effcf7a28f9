//! The reading half of a session: from received bytes to messages, as long as there is room for them.

use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{
    frame::{Event, Violation},
    hub::Backlog,
    protocol::{CloseReason, RawMessage},
    session::{
        closing::{Closing, HalfClosed},
        task::Session,
        transport::Scratch,
    },
};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Reads until nothing is left or there is no room for it. Ready when the connection broke.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<CloseReason> {
        if self.half_closed.is_some() {
            return Poll::Pending;
        }
        if let Some(mut unread) = self.unread.take() {
            let used = self.absorb(cx, now, &unread);
            // An empty rest would still hold its memory.
            if used < unread.len() {
                unread.advance(used);
                self.unread = Some(unread);
            }
        }

        let frames = self.decoder.frames();
        for _ in 0..CHUNKS_PER_POLL {
            if self.decoder.frames() - frames > FRAMES_PER_POLL {
                break;
            }
            if self.is_held(now) {
                self.heartbeat.pause();
                return Poll::Pending;
            }
            let mut scratch = Scratch::take();
            let chunk = match self.stream.poll_read(cx, &mut scratch) {
                Poll::Ready(Ok([])) => {
                    self.peer_left(now);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(chunk)) => chunk,
                Poll::Ready(Err(error)) => {
                    tracing::debug!(%error, "reading from a socket failed");
                    return Poll::Ready(self.reason_or(CloseReason::LOST));
                }
                Poll::Pending => {
                    // All that arrived is read: an answer that is still missing was not sent.
                    self.heartbeat.resume(Instant::now(), self.waits());
                    return Poll::Pending;
                }
            };
            let used = self.absorb(cx, now, chunk);
            if used < chunk.len() {
                self.unread = Some(Box::new(Bytes::copy_from_slice(&chunk[used..])));
            }
        }
        // A peer that sends without pause must not keep other tasks from running.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes messages out of received bytes while there is room for them. Returns how many bytes were
    /// used.
    fn absorb(&mut self, cx: &mut Context<'_>, now: Instant, chunk: &[u8]) -> usize {
        let mut rest = chunk;
        let before = self.decoder.frames();
        let mut counted = before;
        while !rest.is_empty() && !self.is_held(now) {
            if let Some(closing) = self
                .closing
                .as_mut()
                .filter(|closing| closing.ignores_input)
            {
                if closing.awaits_close && self.decoder.skip_to_close(&mut rest) {
                    closing.awaits_close = false;
                }
                return chunk.len();
            }
            let length = rest.len();
            match self.decoder.decode(&mut rest) {
                Ok(Some(event)) => self.take(cx, event),
                Ok(None) => {}
                Err(violation) => {
                    // Behind a frame that is too long, frames can still be told apart.
                    let awaits_close = violation == Violation::TooBig;
                    self.refuse(cx, violation.close_reason(), awaits_close);
                }
            }
            if let Some(rate) = &mut self.rate {
                rate.take(now, self.decoder.frames() - counted, length - rest.len());
                counted = self.decoder.frames();
            }
        }
        if self.decoder.frames() != before {
            self.heartbeat.frame_received(Instant::now(), self.waits());
        }
        chunk.len() - rest.len()
    }

    /// Notes that the peer ended its half of the stream. It may still read, so the answers to its
    /// messages, or to its close frame, are written first. To the hub it is gone.
    fn peer_left(&mut self, now: Instant) {
        let half_closed = HalfClosed::new(now, self.config.dispatch_timeout);
        self.half_closed = Some(Box::new(half_closed));
        // It can no longer answer a ping.
        self.heartbeat.pause();
        let reason = self.reason_or(CloseReason::LOST);
        self.registration.leave(&reason);
    }

    fn take(&mut self, cx: &mut Context<'_>, event: Event) {
        match event {
            // RFC 6455 §5.5.1: what follows our close frame need not be answered.
            Event::Text(_) | Event::Binary(_) if self.closing.is_some() => {}
            Event::Text(text) => self.receive(cx, RawMessage::checked_text(text)),
            Event::Binary(binary) if self.handler.takes_binary() => {
                self.receive(cx, RawMessage::binary(binary));
            }
            Event::Binary(_) => self.refuse(cx, CloseReason::BINARY, true),
            Event::Ping(payload) => self.registration.outbox().pong(&payload),
            Event::Pong => {}
            Event::Close(None) => self.refuse(cx, CloseReason::NO_STATUS, false),
            Event::Close(Some((code, text))) => {
                self.refuse(cx, CloseReason::received(code, text), false);
            }
        }
    }

    /// Closes after the peer's close frame or a violation, and ignores what the peer sends from now on.
    ///
    /// Answers to earlier messages still leave if the connection takes them at once; waiting for it
    /// would only delay the close.
    fn refuse(&mut self, cx: &mut Context<'_>, reason: CloseReason, awaits_close: bool) {
        // The shared log may still hold the copy of a message that the peer itself broadcast.
        self.registration.deactivate(&reason);
        let answers = (self.registration.outbox()).drain(&mut self.stream.polled(cx));
        if let Err(error) = answers {
            tracing::debug!(%error, "the last answers did not reach their socket");
        }
        self.registration.close(reason.clone(), Backlog::Discard);
        let begun = self.registration.outbox().closing();
        let closing = self
            .closing
            .get_or_insert_with(|| Box::new(Closing::new(begun.unwrap_or(reason))));
        closing.ignores_input = true;
        closing.awaits_close = awaits_close;
    }

    /// Returns whether reading has to wait. A closing socket is read on, because the peer's close frame
    /// is still to come.
    fn is_held(&self, now: Instant) -> bool {
        let is_full = || self.parked.is_some() || self.next_token(now).is_some();
        self.closing.is_none() && is_full()
    }

    /// Returns when a socket over its rate may go on, or `None` if it may now.
    pub(super) fn next_token(&self, now: Instant) -> Option<Instant> {
        self.rate.as_ref()?.held_until(now)
    }
}

const CHUNKS_PER_POLL: usize = 32;

/// A bound beside the chunks, because one chunk holds many empty frames.
const FRAMES_PER_POLL: u64 = 1_024;
