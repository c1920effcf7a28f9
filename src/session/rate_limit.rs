//! How fast a socket is read: its own limits, and those of all sockets of its user together.

use tokio::time::Instant;

use crate::{
    config::Config,
    hub::{Registration, TokenBuckets, UserRate},
};

/// The limits of one socket's rates.
#[derive(Debug)]
pub(super) struct RateLimit {
    own: Option<TokenBuckets>,
    users: Option<Box<OfUsers>>,
}

/// The limits that hold for all sockets of a user together.
#[derive(Debug, Default)]
struct OfUsers {
    /// `None` for one that is not limited.
    rate: Option<UserRate>,
    /// When the socket may go on, as it was when the socket last sent: only what it sends itself lets it wait
    /// longer, so that a socket that sends seldom is not kept from it by one that never stops.
    held_until: Option<Instant>,
}

impl RateLimit {
    /// Starts with full buckets of its own; `None` without limits. Boxed, because most sockets have none.
    pub(super) fn new(now: Instant, config: &Config) -> Option<Box<Self>> {
        let own = TokenBuckets::new(now, config.message_rate, config.byte_rate);
        let limits_users = config.user_message_rate.is_some() || config.user_byte_rate.is_some();
        let users = limits_users.then(Box::default);
        (own.is_some() || users.is_some()).then(|| Box::new(Self { own, users }))
    }

    /// Notes whose socket it is, which may have changed. To be called while nothing is read.
    pub(super) fn set_user(&mut self, now: Instant, registration: &Registration) {
        let Some(users) = &mut self.users else {
            return;
        };
        let user = registration.entry().user();
        if users.rate.as_ref().is_some_and(|rate| rate.is_of(&user)) {
            return;
        }
        users.rate = registration.user_rate(&user, now);
        // A user that opens one socket after the other would send more than it may otherwise.
        let wait = users.rate.as_ref().and_then(|rate| rate.wait(now));
        users.held_until = wait.and_then(|wait| now.checked_add(wait));
    }

    pub(super) fn take(&mut self, now: Instant, frames: u64, bytes: usize) {
        if let Some(own) = &mut self.own {
            own.take(now, frames, bytes);
        }
        if let Some(users) = &mut self.users {
            if let Some(rate) = &users.rate {
                let wait = rate.take(now, frames, bytes);
                users.held_until = wait.and_then(|wait| now.checked_add(wait));
            }
        }
    }

    /// Returns when the next frame may come, or `None` if it may now.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        let own = self.own.as_ref().and_then(|own| own.wait(now));
        let own = own.and_then(|wait| now.checked_add(wait));
        let users = self.users.as_ref().and_then(|users| users.held_until);
        own.max(users.filter(|until| *until > now))
    }
}
