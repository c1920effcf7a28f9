//! Limits on the number of sockets: of all, of one user, of one client.

use std::{mem, sync::Arc, time::Duration};

use super::{
    client::Client,
    count::{Count, Counts, change_named, or_none},
};
use crate::{
    config::{self, WhenFull},
    hub::identity::User,
    sync::Mutex,
};

/// The hub's limits, and what is counted for them.
#[derive(Debug)]
pub(in crate::hub) struct ConnectionLimits {
    options: config::ConnectionLimits,
    counts: Mutex<Counts>,
}

/// One of the sockets that the limits allow; dropping it makes room for another.
///
/// It is taken before the application is asked for an identity, so that sockets that are still opening
/// count.
/// When the connection has ended it counts as *finishing* instead of *open*, until it is dropped with
/// the last of the socket's work. Each limit holds for both apart: a page that is loaded again is not
/// refused because of its work before. If more are finishing than the limit allows, those beyond it
/// count as open, so that all work together is at most twice the limit. Without limits it is empty.
#[derive(Debug, Default)]
pub(crate) struct ConnectionPermit(Option<Box<Held>>);

/// Which limit leaves no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LimitReached {
    pub(crate) limit: Limit,
    /// Whether only work of sockets that have ended is in the way.
    pub(crate) finishing: bool,
    pub(crate) retry_after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    Sockets,
    User,
    Client(Client),
}

impl ConnectionLimits {
    /// Returns `None` if nothing is limited.
    pub(in crate::hub) fn new(limits: &config::ConnectionLimits) -> Option<Arc<Self>> {
        let some = limits.sockets.is_some()
            || limits.sockets_per_user.is_some()
            || limits.sockets_per_client.is_some();
        some.then(|| {
            Arc::new(Self {
                options: limits.clone(),
                counts: Mutex::default(),
            })
        })
    }

    /// Fails if there is no room for one more socket of this user now.
    pub(in crate::hub) fn check_user(&self, user: &User) -> Result<(), LimitReached> {
        self.check_user_counts(&self.counts.lock(), user)
    }

    /// Takes the room of one more socket of this client.
    pub(in crate::hub) fn permit(
        self: &Arc<Self>,
        client: Client,
    ) -> Result<ConnectionPermit, LimitReached> {
        let mut counts = self.counts.lock();
        self.check_counts(&counts, client)?;
        let client = self.options.sockets_per_client.is_some().then_some(client);
        counts.sockets.open += 1;
        if let Some(client) = client {
            counts.clients.entry(client).or_default().open += 1;
        }
        Ok(ConnectionPermit(Some(Box::new(Held {
            limits: self.clone(),
            client,
            user: None,
            finishing: false,
        }))))
    }

    /// Returns how many of a user's newest sockets stay open, if older ones are closed for them.
    pub(in crate::hub) fn newest_of(&self, user: &User) -> Option<usize> {
        let closes = self.options.when_user_full == WhenFull::CloseOldest;
        let may_close = closes && user.is_verified() && !user.id().is_empty();
        self.options.sockets_per_user.filter(|_| may_close)
    }

    pub(in crate::hub) fn counts_clients(&self) -> bool {
        self.options.sockets_per_client.is_some()
    }

    fn check_counts(&self, counts: &Counts, client: Client) -> Result<(), LimitReached> {
        let of_client = or_none(counts.clients.get(&client));
        self.admit(Limit::Sockets, self.options.sockets, counts.sockets)?;
        self.admit(
            Limit::Client(client),
            self.options.sockets_per_client,
            of_client,
        )
    }

    fn check_user_counts(&self, counts: &Counts, user: &User) -> Result<(), LimitReached> {
        if user.id().is_empty() {
            return Ok(());
        }
        let of_user = or_none(counts.users.get(user));
        match self.newest_of(user) {
            // Those that are closed for newer ones are counted until they have ended.
            Some(newest) if of_user.open + of_user.finishing < newest.saturating_mul(2) => Ok(()),
            Some(_) => Err(LimitReached {
                limit: Limit::User,
                finishing: true,
                retry_after: WORK_ENDS_SOON,
            }),
            None => self.admit(Limit::User, self.options.sockets_per_user, of_user),
        }
    }

