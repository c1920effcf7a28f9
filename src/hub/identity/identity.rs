//! The identity that an application gives a socket.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::deadline::Deadline;
use crate::protocol::{GroupId, Recipient, UserId};

/// The user of a socket, its groups and grants, and how long they last: what an `identify` hook
/// returns.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use web_connection_socket::{Identity, Recipient};
///
/// let ann = Identity::user("ann").group("sales").may_broadcast(Recipient::group("lobby"));
/// let guest = Identity::user("guest").expires_in(Duration::from_secs(60 * 60));
/// let unknown = Identity::anonymous();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Identity {
    pub(crate) user: UserId,
    pub(crate) groups: Vec<GroupId>,
    pub(crate) grants: Vec<Recipient>,
    pub(crate) watches: Vec<GroupId>,
    pub(crate) expires: Option<Deadline>,
}

impl Identity {
    /// Makes the identity of a known user.
    #[must_use]
    pub fn user(user: impl Into<UserId>) -> Self {
        Self {
            user: user.into(),
            ..Self::default()
        }
    }

    /// Makes the identity of a client without a user, which may connect.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Makes the socket a member of a group from the start. The upgrade is refused with 500 if there
    /// are more than [`Config::max_groups`](crate::Config::max_groups), or if the name of the user or of
    /// a group is longer than [`Config::max_name_length`](crate::Config::max_name_length): these come
    /// from the application, and the log says how long the name is.
    #[must_use]
    pub fn group(mut self, group: impl Into<GroupId>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Allows the socket to address a recipient beyond itself and its own groups, if the layer relays
    /// messages ([`WebConnectionSocketLayer::relay`](crate::WebConnectionSocketLayer::relay)).
    /// [`Recipient::all`] allows every recipient. Without relay it has no effect: the application
    /// decides.
    #[must_use]
    pub fn may_broadcast(mut self, recipient: Recipient) -> Self {
        self.grants.push(recipient);
        self
    }

    /// Allows the socket to watch the members of a group that it is not in, if the client asks for it
    /// (`presence=lobby` in the query). A `*` at the end makes it all groups with that prefix. A socket may
    /// watch the groups that it is in anyway. A rule of [`Config::presence`](crate::Config::presence) must
    /// name the group.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Identity;
    ///
    /// let moderator = Identity::user("ann").may_watch("lobby").may_watch("room:*");
    /// ```
    #[must_use]
    pub fn may_watch(mut self, group: impl Into<GroupId>) -> Self {
        self.watches.push(group.into());
        self
    }

    /// Ends the identity at a time of the clock, such as a token's `exp`. By default it lasts as long as
    /// its socket.
    ///
    /// A socket whose identity ends is closed with 4401, unless
    /// [`WebConnectionSocketLayer::on_expiry`](crate::WebConnectionSocketLayer::on_expiry) or
    /// [`Hub::reidentify`](crate::Hub::reidentify) renewed it before. A time that has passed refuses
    /// the upgrade with 401. If the machine's clock is set forward later, or the machine sleeps, the
    /// end is noticed with the socket's next message or ping. A clock that is set back gives no more
    /// time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use web_connection_socket::Identity;
    ///
    /// /// Reads a JSON web token whose signature was checked.
    /// fn identity(sub: &str, exp: u64) -> Identity {
    ///     Identity::user(sub).expires_at(SystemTime::UNIX_EPOCH + Duration::from_secs(exp))
    /// }
    /// ```
    #[must_use]
    pub fn expires_at(mut self, time: SystemTime) -> Self {
        // A time that no clock can name never comes.
        self.expires = Deadline::at(time);
        self
    }

    /// Ends the identity after this time, counted from now. Like [`expires_at`](Self::expires_at), but
    /// without the clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::Identity;
    ///
    /// let trial = Identity::anonymous().expires_in(Duration::from_secs(5 * 60));
    /// ```
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires = Deadline::after(time);
        self
    }

    /// Whether its time is over.
    pub(crate) fn is_expired(&self) -> bool {
        (self.expires).is_some_and(|end| end.instant() <= Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_time_of_the_clock_becomes_the_time_that_is_left() {
        let hour = Duration::from_secs(60 * 60);
        let now = Instant::now();
        let later = Identity::anonymous().expires_at(SystemTime::now() + hour);
        let expires = later.expires.expect("an end").instant();
        assert!(expires <= now + hour && expires > now + hour / 2);
        assert!(!later.is_expired());
        tokio::time::advance(hour).await;
        assert!(later.is_expired());
    }

    #[test]
    fn a_time_that_has_passed_is_now_and_one_beyond_all_clocks_is_never() {
        for past in [SystemTime::UNIX_EPOCH, SystemTime::now()] {
            assert!(Identity::anonymous().expires_at(past).is_expired());
        }
        assert!(
            Identity::anonymous()
                .expires_in(Duration::ZERO)
                .is_expired()
        );
        let never = Identity::anonymous().expires_in(Duration::MAX);
        assert!(never.expires.is_none() && !never.is_expired());
        assert!(!Identity::anonymous().is_expired());
    }
}
