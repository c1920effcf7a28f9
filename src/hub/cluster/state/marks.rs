//! Marks that other nodes have asked for: in each topic one in a while, however many ask.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::backplane::Topic;

/// The topics in which this node was asked for a mark lately.
#[derive(Debug, Default)]
pub(super) struct Marks(HashMap<Topic, Asked>);

#[derive(Debug)]
struct Asked {
    /// When the last mark was sent.
    sent: Instant,
    /// Whether one was asked for since. The last says nothing to the node that did: it may have come
    /// before its subscription.
    is_due: bool,
}

impl Marks {
    /// Takes a request. Returns whether the mark is to be sent now, else it will be [due](Self::due).
    pub(super) fn ask(&mut self, topic: Topic, now: Instant) -> bool {
        let asked = self.0.get_mut(&topic);
        if let Some(asked) = asked.filter(|asked| now < asked.sent + BETWEEN_MARKS) {
            asked.is_due = true;
            return false;
        }
        let (sent, is_due) = (now, false);
        self.0.insert(topic, Asked { sent, is_due });
        true
    }

    /// Returns the topics whose mark is to be sent now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Topic> {
        let mut due = Vec::new();
        self.0.retain(|&topic, asked| {
            if now < asked.sent + BETWEEN_MARKS {
                return true;
            }
            if asked.is_due {
                due.push(topic);
                (asked.sent, asked.is_due) = (now, false);
                return true;
            }
            false
        });
        due.sort_unstable();
        due
    }

    /// Returns when a mark is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let due = self.0.values().filter(|asked| asked.is_due);
        due.map(|asked| asked.sent + BETWEEN_MARKS).min()
    }

    /// Forgets the requests of a link that is over: they are made again on the next one.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Half of what a node waits for a mark before it asks again.
const BETWEEN_MARKS: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_requests_cost_two_marks() {
        let mut marks = Marks::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let (one, other) = (Topic::partition(1), Topic::partition(2));
        assert!(marks.ask(one, at(0)), "at once");
        assert_eq!(marks.deadline(), None);
        for milliseconds in 1..40 {
            assert!(!marks.ask(one, at(milliseconds)));
        }
        assert!(marks.ask(other, at(10)), "topics are apart");
        assert_eq!(marks.deadline(), Some(at(50)));
        assert_eq!(marks.due(at(49)), []);
        assert_eq!(
            marks.due(at(50)),
            [one],
            "for those that the first came too early for"
        );
        assert_eq!(marks.due(at(60)), []);
        assert!(!marks.ask(one, at(99)), "that one counts as well");
        assert_eq!(marks.due(at(100)), [one]);
        assert!(marks.ask(one, at(151)));
        marks.ask(one, at(152));
        marks.clear();
        assert_eq!(marks.due(at(300)), []);
        assert_eq!(marks.deadline(), None);
    }
}
