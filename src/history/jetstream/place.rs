//! The address of a JetStream server, and the names of the stream and its subjects.

use std::sync::Arc;

use serde_json::Value;

use super::highest::Highest;
use crate::{
    backplane::{nats::NatsEndpoints, prefix::Prefix},
    history::stream_key::StreamKey,
};

/// A server, or several of a cluster.
#[derive(Clone, Debug)]
pub(super) struct JetStreamServer {
    pub(super) endpoints: NatsEndpoints,
    pub(super) names: Names,
    /// On how many servers a stream is, if this creates it.
    pub(super) replicas: usize,
    /// Random: what this process is called in a stream.
    pub(super) publisher: u64,
    /// How far this process knows that the stream has gone.
    pub(super) highest: Arc<Highest>,
}

/// The names of a prefix.
#[derive(Clone, Debug)]
pub(super) struct Names(Arc<str>);

impl Names {
    pub(super) fn new(prefix: &Prefix) -> Self {
        Self(prefix.to_string().into())
    }

    /// Returns the name of the one stream.
    pub(super) fn stream(&self) -> String {
        format!("{}-history", self.0)
    }

    /// Returns the subject on which entries are published.
    pub(super) fn subject(&self, key: StreamKey) -> String {
        format!("{}.history.{key}", self.0)
    }

    /// Returns the subjects of all entries.
    pub(super) fn subjects(&self) -> String {
        format!("{}.history.*", self.0)
    }

    /// Returns where the server says what it has stored: the birth is part of it, and so another one
    /// when the stream was deleted and made again.
    pub(super) fn stored(&self, birth: u64) -> String {
        format!("{}.stored.{birth:x}{}", self.0, Self::WILDCARD)
    }

    /// Returns the subjects of what the server says, of all epochs.
    pub(super) fn all_stored(&self) -> String {
        format!("{}.stored.>", self.0)
    }

    /// Returns the birth of the stream of which the server says something, or of where it is to say it.
    pub(super) fn birth(&self, stored: &str) -> Option<u64> {
        let rest = stored.strip_prefix(&*self.0)?.strip_prefix(".stored.")?;
        let (birth, _) = rest.split_once('.')?;
        u64::from_str_radix(birth, 16)
            .ok()
            .filter(|birth| *birth > 0)
    }

    /// Returns the birth of a stream, and its epoch: another one if it has lost entries since. Where
    /// the server says what it has stored cannot be changed, but a description can.
    pub(super) fn epoch(&self, config: &Value) -> Option<(u64, u64)> {
        let stored = config["republish"]["dest"].as_str()?;
        let birth = self.birth(stored)?;
        let description = config["description"].as_str().unwrap_or_default();
        let lost = description.strip_prefix(LOST);
        let lost = lost.and_then(|lost| u64::from_str_radix(lost, 16).ok());
        Some((birth, (birth ^ lost.unwrap_or_default()).max(1)))
    }

    /// Gives a stream another epoch.
    pub(super) fn renew(config: &mut Value, random: u64) {
        config["description"] = format!("{LOST}{random:x}").into();
    }

    const WILDCARD: &str = ".{{wildcard(1)}}";
}

/// What the description of a stream that has lost entries begins with.
const LOST: &str = "has lost entries: ";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_birth_is_part_of_where_the_server_says_what_it_has_stored() {
        let names = Names::new(&Prefix::new("shop"));
        assert_eq!(names.stored(0xab), "shop.stored.ab.{{wildcard(1)}}");
        assert_eq!(names.birth(&names.stored(0xab)), Some(0xab));
        assert_eq!(names.birth("shop.stored.ab.00ff"), Some(0xab));
        for other in ["", "shop.stored.ab", "bank.stored.ab.0", "shop.stored.0.0"] {
            assert_eq!(names.birth(other), None, "{other}");
        }
    }

    #[test]
    fn a_stream_that_has_lost_entries_has_another_epoch() {
        let names = Names::new(&Prefix::new("shop"));
        let mut config = json!({ "republish": { "dest": names.stored(0xab) } });
        assert_eq!(names.epoch(&config), Some((0xab, 0xab)));
        Names::renew(&mut config, 0xf00);
        assert_eq!(names.epoch(&config), Some((0xab, 0xfab)));
        config["description"] = "what an operator has written".into();
        assert_eq!(names.epoch(&config), Some((0xab, 0xab)));
        assert_eq!(names.epoch(&json!({})), None);
    }
}
