//! The topics of a cluster, and their names.

use std::{error::Error, fmt, str::FromStr};

/// The topic on which a message between nodes is published.
///
/// Its text names it on a broker, behind a prefix that keeps applications apart: `all`,
/// `node/00000000000000ab` (a node's id) or `partition/07` (of 64). It consists of lower-case ASCII
/// letters, digits and `/`, which a broker may write as another sign.
///
/// # Examples
///
/// ```
/// use web_connection_socket::backplane::Topic;
///
/// let topic: Topic = "partition/07".parse()?;
/// assert_eq!(topic.to_string(), "partition/07");
/// assert!("partition/64".parse::<Topic>().is_err());
/// # Ok::<(), web_connection_socket::backplane::ParseTopicError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Kind);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    All,
    Node(u64),
    Partition(u8),
}

impl Topic {
    /// The topic that every node is subscribed to.
    pub(crate) const ALL: Self = Self(Kind::All);

    /// The number of partitions. It belongs to the protocol: nodes with another number are refused.
    pub(crate) const PARTITIONS: u8 = 64;

    /// Returns the topic of one node.
    pub(crate) const fn node(node: u64) -> Self {
        Self(Kind::Node(node))
    }

    /// Returns the topic as two numbers, for frames.
    pub(crate) const fn to_code(self) -> (u8, u64) {
        match self.0 {
            Kind::All => (0, 0),
            Kind::Node(node) => (1, node),
            Kind::Partition(number) => (2, number as u64),
        }
    }

    /// Returns the topic of two numbers, or `None` if there is none.
    pub(crate) fn from_code(kind: u8, number: u64) -> Option<Self> {
        match (kind, u8::try_from(number)) {
            (0, Ok(0)) => Some(Self::ALL),
            (1, _) => Some(Self::node(number)),
            (2, Ok(partition)) if partition < Self::PARTITIONS => Some(Self::partition(partition)),
            _ => None,
        }
    }

    /// Returns the number of a partition's topic.
    pub(crate) const fn as_partition(self) -> Option<u8> {
        match self.0 {
            Kind::Partition(number) => Some(number),
            Kind::All | Kind::Node(_) => None,
        }
    }

    /// Returns the topic of a partition of the names of groups and users.
    pub(crate) const fn partition(number: u8) -> Self {
        Self(Kind::Partition(number % Self::PARTITIONS))
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::All => f.write_str(ALL),
            Kind::Node(node) => write!(f, "{NODE}{node:016x}"),
            Kind::Partition(number) => write!(f, "{PARTITION}{number:02}"),
        }
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({self})")
    }
}

impl FromStr for Topic {
    type Err = ParseTopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One spelling only, so that a topic has one name on a broker.
        let parsed = if let Some(node) = text.strip_prefix(NODE) {
            let is_spelled = |node: &str| node.len() == 16 && node.bytes().all(is_lower_hex);
            let node = Some(node).filter(|node| is_spelled(node));
            node.and_then(|node| u64::from_str_radix(node, 16).ok())
                .map(Self::node)
        } else if let Some(number) = text.strip_prefix(PARTITION) {
            let is_spelled = |number: &str| number.len() == 2 && number.bytes().all(is_digit);
            let number = Some(number).filter(|number| is_spelled(number));
            let number = number.and_then(|number| number.parse().ok());
            number
                .filter(|number| *number < Self::PARTITIONS)
                .map(Self::partition)
        } else {
            (text == ALL).then_some(Self::ALL)
        };
        parsed.ok_or(ParseTopicError(()))
    }
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

const ALL: &str = "all";
const NODE: &str = "node/";
const PARTITION: &str = "partition/";

/// The text is not a [`Topic`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseTopicError(());

impl fmt::Display for ParseTopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a topic is `all`, `node/` and 16 hexadecimal digits, or `partition/` and two digits",
        )
    }
}

impl Error for ParseTopicError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_survives_its_text() {
        for topic in [
            Topic::ALL,
            Topic::node(0),
            Topic::node(0xab),
            Topic::node(u64::MAX),
            Topic::partition(0),
            Topic::partition(7),
            Topic::partition(63),
        ] {
            assert_eq!(topic.to_string().parse(), Ok(topic));
            let (kind, number) = topic.to_code();
            assert_eq!(Topic::from_code(kind, number), Some(topic));
        }
    }

    #[test]
    fn a_topic_has_one_code() {
        for (kind, number) in [(0, 1), (2, 64), (2, 256), (3, 0)] {
            assert_eq!(Topic::from_code(kind, number), None, "{kind} {number}");
        }
    }

    #[test]
    fn a_topic_has_one_spelling() {
        for text in [
            "",
            "All",
            "all/",
            "node/",
            "node/ab",
            "node/00000000000000AB",
            "node/+0000000000000ab",
            "partition/7",
            "partition/007",
            "partition/64",
            "partition/-1",
            "group/7",
        ] {
            assert!(text.parse::<Topic>().is_err(), "{text}");
        }
    }
}
