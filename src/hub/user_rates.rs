//! The limit on what all sockets of a user together may send.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{identity::User, token_buckets::TokenBuckets};
use crate::{
    config::{Config, Rate},
    protocol::UserId,
    sync::Mutex,
};

/// The token buckets of verified users, where their rates are limited.
///
/// A user's are kept while it has sockets, and until they are full again: a user that reconnects
/// has no others.
#[derive(Debug)]
pub(super) struct UserRates {
    messages: Option<Rate>,
    bytes: Option<Rate>,
    users: Mutex<Users>,
}

#[derive(Debug, Default)]
struct Users {
    by_id: HashMap<UserId, Arc<Mutex<TokenBuckets>>>,
    /// At how many users those that have gone are looked for, so that they are less than half of all and
    /// a new one costs the same however many there are. Also at an eighth of it, to give memory back.
    sweep_at: usize,
}

/// A socket's share in the token buckets of its user.
#[derive(Debug)]
pub(crate) struct UserRate {
    rates: Arc<UserRates>,
    user: UserId,
    /// `None` only while it is dropped.
    buckets: Option<Arc<Mutex<TokenBuckets>>>,
}

impl UserRates {
    /// Returns `None` if no rate of users is limited.
    pub(super) fn new(config: &Config) -> Option<Arc<Self>> {
        let (messages, bytes) = (config.user_message_rate, config.user_byte_rate);
        (messages.is_some() || bytes.is_some()).then(|| {
            Arc::new(Self {
                messages,
                bytes,
                users: Mutex::default(),
            })
        })
    }

    /// Returns a socket's share in the buckets of its user, if that has any: claims are not limited,
    /// since every visitor could use up what another one may send.
    pub(super) fn of(self: &Arc<Self>, user: &User, now: Instant) -> Option<UserRate> {
        let id = match user {
            User::Verified(id) if !id.is_empty() => id,
            User::Verified(_) | User::Claimed(_) => return None,
        };
        let mut users = self.users.lock();
        let buckets = match users.by_id.get(id) {
            Some(buckets) => buckets.clone(),
            None => {
                let buckets = TokenBuckets::new(now, self.messages, self.bytes)?;
                let buckets = Arc::new(Mutex::new(buckets));
                users.sweep(now);
                users.by_id.insert(id.clone(), buckets.clone());
                buckets
            }
        };
        Some(UserRate {
            rates: self.clone(),
            user: id.clone(),
            buckets: Some(buckets),
        })
    }

    /// Forgets a user of which this may have been the last socket, unless it still owes tokens.
    fn release(&self, user: &UserId, now: Instant) {
        let mut users = self.users.lock();
        if users.by_id.get(user).is_some_and(|it| is_gone(it, now)) {
            users.by_id.remove(user);
            users.sweep(now);
        }
    }
}

impl Users {
    fn sweep(&mut self, now: Instant) {
        let (users, most) = (self.by_id.len(), self.sweep_at);
        if users >= most || (users < most / 8 && most > FEW) {
            self.by_id.retain(|_, buckets| !is_gone(buckets, now));
            self.sweep_at = (self.by_id.len() * 2).max(FEW);
            self.by_id.shrink_to(self.sweep_at);
        }
    }
}

/// Whether no socket has a share in them, and nothing is owed. The users are locked, so none gets one now.
fn is_gone(buckets: &Arc<Mutex<TokenBuckets>>, now: Instant) -> bool {
    Arc::strong_count(buckets) == 1 && buckets.lock().are_full(now)
}

impl UserRate {
    /// Whether these are the buckets of this user.
    pub(crate) fn is_of(&self, user: &User) -> bool {
        user.is_verified() && *user.id() == self.user
    }

    /// Takes tokens, and returns how long the next frame has to wait for all that its user owes.
    pub(crate) fn take(&self, now: Instant, frames: u64, bytes: usize) -> Option<Duration> {
        let mut buckets = self.buckets.as_ref()?.lock();
        buckets.take(now, frames, bytes);
        buckets.wait(now)
    }

