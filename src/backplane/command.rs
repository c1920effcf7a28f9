//! Commands to a broker, and messages from it.

use bytes::Bytes;

use super::topic::Topic;

/// A command to a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Has messages on this topic arrive on this link from now on.
    Subscribe(Topic),
    /// Ends that.
    Unsubscribe(Topic),
    /// Hands a message to every link that is subscribed to the topic, this one included.
    Publish(Topic, Bytes),
}

/// A message that has arrived on a subscribed topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrival {
    /// The topic that it was published on.
    pub topic: Topic,
    /// The message. It may wait for the cluster's task, so it should not keep a large read buffer alive: copy
    /// it out of that.
    pub payload: Bytes,
}

impl Arrival {
    /// Returns a message that was published on a topic.
    #[must_use]
    pub fn new(topic: Topic, payload: Bytes) -> Self {
        Self { topic, payload }
    }
}
