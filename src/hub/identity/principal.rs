//! What a socket may do at one moment, and as whom.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{deadline::Deadline, user::User};
use crate::protocol::Recipient;

/// Who a socket is and what it may, at one moment; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) user: User,
    /// Most sockets have none.
    terms: Option<Arc<Terms>>,
}

#[derive(Debug)]
struct Terms {
    grants: Vec<Recipient>,
    expires: Option<Deadline>,
}

impl Principal {
    pub(in crate::hub) fn new(
        user: User,
        grants: Vec<Recipient>,
        expires: Option<Deadline>,
    ) -> Self {
        let has_terms = !grants.is_empty() || expires.is_some();
        Self {
            user,
            terms: has_terms.then(|| Arc::new(Terms { grants, expires })),
        }
    }

    /// Whom the socket may address where messages are relayed, beyond itself and its groups.
    pub(crate) fn grants(&self) -> &[Recipient] {
        self.terms.as_ref().map_or(&[], |terms| &terms.grants)
    }

    pub(crate) fn expires(&self) -> Option<Instant> {
        let terms = self.terms.as_ref()?;
        terms.expires.map(|end| end.instant())
    }

    /// The same user, who may do nothing more.
    pub(in crate::hub) fn over(&self) -> Self {
        Self::new(
            self.user.clone(),
            Vec::new(),
            Deadline::after(Duration::ZERO),
        )
    }

    /// Whether it is this one and no other that says the same. Those without terms are nobody's.
    pub(in crate::hub) fn is(&self, other: &Self) -> bool {
        match (&self.terms, &other.terms) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}
