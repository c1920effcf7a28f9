//! Waiting for a place and holding it.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    key::Key,
    queue::{Asked, Place, Queue, Ticket},
    room::Most,
};
use crate::sync::Mutex;

/// The places of one lane, shared by all services of a hub.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<Queue>);

impl Turns {
    /// Makes so many places. If `bounded`, only so many messages may wait for them that they are served
    /// soon and fit into memory.
    pub(crate) fn new(places: usize, bounded: bool) -> Self {
        let most = bounded.then(|| Most {
            messages: places.saturating_mul(WAITING_PER_PLACE),
            bytes: WAITING_BYTES,
        });
        Self(Mutex::new(Queue::new(places, most)))
    }

    /// Waits for a place. `bytes` are kept in memory meanwhile.
    ///
    /// # Errors
    ///
    /// If too much waits already.
    ///
    /// # Cancel safety
    ///
    /// Dropping it leaves nothing behind, and passes on a turn that has just come.
    pub(crate) fn turn(&self, key: Key, bytes: usize) -> Wait<'_> {
        Wait {
            turns: self,
            state: State::New(key, bytes),
        }
    }

    /// Counts a message that waits before it may ask for a place, because the one before it has none
    /// yet. Returns `None` if too much waits already.
    pub(crate) fn keep(self: &Arc<Self>, bytes: usize) -> Option<Kept> {
        let has_room = self.0.lock().keep(bytes);
        has_room.then(|| Kept {
            turns: self.clone(),
            bytes,
        })
    }

    /// Whether messages are refused when too many wait.
    pub(crate) fn is_bounded(&self) -> bool {
        self.0.lock().room().is_bounded()
    }

    /// Returns how many wait now.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().room().messages()
    }

    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.0.lock().is_idle()
    }
}

/// The future of [`Turns::turn`].
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    turns: &'a Turns,
    state: State,
}

#[derive(Debug)]
enum State {
    New(Key, usize),
    Waiting(Ticket),
    Done,
}

impl<'a> Future for Wait<'a> {
    type Output = Result<Turn<'a>, TooManyWait>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let turns = self.turns;
        let mut queue = turns.0.lock();
        let ticket = match std::mem::replace(&mut self.state, State::Done) {
            State::New(key, bytes) => match queue.ask(key, bytes) {
                Asked::Taken(place) => return Poll::Ready(Ok(Turn { turns, place })),
                Asked::Full => return Poll::Ready(Err(TooManyWait)),
                Asked::Waits(ticket) => ticket,
            },
            State::Waiting(ticket) => ticket,
            // Polled again after its end, which a future may answer in any way.
            State::Done => return Poll::Pending,
        };
        if let Some(place) = queue.look(&ticket, cx.waker()) {
            return Poll::Ready(Ok(Turn { turns, place }));
        }
        self.state = State::Waiting(ticket);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let State::Waiting(ticket) = &self.state {
            let next = self.turns.0.lock().leave(ticket);
            if let Some(next) = next {
                next.wake();
            }
        }
    }
}

/// A place; dropping it passes it on.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    place: Place,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let next = self.turns.0.lock().give_back(&self.place);
        if let Some(next) = next {
            next.wake();
        }
    }
}

/// A message that counts as waiting until this is dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    turns: Arc<Turns>,
    bytes: usize,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.turns.0.lock().keep_no_longer(self.bytes);
    }
}

/// Too much waits for a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyWait;

impl fmt::Display for TooManyWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too much waits for the application")
    }
}

impl Error for TooManyWait {}

/// Messages that may wait for each place.
const WAITING_PER_PLACE: usize = 4;

/// Bytes of messages that may wait.
const WAITING_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Waker};

    use futures_util::FutureExt;

    use super::*;
    use crate::protocol::UserId;

    fn ann() -> Key {
        Key::User(UserId::from("ann"))
    }

    #[test]
    fn a_turn_that_was_not_taken_is_passed_on() {
        let turns = Turns::new(1, true);
        let held = turns.turn(ann(), 1).now_or_never().unwrap().unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut first = Box::pin(turns.turn(Key::Callers, 1));
        let mut second = pin!(turns.turn(ann(), 1));
        assert!(first.as_mut().poll(&mut cx).is_pending());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert_eq!(turns.waiting(), 2);
        drop(held);
        assert!(second.as_mut().poll(&mut cx).is_pending(), "not before");
        drop(first);
        let turn = second.now_or_never().expect("its turn").unwrap();
        drop(turn);
        assert!(turns.is_idle());
    }

    #[test]
    fn what_waits_elsewhere_counts() {
        let turns = Arc::new(Turns::new(1, true));
        let mut kept: Vec<_> = (0..4).map(|_| turns.keep(1)).collect();
        assert!(kept.iter().all(Option::is_some));
        assert!(turns.keep(1).is_none());
        let _held = turns.turn(ann(), 1).now_or_never().unwrap().unwrap();
        assert_eq!(
            turns.turn(ann(), 1).now_or_never().unwrap().err(),
            Some(TooManyWait)
        );
        kept.pop();
        assert!(turns.turn(ann(), 1).now_or_never().is_none());
        assert_eq!(turns.waiting(), 3);
    }
}
