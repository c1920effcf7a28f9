//! The last message of each subject that the server has announced since the link was opened, even if it
//! has expired.

use std::{collections::HashMap, mem};

use crate::history::stream_key::StreamKey;

/// The last messages of the subjects, as long as the server's sayings have no hole.
#[derive(Debug, Default)]
pub(super) struct Heard {
    last: u64,
    recent: HashMap<StreamKey, Subject>,
    older: HashMap<StreamKey, Subject>,
}

/// A message of which the server has said that it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) sequence: u64,
    pub(super) id: u64,
    pub(super) is_mark: bool,
}

/// Where a subject went on after all of its messages were gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bridge {
    /// The last message that is gone. Behind it there was nothing but marks, up to the next one.
    pub(super) after: Spot,
    /// The last of these marks, or that message.
    pub(super) last: Spot,
    pub(super) next: u64,
}

impl Bridge {
    /// Returns the id of the message at an offset, if it is known.
    pub(super) fn anchor(&self, offset: u64) -> Option<u64> {
        let known = [self.after, self.last];
        let found = known.iter().find(|spot| spot.sequence == offset);
        found.map(|spot| spot.id)
    }
}

#[derive(Clone, Copy, Debug)]
struct Subject {
    last: Spot,
    bridge: Option<Bridge>,
}

impl Heard {
    /// Returns the place of the newest message.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Takes what the server says of a message, and returns the place of the one before it in its
    /// subject. The server says 0 also if that one has gone.
    pub(super) fn hear(&mut self, key: StreamKey, spot: Spot, before: u64) -> u64 {
        if spot.sequence != self.last + 1 {
            // The messages of all subjects are counted, so one was not heard of.
            self.recent.clear();
            self.older.clear();
        }
        self.last = spot.sequence;
        let known = self.recent.remove(&key).or_else(|| self.older.remove(&key));
        let bridge = match known {
            Some(known) if before == 0 => {
                let earlier = known.bridge.filter(|_| known.last.is_mark);
                Some(Bridge {
                    after: earlier.map_or(known.last, |bridge| bridge.after),
                    last: known.last,
                    next: spot.sequence,
                })
            }
            known => known.and_then(|known| known.bridge),
        };
        if self.recent.len() >= MAX_RECENT {
            self.older = mem::take(&mut self.recent);
        }
        self.recent.insert(key, Subject { last: spot, bridge });
        match known {
            Some(known) if before == 0 => known.last.sequence,
            _ => before,
        }
    }

    /// Returns how a subject goes on behind a place whose message is gone, if nothing was between.
    pub(super) fn bridge(&self, key: StreamKey, offset: u64) -> Option<Bridge> {
        let subject = self.recent.get(&key).or_else(|| self.older.get(&key))?;
        let bridge = subject.bridge?;
        (bridge.after.sequence..bridge.next)
            .contains(&offset)
            .then_some(bridge)
    }
}

/// Of how many subjects the last message is known at least.
const MAX_RECENT: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: StreamKey = StreamKey::new(1);
    const BOB: StreamKey = StreamKey::new(2);

    fn entry(sequence: u64) -> Spot {
        Spot {
            sequence,
            id: sequence * 10,
            is_mark: false,
        }
    }

    fn mark(sequence: u64) -> Spot {
        Spot {
            is_mark: true,
            ..entry(sequence)
        }
    }

    #[test]
    fn a_message_follows_on_the_last_one_of_its_subject_though_that_is_gone() {
        let mut heard = Heard::default();
        assert_eq!(heard.hear(ANN, entry(40), 39), 39);
        assert_eq!(heard.hear(BOB, entry(41), 0), 0, "nothing is known of it");
        assert_eq!(heard.bridge(ANN, 40), None);
        assert_eq!(heard.hear(ANN, entry(42), 0), 40);
        let bridge = Bridge {
            after: entry(40),
            last: entry(40),
            next: 42,
        };
        assert_eq!(heard.hear(ANN, entry(43), 42), 42);
        for offset in [40, 41] {
            assert_eq!(heard.bridge(ANN, offset), Some(bridge));
        }
        for offset in [0, 39, 42, 43] {
            assert_eq!(heard.bridge(ANN, offset), None, "{offset}");
        }
        assert_eq!(heard.bridge(BOB, 41), None);
    }

    #[test]
    fn marks_are_no_entries() {
        let mut heard = Heard::default();
        heard.hear(ANN, entry(1), 0);
        assert_eq!(heard.hear(ANN, mark(2), 0), 1);
        assert_eq!(heard.hear(ANN, mark(3), 0), 2);
        assert_eq!(heard.hear(ANN, entry(4), 0), 3);
        let bridge = heard.bridge(ANN, 1).unwrap();
        assert_eq!((bridge.after, bridge.next), (entry(1), 4));
        let anchors = [1, 2, 3, 4].map(|offset| bridge.anchor(offset));
        assert_eq!(anchors, [Some(10), None, Some(30), None]);
        assert_eq!(heard.hear(ANN, entry(5), 0), 4);
        assert_eq!(heard.bridge(ANN, 3), None, "an entry was between");
    }

    #[test]
    fn what_was_not_heard_may_have_been_of_any_subject() {
        let mut heard = Heard::default();
        heard.hear(ANN, entry(1), 0);
        heard.hear(BOB, entry(3), 0);
        assert_eq!(heard.hear(ANN, entry(4), 0), 0);
        assert_eq!(heard.bridge(ANN, 1), None);
    }

    #[test]
    fn as_many_subjects_are_known_as_there_is_room_for() {
        let mut heard = Heard::default();
        let many = MAX_RECENT as u64 * 3;
        for number in 1..=many {
            heard.hear(StreamKey::new(number.into()), entry(number), 0);
        }
        assert!(heard.recent.len() + heard.older.len() <= 2 * MAX_RECENT);
        let mut again =
            |place, number: u64| heard.hear(StreamKey::new(number.into()), entry(many + place), 0);
        assert_eq!(
            again(1, many - MAX_RECENT as u64 + 1),
            many - MAX_RECENT as u64 + 1
        );
        assert_eq!(again(2, 1), 0);
    }
}
