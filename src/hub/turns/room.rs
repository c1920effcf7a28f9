//! The bound on what waits.

/// What waits, and the most that may wait.
#[derive(Debug)]
pub(super) struct Room {
    /// `None` if something else bounds it.
    most: Option<Most>,
    messages: usize,
    bytes: usize,
}

/// The most that may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl Room {
    pub(super) fn new(most: Option<Most>) -> Self {
        Self {
            most,
            messages: 0,
            bytes: 0,
        }
    }

    /// Adds a message if there is room for it. If nothing waits, there is room for any one.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let is_full = self.most.is_some_and(|most| {
            let bytes = self.bytes.saturating_add(bytes);
            self.messages >= most.messages || (self.messages > 0 && bytes > most.bytes)
        });
        if !is_full {
            self.messages += 1;
            self.bytes += bytes;
        }
        !is_full
    }

    /// Makes room again.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.messages -= 1;
        self.bytes -= bytes;
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.most.is_some()
    }

    pub(super) fn messages(&self) -> usize {
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_bytes_are_bounded_and_one_message_always_finds_room() {
        let most = Most {
            messages: 3,
            bytes: 100,
        };
        for (sizes, expected) in [
            (&[1, 1, 1, 1][..], &[true, true, true, false][..]),
            (&[60, 60, 40, 0, 0], &[true, false, true, true, false]),
            (&[1_000, 1, 0], &[true, false, false]),
            (&[0, 100, 1], &[true, true, false]),
        ] {
            let mut room = Room::new(Some(most));
            let taken: Vec<_> = sizes.iter().map(|&bytes| room.take(bytes)).collect();
            assert_eq!(taken, expected, "{sizes:?}");
            for (&bytes, _) in sizes.iter().zip(taken).filter(|(_, taken)| *taken) {
                room.give_back(bytes);
            }
            assert_eq!((room.messages, room.bytes), (0, 0));
        }
        let mut room = Room::new(None);
        assert!((0..1_000).all(|_| room.take(1 << 20)));
    }
}
