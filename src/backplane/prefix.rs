//! The prefix that keeps applications apart on a broker that they share.

use std::{borrow::Cow, fmt, iter, sync::Arc};

use super::topic::Topic;

/// The prefix of the names of a cluster's topics on a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    text: Box<str>,
    /// The names of the topics that all nodes share, made once for all messages: first that of
    /// [`Topic::ALL`], then those of the partitions.
    names: Arc<[Box<str>]>,
}

impl Prefix {
    /// # Panics
    ///
    /// Unless the text is 1 to 64 ASCII letters, digits, `-`, `_` or `:`, which mean nothing special
    /// to any broker.
    #[track_caller]
    pub(crate) fn new(text: &str) -> Self {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
        assert!(
            (1..=64).contains(&text.len()) && text.bytes().all(is_plain),
            "a prefix is 1 to 64 ASCII letters, digits, `-`, `_` or `:`, but this one is {text:?}"
        );
        let partitions = (0..Topic::PARTITIONS).map(Topic::partition);
        let topics = iter::once(Topic::ALL).chain(partitions);
        Self {
            text: text.into(),
            names: topics.map(|topic| name(text, topic).into()).collect(),
        }
    }

    /// Returns the name of a topic on the broker.
    pub(super) fn channel(&self, topic: Topic) -> Cow<'_, str> {
        if topic == Topic::ALL {
            return Cow::Borrowed(&self.names[0]);
        }
        match topic.as_partition() {
            Some(partition) => Cow::Borrowed(&self.names[1 + usize::from(partition)]),
            None => Cow::Owned(name(&self.text, topic)),
        }
    }

    /// Returns the topic of a name, or `None` if it has another prefix or is not one.
    pub(super) fn topic(&self, channel: &str) -> Option<Topic> {
        let rest = channel.strip_prefix(&*self.text)?.strip_prefix('/')?;
        rest.parse().ok()
    }
}

/// Applications that do not choose one share this.
impl Default for Prefix {
    fn default() -> Self {
        Self::new("web-connection-socket")
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

fn name(prefix: &str, topic: Topic) -> String {
    format!("{prefix}/{topic}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_names_its_topic_under_its_own_prefix_alone() {
        let shop = Prefix::new("shop");
        let channel = shop.channel(Topic::partition(7));
        assert_eq!(channel, "shop/partition/07");
        assert_eq!(shop.topic(&channel), Some(Topic::partition(7)));
        for other in ["sho", "shop:", "shops", "SHOP"] {
            assert_eq!(Prefix::new(other).topic(&channel), None, "{other}");
        }
        assert_eq!(shop.topic("shop/partition/64"), None);
    }

    #[test]
    fn a_prefix_means_nothing_special_to_a_broker() {
        for text in ["", "a b", "a.b", "a*", "a>", "a/b", "ä", &"a".repeat(65)] {
            assert!(
                std::panic::catch_unwind(|| Prefix::new(text)).is_err(),
                "{text}"
            );
        }
    }
}