    fn admit(&self, limit: Limit, max: Option<usize>, count: Count) -> Result<(), LimitReached> {
        let Some(max) = max else {
            return Ok(());
        };
        let beyond = count.finishing.saturating_sub(max);
        if count.open + beyond < max {
            return Ok(());
        }
        let finishing = count.open < max;
        let retry_after = if finishing {
            WORK_ENDS_SOON
        } else {
            self.options.retry_after
        };
        Err(LimitReached {
            limit,
            finishing,
            retry_after,
        })
    }
}

impl ConnectionPermit {
    /// Counts the socket as one of this user's as well, if there is room.
    pub(crate) fn count_for_user(&mut self, user: &User) -> Result<(), LimitReached> {
        let Some(held) = &mut self.0 else {
            return Ok(());
        };
        let limits = &held.limits;
        if limits.options.sockets_per_user.is_none() || user.id().is_empty() {
            return Ok(());
        }
        let mut counts = limits.counts.lock();
        limits.check_user_counts(&counts, user)?;
        counts.users.entry(user.clone()).or_default().open += 1;
        held.user = Some(user.clone());
        Ok(())
    }

    /// Counts the socket as finishing: its connection has ended, and only work is left.
    pub(in crate::hub) fn finish(&mut self) {
        if let Some(held) = &mut self.0 {
            if !mem::replace(&mut held.finishing, true) {
                held.change(|count| {
                    count.open -= 1;
                    count.finishing += 1;
                });
            }
        }
    }
}

#[derive(Debug)]
struct Held {
    limits: Arc<ConnectionLimits>,
    client: Option<Client>,
    user: Option<User>,
    finishing: bool,
}

impl Held {
    /// Changes each count that the socket is part of.
    fn change(&self, change: impl Fn(&mut Count)) {
        let mut counts = self.limits.counts.lock();
        change(&mut counts.sockets);
        if let Some(client) = &self.client {
            change_named(&mut counts.clients, client, &change);
        }
        if let Some(user) = &self.user {
            change_named(&mut counts.users, user, &change);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let finishing = self.finishing;
        self.change(|count| match finishing {
            false => count.open -= 1,
            true => count.finishing -= 1,
        });
    }
}

/// When to try again if only work of sockets that have ended is in the way.
const WORK_ENDS_SOON: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn limits(config: &Config) -> Arc<ConnectionLimits> {
        ConnectionLimits::new(&config.connection_limits).expect("a limit")
    }

    fn client(address: &str) -> Client {
        Client::from(address.parse().ok())
    }