    /// Returns how long the next frame has to wait, if it has to.
    pub(crate) fn wait(&self, now: Instant) -> Option<Duration> {
        self.buckets.as_ref()?.lock().wait(now)
    }
}

impl Drop for UserRate {
    fn drop(&mut self) {
        self.buckets = None;
        self.rates.release(&self.user, Instant::now());
    }
}

/// So few users are not looked through.
const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(config: &Config) -> Arc<UserRates> {
        UserRates::new(config).expect("a rate")
    }

    fn verified(id: &str) -> User {
        User::Verified(id.into())
    }

    fn users(rates: &UserRates) -> usize {
        rates.users.lock().by_id.len()
    }

    #[tokio::test(start_paused = true)]
    async fn all_sockets_of_a_user_share_what_it_may_send() {
        let rates = rates(
            &Config::new()
                .user_message_rate(10, 3)
                .user_byte_rate(1_000, 1_000),
        );
        let now = Instant::now();
        let of = |id| rates.of(&verified(id), now).expect("a share");
        let (first, second, other) = (of("ann"), of("ann"), of("bob"));
        let milliseconds = |wait| Some(Duration::from_millis(wait));
        assert_eq!(first.take(now, 1, 10), None);
        assert_eq!(second.take(now, 1, 10), None);
        assert_eq!(first.take(now, 1, 10), milliseconds(100));
        // Those that have sent go on one after the other.
        assert_eq!(second.take(now, 1, 10), milliseconds(200));
        assert_eq!(
            (second.wait(now), other.wait(now)),
            (milliseconds(200), None)
        );
        assert_eq!(other.take(now, 1, 2_000), milliseconds(1_001));
        assert!(UserRates::new(&Config::new()).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_that_reconnects_has_not_more_and_one_that_owes_nothing_is_forgotten() {
        let rates = rates(&Config::new().user_message_rate(1, 2));
        let of = |id| rates.of(&verified(id), Instant::now()).expect("a share");
        let ann = of("ann");
        ann.take(Instant::now(), 2, 0);
        drop(ann);
        assert_eq!(users(&rates), 1);
        let (ann, again) = (of("ann"), of("ann"));
        assert_eq!(ann.wait(Instant::now()), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(2)).await;
        drop(ann);
        assert_eq!(users(&rates), 1);
        drop(again);
        assert_eq!(users(&rates), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn users_that_left_in_debt_do_not_add_up() {
        let rates = rates(&Config::new().user_message_rate(1, 1));
        let staying: Vec<_> = (0..100)
            .map(|user| rates.of(&verified(&format!("stays {user}")), Instant::now()))
            .collect();
        for user in 0..10_000 {
            let user = rates.of(&verified(&user.to_string()), Instant::now());
            user.expect("a share").take(Instant::now(), 1, 0);
            tokio::time::advance(Duration::from_millis(100)).await;
            assert!(users(&rates) <= 300, "{}", users(&rates));
        }
        drop(staying);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_that_left_takes_no_memory() {
        let rates = rates(&Config::new().user_message_rate(1, 1));
        let crowd: Vec<_> = (0..5_000)
            .map(|user| rates.of(&verified(&user.to_string()), Instant::now()))
            .collect();
        assert!(rates.users.lock().by_id.capacity() >= 5_000);
        drop(crowd);
        let users = rates.users.lock();
        assert_eq!(users.by_id.len(), 0);
        assert!(
            users.by_id.capacity() <= 1_000,
            "{}",
            users.by_id.capacity()
        );
    }

    #[tokio::test]
    async fn claims_and_visitors_without_a_name_have_no_share() {
        let rates = rates(&Config::new().user_message_rate(1, 1));
        for user in [
            User::Claimed("ann".into()),
            User::Claimed("".into()),
            verified(""),
        ] {
            assert!(rates.of(&user, Instant::now()).is_none());
        }
        let ann = rates.of(&verified("ann"), Instant::now()).expect("a share");
        assert!(ann.is_of(&verified("ann")));
        assert!(!ann.is_of(&verified("bob")) && !ann.is_of(&User::Claimed("ann".into())));
    }
}
