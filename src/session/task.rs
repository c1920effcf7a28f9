//! The state of a socket while its connection lasts, and what one poll does with it.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{
    config::Config,
    frame::Decoder,
    hub::{Attention, Drained, Registration},
    protocol::{CloseReason, RawMessage},
    session::{
        closing::{Closing, HalfClosed},
        expiry::{Expiry, poll_expiry},
        finish::Unfinished,
        heartbeat::{Action, Heartbeat, Waits},
        http2::Http2Stream,
        life_sign::LifeSign,
        message_handler::{HandlerFuture, MessageHandler},
        rate_limit::RateLimit,
        timer::Timer,
        transport::Stream,
        write_timeout::WriteTimeout,
    },
    unwind::{Panicked, contain},
};

/// A socket's state while its connection lasts.
///
/// One poll reads, writes, drives the application's work and checks the deadlines. None of them waits
/// for another, so a peer that takes nothing is timed out while a write to it is blocked.
///
/// What few sockets have at a time is boxed, and what the configuration says is not copied: an idle
/// socket is half as large for it.
pub(super) struct Session<S> {
    pub(super) stream: Stream<S>,
    pub(super) registration: Registration,
    pub(super) config: Arc<Config>,
    pub(super) handler: Box<dyn MessageHandler>,
    pub(super) decoder: Decoder,
    /// The application's work on a message, or on the news that the socket has opened.
    pub(super) handling: Option<HandlerFuture>,
    /// The one message that waits for its turn. While it waits, nothing is read.
    pub(super) parked: Option<Box<RawMessage>>,
    /// The rest of a chunk, behind a message after which nothing could be read.
    pub(super) unread: Option<Box<Bytes>>,
    pub(super) rate: Option<Box<RateLimit>>,
    pub(super) heartbeat: Heartbeat,
    pub(super) life_sign: LifeSign,
    write_timeout: WriteTimeout,
    expiry: Option<Box<Expiry>>,
    pub(super) closing: Option<Box<Closing>>,
    /// Set once the peer has ended its half of the stream.
    pub(super) half_closed: Option<Box<HalfClosed>>,
    timer: Timer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn new(
        stream: S,
        unread: Bytes,
        registration: Registration,
        config: Arc<Config>,
        mut handler: Box<dyn MessageHandler>,
    ) -> Self {
        let now = Instant::now();
        Self {
            stream: Stream(stream),
            decoder: Decoder::new(config.max_message_size),
            handling: handler.opened(),
            parked: None,
            unread: (!unread.is_empty()).then(|| Box::new(unread)),
            rate: RateLimit::new(now, &config),
            heartbeat: Heartbeat::new(now, waits(&config)),
            life_sign: LifeSign::default(),
            write_timeout: WriteTimeout::default(),
            registration,
            config,
            handler,
            expiry: None,
            closing: None,
            half_closed: None,
            timer: Timer::new(now),
        }
    }

    /// Does all that can be done now. Ready with the reason once the socket is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        loop {
            match self.registration.outbox().attend(cx) {
                Attention::Killed => return Poll::Ready(self.reason_or(CloseReason::GOING_AWAY)),
                Attention::Closing(reason) if self.closing.is_none() => {
                    self.closing = Some(Box::new(Closing::new(reason)));
                }
                Attention::Closing(_) | Attention::Open => {}
            }
            // After `attend`, so that a change of identity from here on wakes this task.
            if self.poll_expiry(cx).is_ready() {
                continue;
            }
            self.poll_handling(cx);
            // One instant until the timer is set. A rate token that came back meanwhile would let new
            // bytes be read before those left over, and no timer would wait for it.
            let now = Instant::now();
            if let Some(rate) = &mut self.rate {
                rate.set_user(now, &self.registration);
            }
            if let Poll::Ready(reason) = self.poll_read(cx, now) {
                return Poll::Ready(reason);
            }
            self.registration.note_work(self.handling.is_some());
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

    /// Returns how the socket ends after the host's stream panicked in [`poll`](Self::poll).
    pub(super) fn panicked(&self) -> CloseReason {
        self.registration.panicked(STREAM);
        self.reason_or(CloseReason::LOST)
    }

    /// Ends the connection, but for the part of the stream that `rest` keeps, and returns the work that
    /// is left.
    pub(super) fn end(
        mut self,
        reason: &CloseReason,
        rest: impl Fn(S) -> Option<Http2Stream>,
    ) -> Unfinished {
        let undelivered = self.registration.end(reason);
        let stream = contain(|| rest(self.stream.0)).unwrap_or_else(|Panicked| {
            self.registration.panicked(STREAM);
            None
        });
        Unfinished {
            undelivered,
            stream,
            handling: self.handling,
            parked: self.parked.map(|message| *message),
            registration: self.registration,
            handler: self.handler,
        }
    }

