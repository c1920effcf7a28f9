//! The message that the application is handling, and the one that waits for its turn.

use std::task::Context;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{
    protocol::RawMessage,
    session::{Taken, life_sign::Due, task::Session},
};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Hands a message to the application, or parks it until the one before is done.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>, message: RawMessage) {
        if self.handling.is_none() {
            self.begin(message);
            self.poll_handling(cx);
        } else if self.handler.is_ping(&message) {
            // Otherwise the page would give the connection up before the application is done.
            self.show_life();
        } else {
            self.parked = Some(Box::new(message));
        }
    }

    /// Drives the work on the current message, then begins the parked one.
    pub(super) fn poll_handling(&mut self, cx: &mut Context<'_>) {
        while let Some(handling) = &mut self.handling {
            if handling.as_mut().poll(cx).is_pending() {
                return;
            }
            self.handling = None;
            if let Some(message) = self.parked.take() {
                self.begin(*message);
            }
        }
    }

    /// Hands a message to the application.
    fn begin(&mut self, message: RawMessage) {
        match self.handler.message(message) {
            Taken::Done => {}
            Taken::Ping => self.show_life(),
            Taken::Begun(handling) => self.handling = Some(handling),
        }
    }

    /// Sends a life sign to a page that asked for one, now and whenever nothing else was sent for a while.
    fn show_life(&mut self) {
        self.life_sign.asked(Instant::now());
        self.registration.outbox().life_sign();
    }

    /// Sends a life sign if one is due. Returns the time of the next step, if there is one.
    pub(super) fn poll_life_sign(&mut self, now: Instant) -> Option<Instant> {
        let outbox = self.registration.outbox();
        loop {
            match self.life_sign.poll(now, || outbox.told_at())? {
                Due::Send => outbox.life_sign(),
                Due::Wait(until) => return Some(until),
            }
        }
    }
}
