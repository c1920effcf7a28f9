//! The message that the application has in hand, and the one that waits for its turn.

use std::task::Context;

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{Taken, life_sign::Due, task::Session};
use crate::protocol::RawMessage;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Hands a message to the application, or keeps it until the one before is dealt with.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>, message: RawMessage) {
        if self.handling.is_none() {
            self.begin(message);
            self.poll_handling(cx);
        } else if self.handler.is_ping(&message) {
            // The page would take the connection for lost before the application is done.
            self.show_life();
        } else {
            self.parked = Some(message);
        }
    }

    /// Goes on with the message in hand, then with the parked one.
    pub(super) fn poll_handling(&mut self, cx: &mut Context<'_>) {
        while let Some(handling) = &mut self.handling {
            if handling.as_mut().poll(cx).is_pending() {
                return;
            }
            self.handling = None;
            if let Some(message) = self.parked.take() {
                self.begin(message);
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

    /// Tells a page that asked for it that its connection lives, now and whenever it is quiet.
    fn show_life(&mut self) {
        self.life_sign.asked(Instant::now());
        self.registration.outbox().life_sign();
    }

    /// Sends a life sign when one is due; otherwise the time of the next step, if there is one.
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
