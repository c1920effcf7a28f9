use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{
    HandlerFuture, MessageHandler, STREAM, Unfinished,
    closing::{Closing, Left},
    expiry::{Expiry, poll_expiry},
    heartbeat::{Action, Heartbeat},
    http2::Http2Stream,
    life_sign::LifeSign,
    rate_limit::Allowance,
    timer::Timer,
    transport::{Scratch, Stream},
    write_timeout::WriteTimeout,
};
use crate::{
    config::Config,
    frame::{Decoder, Event, Violation},
    hub::{Attention, Backlog, Drained, Registration},
    protocol::{CloseReason, RawMessage},
    unwind::{Panicked, contain},
};

/// A socket's state while its connection lasts.
///
/// Reading, writing, the application's work and the deadlines go on side by side in one poll: none
/// waits for another, so a peer that takes nothing is timed out while a write to it is blocked.
pub(super) struct Session<S> {
    stream: Stream<S>,
    pub(super) registration: Registration,
    config: Arc<Config>,
    pub(super) inbound: Box<dyn MessageHandler>,
    decoder: Decoder,
    /// What the application does with a message now, or with the news that the socket has opened.
    pub(super) handling: Option<HandlerFuture>,
    /// The one message that waits for its turn. While there is one, nothing is read.
    pub(super) parked: Option<RawMessage>,
    /// What came in one chunk with a message after which nothing could be read.
    unread: Bytes,
    rate: Option<Box<Allowance>>,
    heartbeat: Heartbeat,
    pub(super) life_sign: LifeSign,
    stall: WriteTimeout,
    /// Boxed: most identities last as long as their socket.
    expiry: Option<Box<Expiry>>,
    closing: Option<Closing>,
    /// Set once the peer has ended its half of the stream.
    left: Option<Left>,
    timer: Timer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(
        stream: S,
        unread: Bytes,
        registration: Registration,
        config: Arc<Config>,
        mut inbound: Box<dyn MessageHandler>,
    ) -> Self {
        let now = Instant::now();
        Self {
            stream: Stream(stream),
            decoder: Decoder::new(config.max_message_size),
            handling: inbound.opened(),
            parked: None,
            unread,
            rate: Allowance::new(now, &config),
            heartbeat: Heartbeat::new(now, config.ping_interval, config.pong_timeout),
            life_sign: LifeSign::default(),
            stall: WriteTimeout::new(config.write_timeout),
            registration,
            config,
            inbound,
            expiry: None,
            closing: None,
            left: None,
            timer: Timer::new(now),
        }
    }

