//! What is in flight, and whether each receiver gets it in order.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::error::Result;

/// Which messages are on their way, and what each receiver has to get next.
pub(super) struct Progress {
    /// The number that each receiver waits for.
    next: Vec<u64>,
    /// The number of the first message in flight.
    first: u64,
    in_flight: VecDeque<InFlight>,
    latencies: Vec<Duration>,
}

struct InFlight {
    published: Instant,
    missing: usize,
}

impl Progress {
    pub(super) fn new(receivers: usize) -> Self {
        Self {
            next: vec![0; receivers],
            first: 0,
            in_flight: VecDeque::new(),
            latencies: Vec::new(),
        }
    }

    /// The number of the next message.
    pub(super) fn published(&self) -> u64 {
        self.first + self.in_flight.len() as u64
    }

    /// How many messages all receivers have.
    pub(super) fn received(&self) -> u64 {
        self.first
    }

    pub(super) fn publish(&mut self, now: Instant) {
        self.in_flight.push_back(InFlight {
            published: now,
            missing: self.next.len(),
        });
    }

    /// Notes what a receiver got.
    pub(super) fn receive(&mut self, receiver: usize, number: u64) -> Result<()> {
        let expected = self.next[receiver];
        if number != expected {
            return Err(format!(
                "socket {receiver} got message {number} instead of {expected}: {}",
                if number > expected {
                    "one is lost or late"
                } else {
                    "it came again"
                }
            )
            .into());
        }
        self.next[receiver] += 1;
        let index = usize::try_from(number - self.first)?;
        let message = self
            .in_flight
            .get_mut(index)
            .ok_or("a message that was not published")?;
        message.missing -= 1;
        // Each receiver gets them in order, so they are complete in order.
        if message.missing == 0 {
            self.latencies.push(message.published.elapsed());
            self.in_flight.pop_front();
            self.first += 1;
        }
        Ok(())
    }

    pub(super) fn take_latencies(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.latencies)
    }
}