    fn limit(full: Result<ConnectionPermit, LimitReached>) -> Option<Limit> {
        full.err().map(|full| full.limit)
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_count() {
        assert!(ConnectionLimits::new(&Config::new().connection_limits).is_none());
        assert_eq!(size_of::<ConnectionPermit>(), size_of::<usize>());
    }

    #[test]
    fn a_permit_given_back_can_be_taken_again() {
        let limits = limits(&Config::new().max_sockets(2));
        let first = limits.permit(client("192.0.2.1")).unwrap();
        let mut second = limits.permit(client("192.0.2.2")).unwrap();
        assert_eq!(limit(limits.permit(Client::Unknown)), Some(Limit::Sockets));
        second.finish();
        drop((first, second, limits.permit(Client::Unknown).unwrap()));
        assert_eq!(limits.counts.lock().sockets, Count::default());
    }

    #[test]
    fn each_limit_holds_for_open_and_finishing_sockets_apart() {
        let ann = User::Verified("ann".into());
        for (config, limit) in [
            (Config::new().max_sockets(2), Limit::Sockets),
            (Config::new().max_sockets_per_user(2), Limit::User),
            (
                Config::new().max_sockets_per_client(2),
                Limit::Client(Client::Unknown),
            ),
        ] {
            let limits = limits(&config);
            let open = || {
                let mut permit = limits.permit(Client::Unknown)?;
                permit.count_for_user(&ann).map(|()| permit)
            };
            let mut permits = Vec::new();
            // As each one is open for a moment, only what is finishing adds up.
            while let Ok(mut permit) = open() {
                permit.finish();
                permit.finish();
                permits.push(permit);
                assert!(permits.len() <= 4, "{limit:?}");
            }
            assert_eq!(permits.len(), 4, "{limit:?}: twice the limit");
            let full = open().unwrap_err();
            assert_eq!(
                (full.limit, full.finishing, full.retry_after),
                (limit, true, Duration::from_secs(1))
            );
            permits.pop();
            permits.push(open().expect("room for one"));
            assert!(open().unwrap_err().finishing);
            permits.remove(0);
            permits.push(open().expect("room for another"));
            let full = open().unwrap_err();
            assert_eq!(
                (full.limit, full.finishing, full.retry_after),
                (limit, false, Duration::from_secs(5))
            );
            permits.clear();
            let counts = limits.counts.lock();
            assert_eq!(counts.sockets, Count::default());
            assert!(counts.users.is_empty() && counts.clients.is_empty());
        }
    }

    #[test]
    fn clients_are_counted_apart_and_a_v6_network_as_one() {
        let limits = limits(&Config::new().max_sockets_per_client(1));
        for (one, same, other) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
            ("unknown", "unknown", "::1"),
        ] {
            let permit = limits.permit(client(one)).unwrap();
            let full = limit(limits.permit(client(same)));
            assert_eq!(full, Some(Limit::Client(client(one))), "{one}");
            let beside = limits.permit(client(other)).unwrap();
            drop((permit, beside));
        }
        assert!(limits.counts.lock().clients.is_empty());
    }

    #[test]
    fn a_user_is_counted_once_it_is_known() {
        let limits = limits(&Config::new().max_sockets_per_user(1));
        let [ann, claimed, nameless] = [
            User::Verified("ann".into()),
            User::Claimed("ann".into()),
            User::Verified("".into()),
        ];
        let permit = || limits.permit(Client::Unknown).unwrap();
        let (mut first, mut second) = (permit(), permit());
        first.count_for_user(&ann).unwrap();
        assert_eq!(second.count_for_user(&ann).unwrap_err().limit, Limit::User);
        assert!(limits.check_user(&ann).is_err());
        // A client that only claims to be ann takes nothing away from her.
        assert!(limits.check_user(&claimed).is_ok());
        drop(first);
        second.count_for_user(&ann).unwrap();
        drop(second);
        let mut permits = [permit(), permit()];
        for permit in &mut permits {
            permit.count_for_user(&nameless).unwrap();
        }
        assert!(limits.counts.lock().users.is_empty());
    }

    #[test]
    fn a_user_whose_oldest_are_closed_has_twice_the_limit_at_most() {
        let config = Config::new()
            .max_sockets_per_user(2)
            .when_user_full(WhenFull::CloseOldest);
        let limits = limits(&config);
        let [ann, claimed] = [User::Verified("ann".into()), User::Claimed("ann".into())];
        let open = |user| {
            let mut permit = limits.permit(Client::Unknown).unwrap();
            permit.count_for_user(user).map(|()| permit)
        };
        let mut permits: Vec<_> = (0..4).map(|_| open(&ann).unwrap()).collect();
        let full = open(&ann).unwrap_err();
        assert_eq!(
            (full.limit, full.finishing, full.retry_after),
            (Limit::User, true, Duration::from_secs(1))
        );
        permits[0].finish();
        assert!(open(&ann).is_err() && limits.check_user(&ann).is_err());
        permits.remove(0);
        permits.push(open(&ann).expect("room for one"));
        // A client that only claims to be ann closes none of her sockets, and has its own limit.
        assert_eq!(
            (limits.newest_of(&ann), limits.newest_of(&claimed)),
            (Some(2), None)
        );
        let claims = [open(&claimed).unwrap(), open(&claimed).unwrap()];
        assert!(!open(&claimed).unwrap_err().finishing);
        drop((permits, claims));
        assert!(limits.counts.lock().users.is_empty());
    }
}
