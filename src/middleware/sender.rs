//! The sender of a message: what it may claim, and which recipients it may address.

use crate::{
    hub::{Hub, Principal, SocketEntry, User},
    protocol::{ConnectionId, GroupId, Recipient, RecipientType, SocketMessage},
};

/// A message's sender at one moment: user, groups and grants stay together even while the socket is
/// re-identified.
pub(super) struct Sender {
    connection: ConnectionId,
    principal: Principal,
    /// Looked up for verified users only.
    groups: Vec<GroupId>,
}

impl Sender {
    pub(super) fn look_up(hub: &Hub, entry: &SocketEntry) -> Self {
        let principal = entry.principal();
        let (principal, groups) = if principal.user.is_verified() {
            hub.membership_of(entry)
        } else {
            (principal, Vec::new())
        };
        Self {
            connection: entry.id,
            principal,
            groups,
        }
    }

    /// Overwrites a message's user and group with the verified ones, and returns whether that changed
    /// anything. Without verification the claims stay.
    pub(super) fn attest(&self, message: &mut SocketMessage) -> bool {
        if !self.principal.user.is_verified() {
            return false;
        }
        let user = self.principal.user.id();
        let group = &message.group_id;
        let group = self.groups.iter().find(|own| *own == group);
        let group = group.or(self.groups.first()).cloned().unwrap_or_default();
        let is_changed = message.user_id != *user || message.group_id != group;
        message.user_id = user.clone();
        message.group_id = group;
        is_changed
    }

    /// Tells whether the sender is in a group that a message names.
    pub(super) fn is_in(&self, group: &GroupId) -> bool {
        self.groups.contains(group)
    }

    /// Tells whether the sender may address the message's recipients: a verified one only itself, its
    /// groups and its grants. Exclusions only narrow the audience.
    pub(super) fn may_relay(&self, message: &SocketMessage) -> bool {
        let grants = self.principal.grants();
        if !self.principal.user.is_verified()
            || grants.iter().any(|grant| grant.kind == RecipientType::All)
        {
            return true;
        }
        let mut includes = message
            .recipients
            .iter()
            .filter(|recipient| !recipient.kind.excludes())
            .peekable();
        // Without includes a message is for all sockets.
        includes.peek().is_some()
            && includes.all(|recipient| self.is(recipient) || grants.contains(recipient))
    }

    pub(super) fn into_user(self) -> User {
        self.principal.user
    }

    /// Tells whether a recipient is the sender itself, or one of its groups.
    fn is(&self, recipient: &Recipient) -> bool {
        let value = recipient.value.as_str();
        match recipient.kind {
            RecipientType::Group => self.groups.iter().any(|own| own.as_str() == value),
            RecipientType::User => self.principal.user.id().as_str() == value,
            RecipientType::Connection => self.connection.to_string() == value,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        config::Config,
        hub::{Identity, Registration},
    };

    fn ann(grants: &[Recipient]) -> (Arc<Hub>, Registration) {
        let hub = Arc::new(Hub::new(&Config::new()));
        let ann = Identity::user("ann").group("sales").group("lobby");
        let ann = grants.iter().cloned().fold(ann, Identity::may_broadcast);
        let ann = hub.register(ann, User::Verified);
        (hub, ann.expect("a new hub has room"))
    }

    fn allowed(grants: &[Recipient], message: &SocketMessage) -> bool {
        let (hub, ann) = ann(grants);
        Sender::look_up(&hub, ann.entry()).may_relay(message)
    }

    #[tokio::test]
    async fn a_verified_sender_cannot_speak_as_another() {
        let (hub, ann) = ann(&[]);
        // What a message says, and what it says then.
        for (user, group, own_group) in [
            ("bob", "board", "sales"),
            ("ann", "board", "sales"),
            ("bob", "lobby", "lobby"),
            ("ann", "lobby", "lobby"),
        ] {
            let mut message = SocketMessage::new("x").from_user(user).from_group(group);
            let is_changed = Sender::look_up(&hub, ann.entry()).attest(&mut message);
            assert_eq!(message.user_id, "ann");
            assert_eq!(message.group_id, own_group);
            assert_eq!(is_changed, (user, group) != ("ann", own_group));
        }
    }

    #[tokio::test]
    async fn a_sender_stays_who_it_was_when_its_message_came() {
        let (hub, ann) = ann(&[Recipient::user("bob")]);
        let before = Sender::look_up(&hub, ann.entry());
        let bob = Identity::user("bob").group("board");
        hub.reidentify(ann.entry().id, bob).unwrap();
        let after = Sender::look_up(&hub, ann.entry());
        for (sender, user, group, to_bob, to_board) in [
            (&before, "ann", "sales", true, false),
            (&after, "bob", "board", true, true),
        ] {
            let mut message = SocketMessage::new("x");
            sender.attest(&mut message);
            assert_eq!(message.user_id, user);
            assert_eq!(message.group_id, group);
            assert_eq!(
                sender.may_relay(&SocketMessage::new("x").to_user("bob")),
                to_bob
            );
            assert_eq!(
                sender.may_relay(&SocketMessage::new("x").to_group("board")),
                to_board
            );
        }
    }

    #[tokio::test]
    async fn relay_is_limited_to_own_groups_and_oneself() {
        let message = || SocketMessage::new("x");
        for (message, expected) in [
            (message(), false),
            (message().to_all(), false),
            (message().to_group(""), false),
            (message().except_user("bob"), false),
            (message().to_group("sales"), true),
            (message().to_group("sales").except_user("bob"), true),
            (message().to_group("sales").to_group("board"), false),
            (message().to_user("ann"), true),
            (message().to_user("bob"), false),
        ] {
            assert_eq!(allowed(&[], &message), expected, "{message:?}");
        }
        assert!(allowed(
            &[Recipient::user("bob")],
            &message().to_user("bob")
        ));
        assert!(!allowed(&[Recipient::user("bob")], &message()));
        assert!(allowed(&[Recipient::all()], &message()));
    }
}
