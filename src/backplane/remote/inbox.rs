//! The messages of a link that have arrived and were not taken yet, and whether the link is over.

use std::{collections::VecDeque, sync::Arc};

use tokio::sync::Notify;

use super::end::End;
use crate::{backplane::command::Arrival, sync::Mutex};

/// The messages of one link. Filled by what reads the connection, emptied by the cluster's task.
#[derive(Debug, Default)]
pub(in crate::backplane) struct Inbox {
    arrived: Mutex<Arrived>,
    changed: Notify,
    end: End,
}

#[derive(Debug, Default)]
struct Arrived {
    messages: VecDeque<Arrival>,
    bytes: usize,
}

impl Inbox {
    /// Takes a message in. Ends the link if there is no room: what comes after a message that was left
    /// out is of less use than a new link, with which the cluster finds out what is missing.
    pub(in crate::backplane) fn push(&self, arrival: Arrival) {
        if self.reason().is_some() {
            return;
        }
        let is_full = {
            let mut arrived = self.arrived.lock();
            let bytes = arrived.bytes + arrival.payload.len();
            let is_full = bytes > MAX_BYTES || arrived.messages.len() == MAX_MESSAGES;
            if !is_full {
                arrived.bytes = bytes;
                arrived.messages.push_back(arrival);
            }
            is_full
        };
        if is_full {
            self.end("messages come faster than they are taken");
        } else {
            self.changed.notify_one();
        }
    }

    /// Ends the link, unless it has ended before. What has arrived can still be taken.
    pub(in crate::backplane) fn end(&self, reason: &str) {
        self.end.end(reason);
        self.changed.notify_one();
    }

    /// Returns why the link is over, or `None` while it is not.
    pub(in crate::backplane) fn reason(&self) -> Option<Arc<str>> {
        self.end.reason()
    }

    /// Waits until the link is over, and returns why.
    pub(in crate::backplane) async fn over(&self) -> Arc<str> {
        self.end.over().await
    }

    /// Takes the next message, or returns `None` when all were taken and the link is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message is taken at the very end.
    pub(in crate::backplane) async fn receive(&self) -> Option<Arrival> {
        loop {
            // Asked first, since no message is taken in after that.
            let is_over = self.reason().is_some();
            if let Some(arrival) = self.take() {
                return Some(arrival);
            }
            if is_over {
                return None;
            }
            self.changed.notified().await;
        }
    }

    fn take(&self) -> Option<Arrival> {
        let mut arrived = self.arrived.lock();
        let arrival = arrived.messages.pop_front()?;
        arrived.bytes -= arrival.payload.len();
        Some(arrival)
    }
}

/// What may wait before the link is ended: about what Redis itself keeps for a subscriber by default.
const MAX_BYTES: usize = 32 << 20;
const MAX_MESSAGES: usize = 65_536;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::backplane::topic::Topic;

    fn arrival(bytes: usize) -> Arrival {
        Arrival::new(Topic::ALL, Bytes::from(vec![b'x'; bytes]))
    }

    #[tokio::test]
    async fn what_arrived_before_the_end_is_taken_and_nothing_after_it() {
        let inbox = Inbox::default();
        inbox.push(arrival(1));
        inbox.push(arrival(2));
        inbox.end("the server went away");
        inbox.push(arrival(3));
        inbox.end("another reason");
        assert_eq!(inbox.receive().await, Some(arrival(1)));
        assert_eq!(inbox.receive().await, Some(arrival(2)));
        assert_eq!(inbox.receive().await, None);
        assert_eq!(inbox.receive().await, None);
        assert_eq!(&*inbox.over().await, "the server went away");
    }

    #[tokio::test]
    async fn a_link_whose_messages_are_not_taken_ends_with_bounded_memory() {
        for (bytes, fit) in [(0, MAX_MESSAGES), (1 << 20, MAX_BYTES >> 20)] {
            let inbox = Inbox::default();
            for _ in 0..fit {
                inbox.push(arrival(bytes));
            }
            assert_eq!(inbox.reason(), None);
            inbox.push(arrival(bytes.max(1)));
            // An empty one fits by its bytes.
            inbox.push(arrival(0));
            assert!(inbox.reason().is_some(), "{bytes}");
            let mut taken = 0;
            while inbox.receive().await.is_some() {
                taken += 1;
            }
            assert_eq!(taken, fit);
        }
    }

    #[tokio::test]
    async fn a_dropped_receive_has_taken_nothing() {
        let inbox = Inbox::default();
        for count in 0..100 {
            {
                let mut receive = std::pin::pin!(inbox.receive());
                let pending = futures_util::poll!(receive.as_mut());
                assert!(pending.is_pending());
                inbox.push(arrival(count));
            }
            assert_eq!(inbox.receive().await, Some(arrival(count)));
        }
    }

    #[tokio::test]
    async fn a_receiver_that_waits_is_woken_by_a_message_and_by_the_end() {
        let inbox = Inbox::default();
        let later = async {
            tokio::task::yield_now().await;
            inbox.push(arrival(1));
        };
        let (received, ()) = tokio::join!(inbox.receive(), later);
        assert_eq!(received, Some(arrival(1)));
        let later = async {
            tokio::task::yield_now().await;
            inbox.end("over");
        };
        let (received, ()) = tokio::join!(inbox.receive(), later);
        assert_eq!(received, None);
    }
}
