use crate::{
    hub::{Hub, Peer},
    protocol::{GroupId, Recipient, RecipientType, SocketMessage, UserId},
};

/// Who a visitor is, as an `identify` hook found out.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Identity, Recipient};
///
/// let ann = Identity::user("ann").group("sales").may_broadcast(Recipient::group("lobby"));
/// let nobody = Identity::anonymous();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Identity {
    pub(super) user: UserId,
    pub(super) groups: Vec<GroupId>,
    pub(super) grants: Vec<Recipient>,
}

impl Identity {
    /// A known user.
    #[must_use]
    pub fn user(user: impl Into<UserId>) -> Self {
        Self {
            user: user.into(),
            ..Self::default()
        }
    }

    /// A visitor whom nobody knows, and who may come in.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Makes the socket a member of a group from the start. More than
    /// [`Config::max_groups`](crate::Config::max_groups) refuse the upgrade.
    #[must_use]
    pub fn group(mut self, group: impl Into<GroupId>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Allows the socket to address somebody beyond itself and its own groups where messages are
    /// relayed ([`WebConnectionSocketLayer::relay`](crate::WebConnectionSocketLayer::relay)).
    /// [`Recipient::all`] allows everybody. Without relay it has no effect: there the application
    /// decides.
    #[must_use]
    pub fn may_broadcast(mut self, recipient: Recipient) -> Self {
        self.grants.push(recipient);
        self
    }
}

/// Overwrites what a message says of its sender with what is known of it.
///
/// Claims stay as they are: nothing better is known.
pub(super) fn attest(hub: &Hub, peer: &Peer, message: &mut SocketMessage) {
    if !peer.user.is_verified() {
        return;
    }
    message.user_id = peer.user.id().clone();
    let groups = hub.groups_of(peer.id);
    if !groups.contains(&message.group_id) {
        message.group_id = groups.into_iter().next().unwrap_or_default();
    }
}

/// Whether a verified socket may relay to whom the message selects. What a message excludes only
/// narrows it.
pub(super) fn may_relay(
    hub: &Hub,
    peer: &Peer,
    grants: &[Recipient],
    message: &SocketMessage,
) -> bool {
    let groups = hub.groups_of(peer.id);
    let granted = |recipient: &Recipient| {
        let by_nature = match recipient.kind {
            RecipientType::Group => groups.iter().any(|own| own.as_str() == recipient.value),
            RecipientType::User => peer.user.id().as_str() == recipient.value,
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
        hub::{Registration, User},
    };

    fn ann() -> (Arc<Hub>, Registration) {
        let hub = Arc::new(Hub::new(&Config::new()));
        let groups = [GroupId::from("sales"), GroupId::from("lobby")];
        let ann = hub.register(User::Verified("ann".into()), groups);
        (hub, ann.expect("a new hub has room"))
    }

    fn allowed(grants: &[Recipient], message: &SocketMessage) -> bool {
        let (hub, ann) = ann();
        may_relay(&hub, ann.peer(), grants, message)
    }

    #[test]
    fn a_verified_sender_cannot_speak_as_another() {
        let (hub, ann) = ann();
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
