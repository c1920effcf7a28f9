//! The user of a socket, verified or only claimed.

use std::fmt;

use crate::protocol::UserId;

/// Whose socket it is, and whether anybody checked.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{User, UserId};
///
/// fn may_see_invoices(user: &User) -> bool {
///     user.is_verified() && user.id().as_str() == "ann"
/// }
/// assert!(may_see_invoices(&User::Verified(UserId::from("ann"))));
/// assert!(!may_see_invoices(&User::Claimed(UserId::from("ann"))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum User {
    /// What the application found out: by the `identify` or `on_expiry` hook, or when it called
    /// [`Hub::reidentify`](crate::Hub::reidentify). An empty id: it let an anonymous visitor in.
    Verified(UserId),
    /// What the visitor's query string said: anybody may say anything. Empty if it said nothing.
    Claimed(UserId),
}

impl User {
    /// The user's id; empty for a visitor without one.
    #[must_use]
    pub fn id(&self) -> &UserId {
        match self {
            Self::Verified(id) | Self::Claimed(id) => id,
        }
    }

    /// Whether the application vouches for the id.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self, Self::Verified(_))
    }
}

/// The id alone.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}
