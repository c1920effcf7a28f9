//! What a handler replies to a message that was posted, not sent by a socket.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{
    hub::{SocketError, SocketErrorKind},
    protocol::SocketMessage,
};

/// Collects the replies to a posted message until its request is answered.
///
/// Once it is dropped, because the replies were taken or the caller is gone, further replies fail.
#[derive(Debug)]
pub(super) struct Replies(Arc<Mutex<State>>);

/// A handler's end of [`Replies`].
#[derive(Clone, Debug)]
pub(super) struct Caller(Weak<Mutex<State>>);

/// What a handler asked for while it handled a posted message.
#[derive(Debug, Default)]
pub(super) struct Collected {
    /// One message, or a list of several.
    pub(super) json: Option<Bytes>,
    /// Whether it asked to join, leave or close, which needs a socket.
    pub(super) has_orders: bool,
}

#[derive(Debug)]
struct State {
    /// The messages, with a comma between two.
    json: Vec<u8>,
    count: usize,
    max_bytes: usize,
    has_orders: bool,
    is_taken: bool,
}

impl Replies {
    /// Accepts one message of any length, and more up to `max_bytes` in all.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            json: Vec::new(),
            count: 0,
            max_bytes,
            has_orders: false,
            is_taken: false,
        })))
    }

    pub(super) fn caller(&self) -> Caller {
        Caller(Arc::downgrade(&self.0))
    }

    pub(super) fn take(self) -> Collected {
        let mut state = self.0.lock();
        // A reply on another thread may hold the state past our drop.
        state.is_taken = true;
        let json = std::mem::take(&mut state.json);
        Collected {
            json: match state.count {
                0 => None,
                1 => Some(json.into()),
                _ => Some([b"[", &json[..], b"]"].concat().into()),
            },
            has_orders: state.has_orders,
        }
    }
}

impl Caller {
    /// Adds a message to the answer.
    ///
    /// # Errors
    ///
    /// If the request was answered already, or the answer has no room left.
    pub(super) fn reply(&self, message: &SocketMessage) -> Result<(), SocketError> {
        let gone = || SocketError::new(SocketErrorKind::NotConnected);
        let state = self.0.upgrade().ok_or_else(gone)?;
        let json = message.encode();
        let mut state = state.lock();
        if state.is_taken {
            return Err(gone());
        }
        if state.count > 0 {
            let is_too_long = state.json.len() + json.len() >= state.max_bytes;
            if is_too_long || state.count >= MAX_REPLIES {
                return Err(SocketError::new(SocketErrorKind::TooManyReplies));
            }
            state.json.push(b',');
        }
        state.json.extend_from_slice(&json);
        state.count += 1;
        Ok(())
    }

    /// Notes that the handler asked to join, leave or close without a socket.
    pub(super) fn ignore_order(&self) {
        if let Some(state) = self.0.upgrade() {
            state.lock().has_orders = true;
        }
    }
}

const MAX_REPLIES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> SocketMessage {
        SocketMessage::new("a").text(text)
    }

    fn json(replies: Replies) -> Option<String> {
        let json = replies.take().json?;
        Some(String::from_utf8(json.to_vec()).unwrap())
    }

    fn kind(outcome: Result<(), SocketError>) -> SocketErrorKind {
        outcome.unwrap_err().kind()
    }

    #[test]
    fn one_is_an_object_and_several_are_a_list() {
        assert_eq!(json(Replies::new(9)), None);
        let one = String::from_utf8(reply("x").encode()).unwrap();
        for (count, expected) in [(1, one.clone()), (2, format!("[{one},{one}]"))] {
            let replies = Replies::new(1_000);
            for _ in 0..count {
                replies.caller().reply(&reply("x")).unwrap();
            }
            assert_eq!(json(replies), Some(expected));
        }
    }

    #[test]
    fn any_one_fits_and_no_more_than_the_limits_allow() {
        let replies = Replies::new(10);
        let caller = replies.caller();
        caller.reply(&reply(&"x".repeat(100))).unwrap();
        let full = kind(caller.reply(&reply("")));
        assert_eq!(full, SocketErrorKind::TooManyReplies);
        assert!(json(replies).unwrap().starts_with('{'));

        let replies = Replies::new(usize::MAX);
        let caller = replies.caller();
        for _ in 0..MAX_REPLIES {
            caller.reply(&reply("")).unwrap();
        }
        let full = kind(caller.reply(&reply("")));
        assert_eq!(full, SocketErrorKind::TooManyReplies);
    }

    #[test]
    fn what_comes_after_the_answer_fails() {
        for answer in [drop::<Replies>, |replies: Replies| drop(replies.take())] {
            let replies = Replies::new(1_000);
            let caller = replies.caller();
            answer(replies);
            let gone = kind(caller.reply(&reply("")));
            assert_eq!(gone, SocketErrorKind::NotConnected);
        }
        let replies = Replies::new(1_000);
        let (caller, on_another_thread) = (replies.caller(), replies.0.clone());
        replies.take();
        let gone = kind(caller.reply(&reply("")));
        assert_eq!(gone, SocketErrorKind::NotConnected);
        drop(on_another_thread);
    }
}
