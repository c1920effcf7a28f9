//! This node's sockets, as the cluster needs them; the hub implements it.

use super::wire::{Counts, Question, Value};
use crate::{frame::Frame, protocol::Recipient};

/// This node's sockets.
pub(in crate::hub) trait Local: Send + Sync {
    /// Queues another node's message for the sockets that its recipients select.
    fn deliver(&self, recipients: &[Recipient], frame: &Frame);

    /// Returns the partitions that have a member here, one bit for each.
    fn interest(&self) -> u64;

    fn counts(&self) -> Counts;

    /// Answers a question of another node, or carries out its order.
    fn answer(&self, question: &Question) -> Value;

    /// Notes that a function of the application panicked.
    fn hook_panicked(&self);
}