    /// Does all that can be done now; ready with the reason when the socket is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        loop {
            match self.registration.outbox().attend(cx) {
                Attention::Killed => return Poll::Ready(self.reason_or(CloseReason::GOING_AWAY)),
                Attention::Closing(reason) if self.closing.is_none() => {
                    self.closing = Some(Closing::new(reason));
                }
                Attention::Closing(_) | Attention::Open => {}
            }
            // Only now, so that whoever changes the identity from here on wakes this task.
            if self.poll_expiry(cx).is_ready() {
                continue;
            }
            self.poll_handling(cx);
            // One instant until the timer is set: a token that came back meanwhile would let bytes be
            // read before those that are left over, and be waited for by nobody.
            let now = Instant::now();
            if let Poll::Ready(reason) = self.poll_read(cx, now) {
                return Poll::Ready(reason);
            }
            let heartbeat = self.poll_heartbeat(now);
            let life_sign = self.poll_life_sign(now);
            if let Poll::Ready(reason) = self.poll_write(cx) {
                return Poll::Ready(reason);
            }
            let next = |beat| self.next_deadline(life_sign.map_or(beat, |at| at.min(beat)), now);
            match heartbeat.and_then(next) {
                Err(reason) => return Poll::Ready(self.reason_or(reason)),
                Ok(deadline) if self.timer.poll(cx, deadline).is_pending() => {
                    return Poll::Pending;
                }
                Ok(_) => {}
            }
        }
    }

    /// What is the host's in [`poll`](Self::poll) panicked: how the socket ends.
    pub(super) fn panicked(&self) -> CloseReason {
        self.registration.panicked(STREAM);
        self.reason_or(CloseReason::LOST)
    }

    /// Ends the connection, but for what is `rest` of it, and hands over what is left to do.
    pub(super) fn end(mut self, rest: impl Fn(S) -> Option<Http2Stream>) -> Unfinished {
        let undelivered = self.registration.end();
        let stream = contain(|| rest(self.stream.0)).unwrap_or_else(|Panicked| {
            self.registration.panicked(STREAM);
            None
        });
        Unfinished {
            undelivered,
            stream,
            handling: self.handling,
            parked: self.parked,
            registration: self.registration,
            inbound: self.inbound,
        }
    }

    /// Looks after an identity that ends; ready when the socket may have changed by it.
    fn poll_expiry(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.closing.is_some() {
            self.expiry = None;
            return Poll::Pending;
        }
        let lead = self.config.identify_timeout;
        let inbound = &mut *self.inbound;
        poll_expiry(&mut self.expiry, &self.registration, inbound, lead, cx)
    }

    /// Reads until there is nothing to read or no place to put it; ready when the connection broke.
    fn poll_read(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<CloseReason> {
        if self.left.is_some() {
            return Poll::Pending;
        }
        let mut unread = std::mem::take(&mut self.unread);
        let used = self.absorb(cx, now, &unread);
        // What is used up would keep its memory.
        if used < unread.len() {
            unread.advance(used);
            self.unread = unread;
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
                    // All that had arrived is read: what the peer owes now, it has not sent.
                    self.heartbeat.resume(Instant::now());
                    return Poll::Pending;
                }
            };
            let used = self.absorb(cx, now, chunk);
            if used < chunk.len() {
                self.unread = Bytes::copy_from_slice(&chunk[used..]);
            }
        }
        // A peer that sends without pause leaves the others their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes messages out of received bytes while there is a place for them, and tells how many
    /// bytes were used.
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
                    // After a frame that is too long, frames can still be told apart.
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
            self.heartbeat.frame_received(Instant::now());
        }
        chunk.len() - rest.len()
    }

    /// The peer ended its half of the stream. It may still read ours: what answers the messages that
    /// it sent before, or its close frame, is written first. To the hub it is gone.
    fn peer_left(&mut self, now: Instant) {
        self.left = Some(Left::new(now, self.config.dispatch_timeout));
        // It cannot answer a ping any more.
        self.heartbeat.pause();
        self.registration.leave();
    }

    fn take(&mut self, cx: &mut Context<'_>, event: Event) {
        match event {
            // RFC 6455 §5.5.1: what follows our close frame need not be answered.
            Event::Text(_) | Event::Binary(_) if self.closing.is_some() => {}
            Event::Text(text) => self.receive(cx, RawMessage::checked_text(text)),
            Event::Binary(binary) if self.inbound.takes_binary() => {
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

    /// Closes without hearing what the peer says from here on: it said goodbye or nonsense.
    ///
    /// The answers to what it sent right before still leave, as far as the connection takes them
    /// at once; more would only delay the close.
    fn refuse(&mut self, cx: &mut Context<'_>, reason: CloseReason, awaits_close: bool) {
        // Its own copy of what it broadcast may still be in the log that it shares with others.
        self.registration.unlist();
        let answers = (self.registration.outbox()).drain(&mut self.stream.polled(cx));
        if let Err(error) = answers {
            tracing::debug!(%error, "the last answers did not reach their socket");
        }
        self.registration.close(reason.clone(), Backlog::Discard);
        let begun = self.registration.outbox().closing();
        let closing = self
            .closing
            .get_or_insert_with(|| Closing::new(begun.unwrap_or(reason)));
        closing.ignores_input = true;
        closing.awaits_close = awaits_close;
    }

    /// Writes what is queued; ready when the connection broke, or all is said to a peer that left.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let outbox = self.registration.outbox();
        let drained = match outbox.drain(&mut self.stream.polled(cx)) {
            Ok(Drained::Blocked) => {
                self.stall.observe(Instant::now(), Some(outbox.head()));
                return Poll::Pending;
            }
            Ok(drained) => drained,
            Err(error) => {
                tracing::debug!(%error, "writing to a socket failed");
                return Poll::Ready(self.reason_or(CloseReason::LOST));
            }
        };
        self.stall.observe(Instant::now(), None);
        if drained == Drained::Rejoin {
            self.registration.rejoin();
        }
        match &mut self.closing {
            Some(closing) if drained == Drained::Closed => {
                let until = || Instant::now().checked_add(self.config.close_timeout);
                closing.until = closing.until.or_else(until);
                if self.left.is_some() {
                    return self.poll_end(cx);
                }
                // The peer closes next. Until it has, or the time is up, its bytes are read and
                // discarded: closing a TCP socket with unread bytes resets the connection, and a
                // reset can overtake our close frame. A proxy between does just that when our half of
                // the stream ends while a client is still sending.
                if closing.ends_our_half(Instant::now(), &self.config) {
                    match self.stream.poll_shutdown(cx) {
                        Poll::Ready(Ok(())) => closing.shut = true,
                        Poll::Ready(Err(_)) => return Poll::Ready(closing.reason.clone()),
                        Poll::Pending => {}
                    }
                }
            }
            None if self.left.is_some()
                && self.handling.is_none()
                && drained != Drained::Closed =>
            {
                return self.poll_end(cx);
            }
            _ => {}
        }
        Poll::Pending
    }

    /// Ends our half of a stream whose other half the peer has ended; ready when that is done.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        Left::answered(&mut self.left, Instant::now(), self.config.close_timeout);
        self.stream.poll_shutdown(cx).map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "a peer that had left was gone before its stream ended");
            }
            self.reason_or(CloseReason::LOST)
        })
    }

    /// Sends a ping when one is due; otherwise the time of the next step, or why it is over.
    fn poll_heartbeat(&mut self, now: Instant) -> Result<Instant, CloseReason> {
        loop {
            match self.heartbeat.poll(now) {
                Action::Ping => self.registration.outbox().ping(),
                Action::Dead => return Err(CloseReason::NO_PONG),
                Action::Wait(until) => return Ok(until),
            }
        }
    }

    /// When to look again, if nothing happens before; `read_at` is the instant at which was read.
    fn next_deadline(&self, heartbeat: Instant, read_at: Instant) -> Result<Instant, CloseReason> {
        let now = Instant::now();
        let stall = self.stall.deadline();
        if stall.is_some_and(|deadline| deadline <= now) {
            return Err(CloseReason::SLOW);
        }
        let closing = self.closing.as_ref();
        let close = closing.and_then(|closing| closing.until);
        let left = self.left.as_ref().filter(|_| closing.is_none());
        let left = left.and_then(Left::deadline);
        if close.or(left).is_some_and(|deadline| deadline <= now) {
            return Err(CloseReason::LOST);
        }
        let shut = closing.and_then(|closing| closing.patience(&self.config));
        let expiry = self.expiry.as_ref().map(|expiry| expiry.deadline());
        let others = [
            stall,
            close.or(left),
            shut,
            expiry,
            self.next_token(read_at),
        ];
        Ok(others.into_iter().flatten().fold(heartbeat, Instant::min))
    }

    /// Whether nothing may be read now. What is closing is read on, because its end is in there.
    fn is_held(&self, now: Instant) -> bool {
        let is_full = || self.parked.is_some() || self.next_token(now).is_some();
        self.closing.is_none() && is_full()
    }

    /// When a socket over its rate may go on; none if it may now.
    fn next_token(&self, now: Instant) -> Option<Instant> {
        let rate = self.rate.as_ref()?;
        now.checked_add(rate.wait(now)?)
    }

    /// Why the socket is over: what began to close it, else what just happened.
    fn reason_or(&self, reason: CloseReason) -> CloseReason {
        match &self.closing {
            Some(closing) => closing.reason.clone(),
            None => self.registration.outbox().closing().unwrap_or(reason),
        }
    }
}

const CHUNKS_PER_POLL: usize = 32;

/// Beside the chunks, because empty frames are many in one.
const FRAMES_PER_POLL: u64 = 1_024;
