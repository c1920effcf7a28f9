//! The user and grants of a socket at one moment.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{deadline::Deadline, user::User};
use crate::protocol::{GroupId, Recipient};

/// The user and grants of a socket at one moment; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) user: User,
    /// Most sockets have none.
    terms: Option<Arc<Terms>>,
}

#[derive(Debug)]
struct Terms {
    grants: Vec<Recipient>,
    watches: Vec<GroupId>,
    expires: Option<Deadline>,
}

impl Principal {
    pub(in crate::hub) fn new(
        user: User,
        grants: Vec<Recipient>,
        watches: Vec<GroupId>,
        expires: Option<Deadline>,
    ) -> Self {
        let has_terms = !(grants.is_empty() && watches.is_empty()) || expires.is_some();
        let terms = || {
            Arc::new(Terms {
                grants,
                watches,
                expires,
            })
        };
        Self {
            user,
            terms: has_terms.then(terms),
        }
    }

    /// Returns the recipients that the socket may address beyond itself and its groups, if messages are
    /// relayed.
    pub(crate) fn grants(&self) -> &[Recipient] {
        self.terms.as_ref().map_or(&[], |terms| &terms.grants)
    }

    /// Whether the socket may watch the members of a group that it is not in.
    pub(in crate::hub) fn may_watch(&self, group: &str) -> bool {
        let watches = self.terms.as_ref().map_or(&[][..], |terms| &terms.watches);
        watches
            .iter()
            .any(|right| match right.as_str().strip_suffix('*') {
                Some(prefix) => group.starts_with(prefix),
                None => right.as_str() == group,
            })
    }

    pub(crate) fn expires(&self) -> Option<Instant> {
        let terms = self.terms.as_ref()?;
        terms.expires.map(|end| end.instant())
    }

    /// Returns the same user with an identity that has ended.
    pub(in crate::hub) fn over(&self) -> Self {
        Self::new(
            self.user.clone(),
            Vec::new(),
            Vec::new(),
            Deadline::after(Duration::ZERO),
        )
    }

    /// Whether both are clones of one principal. Never true without terms: those do not end.
    pub(in crate::hub) fn is(&self, other: &Self) -> bool {
        match (&self.terms, &other.terms) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}
