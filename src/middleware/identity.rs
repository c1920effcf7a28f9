//! What a socket's identity says of its messages.

use crate::{
    hub::{Hub, Peer, User},
    protocol::{Recipient, RecipientType, SocketMessage},
};

/// Overwrites what a message says of its sender with what is known of it, and tells whose it is.
///
/// Claims stay as they are: nothing better is known.
pub(super) fn attest(hub: &Hub, peer: &Peer, message: &mut SocketMessage) -> User {
    let user = peer.user();
    if !user.is_verified() {
        return user;
    }
    let (standing, groups) = hub.membership_of(peer);
    message.user_id = standing.user.id().clone();
    if !groups.contains(&message.group_id) {
        message.group_id = groups.into_iter().next().unwrap_or_default();
    }
    standing.user
}

/// Whether a socket may relay to whom the message selects: a verified one only to what it was
/// granted. What a message excludes only narrows it.
pub(super) fn may_relay(hub: &Hub, peer: &Peer, message: &SocketMessage) -> bool {
    if !peer.user().is_verified() {
        return true;
    }
    let (standing, groups) = hub.membership_of(peer);
    let grants = standing.grants();
    let granted = |recipient: &Recipient| {
        let by_nature = match recipient.kind {
            RecipientType::Group => groups.iter().any(|own| own.as_str() == recipient.value),
            RecipientType::User => standing.user.id().as_str() == recipient.value,
            RecipientType::Connection => peer.id.to_string() == recipient.value,
            _ => false,
        };
        by_nature || grants.contains(recipient)
    };
    if grants.iter().any(|grant| grant.kind == RecipientType::All) {
        return true;
    }
    let mut includes = message
        .recipients
        .iter()
        .filter(|recipient| !recipient.kind.excludes())
        .peekable();
    // No include at all is everybody.
    includes.peek().is_some() && includes.all(granted)
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
        may_relay(&hub, ann.peer(), message)
    }

    #[test]
    fn a_verified_sender_cannot_speak_as_another() {
        let (hub, ann) = ann(&[]);
        let mut message = SocketMessage::new("x").from_user("bob").from_group("board");
        attest(&hub, ann.peer(), &mut message);
        assert_eq!(message.user_id, "ann");
        assert_eq!(message.group_id, "sales");

        let mut message = SocketMessage::new("x").from_group("lobby");
        attest(&hub, ann.peer(), &mut message);
        assert_eq!(message.group_id, "lobby");
    }

    #[test]
    fn relay_is_limited_to_own_groups_and_oneself() {
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
