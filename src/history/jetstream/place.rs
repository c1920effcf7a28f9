//! Where a JetStream server is, and what the stream and its subjects are called there.

use std::sync::Arc;

use crate::{
    backplane::{prefix::Prefix, remote::Addresses},
    history::stream_key::StreamKey,
    tls::Trust,
};

/// A server, or several of a cluster.
#[derive(Clone)]
pub(super) struct JetStreamServer {
    pub(super) addresses: Addresses,
    pub(super) names: Names,
    pub(super) trust: Trust,
    pub(super) credentials: Option<String>,
    /// On how many servers a stream is, if this creates it.
    pub(super) replicas: usize,
    /// Random: what this process is called in a stream.
    pub(super) publisher: u64,
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

    /// Returns where the server says what it has stored: the epoch is part of it, and so another one
    /// when the stream was deleted and made again.
    pub(super) fn stored(&self, epoch: u64) -> String {
        format!("{}.stored.{epoch:x}{}", self.0, Self::WILDCARD)
    }

    /// Returns the subjects of what the server says, of all epochs.
    pub(super) fn all_stored(&self) -> String {
        format!("{}.stored.>", self.0)
    }

    /// Returns the epoch of what the server says, or of where it is to say it.
    pub(super) fn epoch(&self, stored: &str) -> Option<u64> {
        let rest = stored.strip_prefix(&*self.0)?.strip_prefix(".stored.")?;
        let (epoch, _) = rest.split_once('.')?;
        u64::from_str_radix(epoch, 16)
            .ok()
            .filter(|epoch| *epoch > 0)
    }

    const WILDCARD: &str = ".{{wildcard(1)}}";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_is_part_of_where_the_server_says_what_it_has_stored() {
        let names = Names::new(&Prefix::new("shop"));
        assert_eq!(names.stored(0xab), "shop.stored.ab.{{wildcard(1)}}");
        assert_eq!(names.epoch(&names.stored(0xab)), Some(0xab));
        assert_eq!(names.epoch("shop.stored.ab.00ff"), Some(0xab));
        for other in ["", "shop.stored.ab", "bank.stored.ab.0", "shop.stored.0.0"] {
            assert_eq!(names.epoch(other), None, "{other}");
        }
    }
}
