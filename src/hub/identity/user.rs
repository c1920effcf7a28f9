//! The user of a socket, verified or only claimed.

use std::fmt;

use crate::protocol::UserId;

/// The user of a socket, and whether the application checked who it is.
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
    /// The application found out: by the `identify` or `on_expiry` hook, or by calling
    /// [`Hub::reidentify`](crate::Hub::reidentify). The id is empty if it let an anonymous client in.
    Verified(UserId),
    /// The client's query string says so, and a client may say anything. The id is empty if it said
    /// nothing.
    Claimed(UserId),
}

impl User {
    /// Returns the user's id, which is empty for an anonymous client.
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

/// Writes the id alone.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id().fmt(f)
    }
}
