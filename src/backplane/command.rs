//! What goes to a broker and what comes from it.

use bytes::Bytes;

use super::topic::Topic;

/// What a broker is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// From now on messages on this topic arrive on this link.
    Subscribe(Topic),
    /// They arrive no longer.
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
    /// What was published. It may wait for the cluster's task, so it should hold little more than the
    /// message: copy it out of a large read buffer.
    pub payload: Bytes,
}

impl Arrival {
    /// Returns a message that was published on a topic.
    #[must_use]
    pub fn new(topic: Topic, payload: Bytes) -> Self {
        Self { topic, payload }
    }
}
