//! Queries and commands of this node that wait for answers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tokio::sync::Notify;

use super::{
    node_id::NodeId,
    wire::{Question, Value},
};
use crate::sync::Mutex;

/// The questions that wait for answers.
#[derive(Debug, Default)]
pub(super) struct Inquiries(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    last: u64,
    inquiries: HashMap<u64, Collected>,
}

/// The answers to one question so far.
#[derive(Debug)]
struct Collected {
    expected: BTreeMap<NodeId, Partial>,
    whole: Value,
    answered: usize,
    bytes: usize,
    complete: Arc<Notify>,
}

/// The parts of one node's answer.
#[derive(Debug)]
struct Partial {
    value: Value,
    next: u16,
}

impl Inquiries {
    /// Asks a question and expects answers of nodes. Returns `None` if too many questions wait, or `send`,
    /// which is given its number, says that it was not sent. Numbers are sent in their order.
    pub(super) fn open(
        &self,
        question: &Question,
        nodes: impl IntoIterator<Item = NodeId>,
        send: impl FnOnce(u64) -> bool,
    ) -> Option<Inquiry<'_>> {
        let mut open = self.0.lock();
        if open.inquiries.len() >= MAX_INQUIRIES {
            return None;
        }
        open.last += 1;
        let id = open.last;
        if !send(id) {
            return None;
        }
        let partial = || Partial {
            value: Value::none(question),
            next: 0,
        };
        let complete = Arc::new(Notify::new());
        let collected = Collected {
            expected: nodes.into_iter().map(|node| (node, partial())).collect(),
            whole: Value::none(question),
            answered: 0,
            bytes: 0,
            complete: complete.clone(),
        };
        open.inquiries.insert(id, collected);
        Some(Inquiry {
            inquiries: self,
            id,
            complete,
        })
    }

    /// Takes a part of an answer. Parts of a node come in their order; one that lacks another is
    /// dropped, and the node is silent.
    pub(super) fn answered(&self, from: NodeId, id: u64, number: u16, is_last: bool, part: &[u8]) {
        let mut open = self.0.lock();
        let Some(collected) = open.inquiries.get_mut(&id) else {
            return;
        };
        collected.bytes += part.len();
        let is_small = collected.bytes <= MAX_ANSWERS;
        let Some(partial) = collected.expected.get_mut(&from) else {
            return;
        };
        if partial.next != number || !is_small || partial.value.add(part).is_none() {
            return;
        }
        partial.next += 1;
        if is_last {
            if let Some(partial) = collected.expected.remove(&from) {
                collected.whole.merge(partial.value);
                collected.answered += 1;
            }
            if collected.expected.is_empty() {
                collected.complete.notify_one();
            }
        }
    }
}

/// One question that waits for answers; dropping it gives up.
#[derive(Debug)]
pub(super) struct Inquiry<'a> {
    inquiries: &'a Inquiries,
    id: u64,
    complete: Arc<Notify>,
}

impl Inquiry<'_> {
    /// Waits until all nodes have answered.
    ///
    /// Cancel safe.
    pub(super) async fn complete(&self) {
        self.complete.notified().await;
    }

    /// Returns the sum of the whole answers, how many they are, and the nodes that gave none.
    pub(super) fn take(self) -> (Value, usize, Vec<NodeId>) {
        let collected = self.inquiries.0.lock().inquiries.remove(&self.id);
        let collected = collected.expect("it is removed here or when it is dropped");
        let silent = collected.expected.into_keys().collect();
        (collected.whole, collected.answered, silent)
    }
}

impl Drop for Inquiry<'_> {
    fn drop(&mut self) {
        self.inquiries.0.lock().inquiries.remove(&self.id);
    }
}

/// How many questions may wait at a time; further ones are answered by this node alone.
const MAX_INQUIRIES: usize = 1_024;

/// How many bytes all answers to a question may take.
const MAX_ANSWERS: usize = 64 << 20;
