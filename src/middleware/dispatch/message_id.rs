//! The id of a message or event, by which an application knows one that it was sent twice.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use http::HeaderValue;

/// Makes an id that no other message has: of this process and a number.
pub(super) fn message_id() -> HeaderValue {
    let text = format!("{:016x}{:016x}", *PROCESS, NEXT.fetch_add(1, Relaxed));
    HeaderValue::from_maybe_shared(Bytes::from(text)).expect("digits are visible ASCII")
}

/// The keys of a `RandomState` are random, so ids of different processes do not collide.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("process"));

static NEXT: AtomicU64 = AtomicU64::new(1);

#[cfg(test)]
mod tests {
    use super::message_id;

    #[test]
    fn no_two_messages_have_the_same_id() {
        let (one, other) = (message_id(), message_id());
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
    }
}
