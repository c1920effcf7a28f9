//! How many sockets there may be: over all, of one user, of one client.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use super::user::User;
use crate::{config, sync::Mutex};

/// The hub's caps, and what is counted for them.
#[derive(Debug)]
pub(super) struct Caps {
    limits: config::Caps,
    counts: Mutex<Counts>,
}

/// One of the sockets that the caps allow; dropping it makes room for another.
///
/// It is taken before anything else is done for a handshake, so that those still opening count, and
/// given back when the connection has ended. Without caps it is nothing.
#[derive(Debug, Default)]
pub(crate) struct Seat(Option<Box<Taken>>);

/// Which cap leaves no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) cap: Cap,
    pub(crate) retry_after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    Sockets,
    User,
    Client(Client),
}

/// Whose addresses count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    Unknown,
    V4(Ipv4Addr),
    /// A /64 network: whoever has one address of it has them all.
    V6([u16; 4]),
}

impl Caps {
    /// None where nothing is limited.
    pub(super) fn new(limits: &config::Caps) -> Option<Arc<Self>> {
        let some = limits.sockets.is_some()
            || limits.sockets_per_user.is_some()
            || limits.sockets_per_client.is_some();
        some.then(|| {
            Arc::new(Self {
                limits: limits.clone(),
                counts: Mutex::default(),
            })
        })
    }

    /// Whether there is room for one more socket of this client now.
    pub(super) fn check(&self, client: Client) -> Result<(), Full> {
        self.check_counts(&self.counts.lock(), client)
    }

    /// Whether there is room for one more socket of this user now.
    pub(super) fn check_user(&self, user: &User) -> Result<(), Full> {
        self.check_user_counts(&self.counts.lock(), user)
    }

    /// Takes that room.
    pub(super) fn seat(self: &Arc<Self>, client: Client) -> Result<Seat, Full> {
        let mut counts = self.counts.lock();
        self.check_counts(&counts, client)?;
        counts.sockets += 1;
        let client = self.limits.sockets_per_client.is_some().then_some(client);
        if let Some(client) = client {
            *counts.clients.entry(client).or_default() += 1;
        }
        Ok(Seat(Some(Box::new(Taken {
            caps: self.clone(),
            client,
            user: None,
        }))))
    }

    fn check_counts(&self, counts: &Counts, client: Client) -> Result<(), Full> {
        let of_client = counts.clients.get(&client);
        if is_reached(self.limits.sockets, counts.sockets) {
            Err(self.full(Cap::Sockets))
        } else if is_reached(self.limits.sockets_per_client, or_none(of_client)) {
            Err(self.full(Cap::Client(client)))
        } else {
            Ok(())
        }
    }

    fn check_user_counts(&self, counts: &Counts, user: &User) -> Result<(), Full> {
        let of_user = or_none(counts.users.get(user));
        if !user.id().is_empty() && is_reached(self.limits.sockets_per_user, of_user) {
            return Err(self.full(Cap::User));
        }
        Ok(())
    }

    fn full(&self, cap: Cap) -> Full {
        Full {
            cap,
            retry_after: self.limits.retry_after,
        }
    }
}

impl Seat {
    /// Counts the socket as one of this user's, too, if there is room.
    pub(crate) fn of_user(&mut self, user: &User) -> Result<(), Full> {
        let Some(taken) = &mut self.0 else {
            return Ok(());
        };
        let caps = &taken.caps;
        if caps.limits.sockets_per_user.is_none() || user.id().is_empty() {
            return Ok(());
        }
        let mut counts = caps.counts.lock();
        caps.check_user_counts(&counts, user)?;
        *counts.users.entry(user.clone()).or_default() += 1;
        taken.user = Some(user.clone());
        Ok(())
    }

    /// Makes room for another.
    pub(super) fn vacate(&mut self) {
        self.0 = None;
    }
}

