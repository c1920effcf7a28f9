//! Changing the identity of an open socket, and closing it when the identity ends.

use super::{
    delivery::Backlog,
    hub::Hub,
    identity::{Identity, Principal, User},
    presence::PresenceCause,
    socket_entry::SocketEntry,
    socket_error::{SocketError, SocketErrorKind},
};
use crate::protocol::{CloseReason, ConnectionId, GroupId};

impl Hub {
    /// Replaces the identity of an open socket, for example after re-authentication, a token refresh or
    /// a change of permissions. Its user is [`User::Verified`] from now on.
    ///
    /// User, groups, grants and expiry change at one moment: no broadcast sees a part of it. The
    /// socket joins the groups that the new identity names and leaves those that came with the one
    /// before, verified or claimed; it keeps those that it was made to [`join`](Self::join). A message
    /// that the application has in hand keeps the user it began with. An identity that has expired
    /// closes the socket with 4401.
    /// [`Config::max_sockets_per_user`](crate::Config::max_sockets_per_user) still counts the user that
    /// the socket was opened for, and where it has the oldest closed, the user that each has by then.
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
    /// /// The visitor of a page has just signed in.
    /// fn signed_in(hub: &Hub, socket: ConnectionId, user: &str) -> Result<(), SocketError> {
    ///     let hour = Duration::from_secs(60 * 60);
    ///     hub.reidentify(socket, Identity::user(user).group("members").expires_in(hour))
    /// }
    /// ```
    pub fn reidentify(&self, socket: ConnectionId, identity: Identity) -> Result<(), SocketError> {
        self.identify(socket, identity, None)
    }

    /// Renews an identity that is about to end, unless it has changed meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`reidentify`](Self::reidentify). If the identity has changed, the socket counts as not
    /// connected.
    pub(crate) fn renew(
        &self,
        entry: &SocketEntry,
        expected: &Principal,
        identity: Identity,
    ) -> Result<(), SocketError> {
        self.identify(entry.id, identity, Some(expected))
    }

    /// Closes a socket whose identity has ended. Returns `false` if the identity has changed, or the
    /// socket closes already.
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
        self.deselect(&mut state, entry, &reason);
        // The end may have come early; messages that wait for their turn must not get one.
        *entry.principal.lock() = ended.over();
        drop(state);
        self.attend();
        self.fanout.depart(entry);
        entry.outbox.close(reason, backlog)
    }

    /// Returns a socket's principal and groups, at one moment.
    pub(crate) fn membership_of(&self, entry: &SocketEntry) -> (Principal, Vec<GroupId>) {
        let state = self.state.lock();
        let groups = state.registry.groups_of(entry.id).to_vec();
        (entry.principal(), groups)
    }

    /// Changes a socket's identity, only while its principal is the `expected` one.
    fn identify(
        &self,
        socket: ConnectionId,
        identity: Identity,
        expected: Option<&Principal>,
    ) -> Result<(), SocketError> {
        let Identity {
            user,
            groups,
            grants,
            watches,
            expires,
        } = identity;
        let user_now = User::Verified(user.clone());
        let principal = Principal::new(user_now, grants, watches, expires);
        let mut state = self.state.lock();
        let Some(entry) = state.registry.get(socket).cloned() else {
            return Err(SocketError::new(SocketErrorKind::NotConnected));
        };
        if expected.is_some_and(|expected| !entry.stands(expected)) {
            return Err(SocketError::new(SocketErrorKind::NotConnected));
        }
        let entering = self.entering(&state, socket);
        state
            .registry
            .identify(socket, user, groups)
            .into_result()?;
        let is_another = entry.user().id() != principal.user.id();
        *entry.principal.lock() = principal;
        if is_another {
            self.note_another_user(socket);
        }
        let grew = state.registry.take_growth();
        self.note_steps(&mut state, PresenceCause::LeftGroup);
        self.note_rights(&mut state, socket);
        drop(state);
        self.attend();
        self.note_interest(grew);
        self.entered(entering);
        // Its task has another deadline now.
        entry.outbox.wake();
        Ok(())
    }
}