    /// Renews or ends an identity that is about to end. Ready when the socket may have changed.
    fn poll_expiry(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.closing.is_some() {
            self.expiry = None;
            return Poll::Pending;
        }
        let lead = self.config.identify_timeout;
        let handler = &mut *self.handler;
        poll_expiry(&mut self.expiry, &self.registration, handler, lead, cx)
    }

    /// Writes the queue. Ready when the connection broke, or when a peer that left has all its answers.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let outbox = self.registration.outbox();
        let drained = match outbox.drain(&mut self.stream.polled(cx)) {
            Ok(Drained::Blocked) => {
                let timeout = self.config.write_timeout;
                (self.write_timeout).observe(Instant::now(), outbox.head(), timeout);
                return Poll::Pending;
            }
            Ok(drained) => drained,
            Err(error) => {
                tracing::debug!(%error, "writing to a socket failed");
                return Poll::Ready(self.reason_or(CloseReason::LOST));
            }
        };
        self.write_timeout.stop();
        if drained == Drained::Reattach {
            self.registration.reattach();
        }
        match &mut self.closing {
            Some(closing) if drained == Drained::Closed => {
                let until = || Instant::now().checked_add(self.config.close_timeout);
                closing.until = closing.until.or_else(until);
                if self.half_closed.is_some() {
                    return self.poll_end(cx);
                }
                // The peer closes next. Until then, or until its time is up, its bytes are read and
                // discarded: closing a TCP socket with unread bytes resets the connection, and the
                // reset can overtake our close frame. A proxy in between does the same when our half
                // of the stream ends while the client is still sending.
                if closing.ends_our_half(Instant::now(), &self.config) {
                    match self.stream.poll_shutdown(cx) {
                        Poll::Ready(Ok(())) => closing.shut = true,
                        Poll::Ready(Err(_)) => return Poll::Ready(closing.reason.clone()),
                        Poll::Pending => {}
                    }
                }
            }
            None if self.half_closed.is_some()
                && self.handling.is_none()
                && drained != Drained::Closed =>
            {
                return self.poll_end(cx);
            }
            _ => {}
        }
        Poll::Pending
    }

    /// Ends our half of the stream after the peer has ended its own. Ready when that is done.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        HalfClosed::answered(
            self.half_closed.as_deref_mut(),
            Instant::now(),
            self.config.close_timeout,
        );
        self.stream.poll_shutdown(cx).map(|ended| {
            if let Err(error) = ended {
                tracing::debug!(%error, "a peer that had left was gone before its stream ended");
            }
            self.reason_or(CloseReason::LOST)
        })
    }

    /// Sends a ping if one is due. Returns the time of the next step, or why the socket is over.
    fn poll_heartbeat(&mut self, now: Instant) -> Result<Instant, CloseReason> {
        loop {
            match self.heartbeat.poll(now, self.waits()) {
                Action::Ping => self.registration.outbox().ping(),
                Action::Dead => return Err(CloseReason::NO_PONG),
                Action::Wait(until) => return Ok(until),
            }
        }
    }

    pub(super) fn waits(&self) -> Waits {
        waits(&self.config)
    }

    /// Returns when to poll again if nothing happens before; `read_at` is when the stream was read.
    fn next_deadline(&self, heartbeat: Instant, read_at: Instant) -> Result<Instant, CloseReason> {
        let now = Instant::now();
        let stall = self.write_timeout.deadline();
        if stall.is_some_and(|deadline| deadline <= now) {
            return Err(CloseReason::SLOW);
        }
        let closing = self.closing.as_deref();
        let close = closing.and_then(|closing| closing.until);
        let left = self.half_closed.as_deref().filter(|_| closing.is_none());
        let left = left.and_then(HalfClosed::deadline);
        if close.or(left).is_some_and(|deadline| deadline <= now) {
            return Err(CloseReason::LOST);
        }
        let shut = closing.and_then(|closing| closing.half_close_at(&self.config));
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

    /// Returns why the socket is over: what began to close it, else `reason`.
    pub(super) fn reason_or(&self, reason: CloseReason) -> CloseReason {
        match &self.closing {
            Some(closing) => closing.reason.clone(),
            None => self.registration.outbox().closing().unwrap_or(reason),
        }
    }
}

fn waits(config: &Config) -> Waits {
    Waits {
        ping_interval: config.ping_interval,
        pong_timeout: config.pong_timeout,
    }
}

/// What panics of the host's stream are reported as.
const STREAM: &str = "the stream of a connection";
