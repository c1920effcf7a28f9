//! The topic on which a message travels, and the partition to which a name belongs.

use crate::{
    backplane::Topic,
    protocol::{ConnectionId, NotForwarded, Recipient, RecipientType},
};

/// Returns the partition of a group's or user's name. The same on every node: it belongs to the protocol.
pub(in crate::hub) fn partition_of(name: Name<'_>) -> u8 {
    // FNV-1a, whose low bits are the best mixed.
    let (kind, text) = match name {
        Name::Group(group) => (b'g', group),
        Name::User(user) => (b'u', user),
    };
    let bytes = [kind].into_iter().chain(text.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ((hash ^ hash >> 32) % u64::from(Topic::PARTITIONS)) as u8
}

/// A name that sockets share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Name<'a> {
    Group(&'a str),
    User(&'a str),
}

/// Returns the topic that reaches every node with a socket of the audience, of the messages of `node`.
///
/// # Errors
///
/// If no other node can have one.
pub(super) fn topic_of(recipients: &[Recipient], node: u64) -> Result<Topic, NotForwarded> {
    let mut includes = recipients
        .iter()
        .filter(|to| !to.kind.excludes())
        .peekable();
    if includes.peek().is_none() {
        return Ok(Topic::ALL);
    }
    let topics = includes.filter_map(|to| topic_of_one(to, node));
    // A topic twice is the topic; two are that of all.
    let topic = topics.reduce(|one, other| if one == other { one } else { Topic::ALL });
    topic.ok_or(NotForwarded::NotNeeded)
}

/// Returns the topic of the other nodes' sockets that an included recipient selects; `None` without any.
fn topic_of_one(recipient: &Recipient, node: u64) -> Option<Topic> {
    let name = recipient.value.as_str();
    let partition = |name| Some(Topic::partition(partition_of(name)));
    match recipient.kind {
        RecipientType::Group if !name.is_empty() => partition(Name::Group(name)),
        RecipientType::User if name.is_empty() => None,
        RecipientType::User => partition(Name::User(name)),
        RecipientType::Connection => {
            let holder = name.parse::<ConnectionId>().ok()?.node();
            (holder != node).then(|| Topic::node(holder))
        }
        _ => Some(Topic::ALL),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: u64 = 1;

    fn topic(recipients: &[Recipient]) -> Result<Topic, NotForwarded> {
        topic_of(recipients, HERE)
    }

    fn partition(name: Name<'_>) -> Result<Topic, NotForwarded> {
        Ok(Topic::partition(partition_of(name)))
    }

    #[test]
    fn the_partition_of_a_name_is_a_part_of_the_protocol() {
        for (name, expected) in [
            (Name::Group("chat"), 20),
            (Name::User("chat"), 18),
            (Name::Group("sales"), 16),
            (Name::User("ann"), 63),
        ] {
            assert_eq!(partition_of(name), expected, "{name:?}");
        }
    }

    #[test]
    fn names_are_spread_over_all_partitions() {
        let mut counts = [0; Topic::PARTITIONS as usize];
        for number in 0..6_400 {
            let group = format!("room:{number}");
            counts[usize::from(partition_of(Name::Group(&group)))] += 1;
        }
        assert!(
            counts.iter().all(|count| (50..150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn includes_of_one_partition_travel_there_and_others_to_all() {
        let chat = || Recipient::group("chat");
        let here = || Recipient::connection(ConnectionId::new(HERE, 7));
        let there = |serial| Recipient::connection(ConnectionId::new(2, serial));
        let no_socket = || Recipient::new(RecipientType::Connection, "7");
        for (recipients, expected) in [
            (vec![], Ok(Topic::ALL)),
            (vec![Recipient::all()], Ok(Topic::ALL)),
            (vec![Recipient::group("")], Ok(Topic::ALL)),
            (vec![Recipient::all_but_user("ann")], Ok(Topic::ALL)),
            (vec![chat()], partition(Name::Group("chat"))),
            (vec![chat(), chat()], partition(Name::Group("chat"))),
            (
                vec![chat(), Recipient::all_but_group("sales")],
                partition(Name::Group("chat")),
            ),
            (vec![Recipient::user("ann")], partition(Name::User("ann"))),
            (vec![chat(), Recipient::user("ann")], Ok(Topic::ALL)),
            (vec![there(1)], Ok(Topic::node(2))),
            (vec![there(1), there(2)], Ok(Topic::node(2))),
            (vec![there(1), chat()], Ok(Topic::ALL)),
            (vec![here(), chat()], partition(Name::Group("chat"))),
            (vec![here()], Err(NotForwarded::NotNeeded)),
            (vec![no_socket()], Err(NotForwarded::NotNeeded)),
            (vec![Recipient::user("")], Err(NotForwarded::NotNeeded)),
            (
                vec![Recipient::user(""), Recipient::all_but_user("ann")],
                Err(NotForwarded::NotNeeded),
            ),
        ] {
            assert_eq!(topic(&recipients), expected, "{recipients:?}");
        }
    }
}