impl From<Option<IpAddr>> for Client {
    fn from(address: Option<IpAddr>) -> Self {
        match address {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("an unknown address"),
            Self::V4(address) => address.fmt(f),
            Self::V6([a, b, c, d]) => {
                write!(f, "{}/64", Ipv6Addr::new(*a, *b, *c, *d, 0, 0, 0, 0))
            }
        }
    }
}

#[derive(Debug)]
struct Taken {
    caps: Arc<Caps>,
    client: Option<Client>,
    user: Option<User>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut counts = self.caps.counts.lock();
        counts.sockets -= 1;
        if let Some(client) = self.client {
            decrement(&mut counts.clients, &client);
        }
        if let Some(user) = mem::take(&mut self.user) {
            decrement(&mut counts.users, &user);
        }
    }
}

/// Names are there only while they have sockets.
#[derive(Debug, Default)]
struct Counts {
    sockets: usize,
    users: HashMap<User, usize>,
    clients: HashMap<Client, usize>,
}

fn is_reached(limit: Option<usize>, count: usize) -> bool {
    limit.is_some_and(|limit| count >= limit)
}

fn or_none(count: Option<&usize>) -> usize {
    count.copied().unwrap_or_default()
}

fn decrement<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn caps(config: &Config) -> Arc<Caps> {
        Caps::new(&config.caps).expect("a limit")
    }

    fn client(address: &str) -> Client {
        Client::from(address.parse().ok())
    }

    fn cap(full: Result<Seat, Full>) -> Option<Cap> {
        full.err().map(|full| full.cap)
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_count() {
        assert!(Caps::new(&Config::new().caps).is_none());
        assert_eq!(size_of::<Seat>(), size_of::<usize>());
    }

    #[test]
    fn a_seat_given_back_can_be_taken_again() {
        let caps = caps(&Config::new().max_sockets(2));
        let first = caps.seat(client("192.0.2.1")).unwrap();
        let mut second = caps.seat(client("192.0.2.2")).unwrap();
        assert_eq!(cap(caps.seat(Client::Unknown)), Some(Cap::Sockets));
        assert!(caps.check(Client::Unknown).is_err());
        second.vacate();
        assert!(caps.check(Client::Unknown).is_ok());
        drop((first, second, caps.seat(Client::Unknown).unwrap()));
        assert_eq!(caps.counts.lock().sockets, 0);
    }

    #[test]
    fn clients_are_counted_apart_and_a_v6_network_as_one() {
        let caps = caps(&Config::new().max_sockets_per_client(1));
        for (one, same, other) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
            ("nobody knows", "nobody knows", "::1"),
        ] {
            let seat = caps.seat(client(one)).unwrap();
            let full = cap(caps.seat(client(same)));
            assert_eq!(full, Some(Cap::Client(client(one))), "{one}");
            let beside = caps.seat(client(other)).unwrap();
            drop((seat, beside));
        }
        assert!(caps.counts.lock().clients.is_empty());
    }

    #[test]
    fn a_user_is_counted_once_it_is_known() {
        let caps = caps(&Config::new().max_sockets_per_user(1));
        let [ann, claimed, nobody] = [
            User::Verified("ann".into()),
            User::Claimed("ann".into()),
            User::Verified("".into()),
        ];
        let seat = || caps.seat(Client::Unknown).unwrap();
        let (mut first, mut second) = (seat(), seat());
        first.of_user(&ann).unwrap();
        assert_eq!(second.of_user(&ann).unwrap_err().cap, Cap::User);
        assert!(caps.check_user(&ann).is_err());
        // Who only says that she is ann takes nothing away from her.
        assert!(caps.check_user(&claimed).is_ok());
        drop(first);
        second.of_user(&ann).unwrap();
        drop(second);
        let mut nameless = [seat(), seat()];
        for seat in &mut nameless {
            seat.of_user(&nobody).unwrap();
        }
        assert!(caps.counts.lock().users.is_empty());
    }

    #[test]
    fn a_client_is_shown_as_what_counts() {
        for (address, shown) in [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3::1", "2001:db8:1:2::/64"),
            ("", "an unknown address"),
        ] {
            assert_eq!(client(address).to_string(), shown);
        }
    }
}
