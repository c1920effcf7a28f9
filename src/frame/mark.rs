//! Which message of which stream a frame is.

/// Which message of which stream a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamMark {
    /// The hash of the stream's name.
    pub(crate) stream: u64,
    /// The life of the stream that the offset counts in. It is 0 if the stream did not take the
    /// message.
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
}

impl StreamMark {
    /// The bytes that a mark takes.
    pub(super) const LENGTH: usize = 24;

    /// Whether the message has no place in its stream, so that no client can ask for it again.
    pub(crate) fn is_void(self) -> bool {
        self.epoch == 0
    }

    /// Whether a client that has the message of this mark has the one of `other` too.
    pub(crate) fn covers(self, other: Self) -> bool {
        (self.stream, self.epoch) == (other.stream, other.epoch)
            && other.offset <= self.offset
            && !other.is_void()
    }

    /// Returns the mark of a frame that tells of a gap up to this place, which a client need not be told
    /// that begins behind it.
    pub(crate) fn of_gap(self) -> Self {
        Self {
            stream: !self.stream,
            ..self
        }
    }

    pub(super) fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        let field = |number: usize| {
            let mut field = [0; 8];
            field.copy_from_slice(&bytes[number * 8..][..8]);
            u64::from_ne_bytes(field)
        };
        Self {
            stream: field(0),
            epoch: field(1),
            offset: field(2),
        }
    }

    pub(super) fn to_bytes(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let fields = [self.stream, self.epoch, self.offset];
        for (place, field) in bytes.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_ne_bytes());
        }
        bytes
    }
}
