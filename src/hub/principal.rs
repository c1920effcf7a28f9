use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Backlog, CloseReason, Hub, SocketEntry, SocketError, SocketErrorKind, User, deadline::Deadline,
    identity::Identity,
};
use crate::protocol::{ConnectionId, GroupId, Recipient};

impl Hub {
    /// Makes a socket somebody else's, or renews whose it is: after another sign-in, a fresh token, a
    /// change of rights. Its user is [`User::Verified`] from now on.
    ///
    /// User, groups, grants and expiry change at one moment: no broadcast sees a part of it. The
    /// socket joins the groups that the new identity names and leaves those that came with the one
    /// before, be it verified or claimed; those that it was made to [`join`](Self::join) it keeps. A
    /// message that the application has in hand keeps the user it began with. An identity that has
    /// expired closes the socket with 4401. What
    /// [`Config::max_sockets_per_user`](crate::Config::max_sockets_per_user) counts is still the user
    /// that the socket was opened for.
    ///
    /// # Errors
    ///
    /// If the socket is not connected, would be in more than
    /// [`Config::max_groups`](crate::Config::max_groups) groups, or a name is longer than
    /// [`Config::max_name_length`](crate::Config::max_name_length). Nothing has changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use web_connection_socket::{ConnectionId, Hub, Identity, SocketError};
    ///
    /// /// The socket of a page whose visitor has just signed in.
    /// fn signed_in(hub: &Hub, socket: ConnectionId, user: &str) -> Result<(), SocketError> {
    ///     let hour = Duration::from_secs(60 * 60);
    ///     hub.reidentify(socket, Identity::user(user).group("members").expires_in(hour))
    /// }
    /// ```
    pub fn reidentify(&self, socket: ConnectionId, identity: Identity) -> Result<(), SocketError> {
        self.identify(socket, identity, None)
    }

    /// Renews what was asked about, unless it has changed meanwhile.
    ///
    /// # Errors
    ///
    /// As [`reidentify`](Self::reidentify); where it has changed, the socket is no longer connected
    /// as who was asked about.
    pub(crate) fn renew(
        &self,
        entry: &SocketEntry,
        asked: &Principal,
        identity: Identity,
    ) -> Result<(), SocketError> {
        self.identify(entry.id, identity, Some(asked))
    }

    /// Closes a socket that stands as it did; `false` if that has changed, or it closes already.
    pub(crate) fn expire(
        &self,
        entry: &SocketEntry,
        ended: &Principal,
        reason: CloseReason,
        backlog: Backlog,
    ) -> bool {
        let mut state = self.state.lock();
        if !entry.stands(ended) {
            return false;
        }
        // From here on it cannot be renewed.
        state.unlist(entry);
        // It may be over before its time; what waits for its turn must not have one.
        *entry.principal.lock() = ended.over();
        drop(state);
        entry.depart();
        entry.outbox.close(reason, backlog)
    }

    /// Who a socket is and which groups it is in, at one moment.
    pub(crate) fn membership_of(&self, entry: &SocketEntry) -> (Principal, Vec<GroupId>) {
        let state = self.state.lock();
        let groups = state.registry.groups_of(entry.id).to_vec();
        (entry.principal(), groups)
    }

    /// Changes whose a socket is; what was `asked` about only while it stands.
    fn identify(
        &self,
        socket: ConnectionId,
        identity: Identity,
        asked: Option<&Principal>,
    ) -> Result<(), SocketError> {
        let Identity {
            user,
            groups,
            grants,
            expires,
        } = identity;
        let principal = Principal::new(User::Verified(user.clone()), grants, expires);
        let mut state = self.state.lock();
        let Some(entry) = state.registry.get(socket).cloned() else {
            return Err(SocketError::new(SocketErrorKind::NotConnected));
        };
        if asked.is_some_and(|asked| !entry.stands(asked)) {
            return Err(SocketError::new(SocketErrorKind::NotConnected));
        }
        state
            .registry
            .identify(socket, user, groups)
            .into_result()?;
        *entry.principal.lock() = principal;
        drop(state);
        // Its task has another deadline now.
        entry.outbox.wake();
        Ok(())
    }
}

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
    pub(super) fn new(user: User, grants: Vec<Recipient>, expires: Option<Deadline>) -> Self {
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
    fn over(&self) -> Self {
        Self::new(
            self.user.clone(),
            Vec::new(),
            Deadline::after(Duration::ZERO),
        )
    }

    /// Whether it is this one and no other that says the same. Those without terms are nobody's.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (&self.terms, &other.terms) {
            (Some(own), Some(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }
}
