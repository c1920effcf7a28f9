use std::collections::VecDeque;

use bytes::Bytes;

use crate::frame::Frame;

/// Frames for everybody in a shard, in order, as long as somebody lacks them.
///
/// Each socket that follows the log has a cursor: the number of the next frame it lacks. A
/// broadcast to everybody is one entry here instead of one in every queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// The number of the first frame here.
    base: u64,
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Log {
    pub(super) fn push(&mut self, frame: Frame) {
        self.bytes += frame.cost();
        self.frames.push_back(frame);
    }

    /// The number that the next frame will get.
    pub(super) fn end(&self) -> u64 {
        self.base + self.frames.len() as u64
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The frames that a follower at this cursor lacks.
    pub(super) fn since(&self, cursor: u64) -> impl Iterator<Item = &Frame> {
        let skip = cursor.saturating_sub(self.base) as usize;
        self.frames.iter().skip(skip)
    }

    /// The next frames as one piece to write: all of them, unless that is much.
    pub(super) fn batch(&self) -> Batch {
        let mut ends = Vec::with_capacity(self.frames.len());
        let mut end = 0;
        for frame in &self.frames {
            if end > 0 && end + frame.len() > MAX_BATCH {
                break;
            }
            end += frame.len();
            ends.push(end);
        }
        let frames: Vec<_> = self.frames.iter().take(ends.len()).cloned().collect();
        let bytes = match &frames[..] {
            [only] => only.bytes(),
            several => {
                let mut joined = Vec::with_capacity(end);
                for frame in several {
                    joined.extend_from_slice(frame.as_bytes());
                }
                joined.into()
            }
        };
        Batch {
            base: self.base,
            frames,
            ends,
            bytes,
        }
    }

    /// Forgets all frames, because nobody follows any more, and tells how many bytes they had.
    pub(super) fn clear(&mut self) -> usize {
        self.base = self.end();
        self.frames.clear();
        std::mem::take(&mut self.bytes)
    }

    /// Forgets the frames of a batch that every follower has, or has been handed, and tells how many
    /// bytes they had.
    pub(super) fn trim(&mut self, batch: &Batch) -> usize {
        let before = self.bytes;
        while self.base < batch.end() {
            let Some(frame) = self.frames.pop_front() else {
                break;
            };
            self.base += 1;
            self.bytes -= frame.cost();
        }
        before - self.bytes
    }
}

/// Frames of a log, laid side by side, so that a socket takes all it lacks in one slice.
#[derive(Debug)]
pub(super) struct Batch {
    base: u64,
    frames: Vec<Frame>,
    /// Where each frame ends in `bytes`.
    ends: Vec<usize>,
    bytes: Bytes,
}

impl Batch {
    pub(super) fn end(&self) -> u64 {
        self.base + self.frames.len() as u64
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in the bytes the frame of this number begins.
    pub(super) fn offset(&self, cursor: u64) -> usize {
        match cursor.saturating_sub(self.base) as usize {
            0 => 0,
            index => self.ends[index - 1],
        }
    }

    /// The frames from this number on, each with the offset of its end.
    pub(super) fn since(&self, cursor: u64) -> impl Iterator<Item = (&Frame, usize)> {
        let skip = cursor.saturating_sub(self.base) as usize;
        self.frames.iter().zip(self.ends.iter().copied()).skip(skip)
    }
}

/// More bytes are not laid side by side at once: others wait for the log meanwhile.
const MAX_BATCH: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn log(texts: &[&str]) -> Log {
        let mut log = Log::default();
        for text in texts {
            log.push(Frame::text(text.as_bytes()));
        }
        log
    }

    #[test]
    fn a_batch_begins_where_a_follower_is() {
        let mut log = log(&["a", "bc", "def"]);
        let batch = log.batch();
        assert_eq!(batch.bytes(), b"\x81\x01a\x81\x02bc\x81\x03def");
        assert_eq!(
            (batch.offset(0), batch.offset(1), batch.offset(2)),
            (0, 3, 7)
        );
        let ends: Vec<_> = batch.since(1).map(|(_, end)| end).collect();
        assert_eq!(ends, [7, 12]);

        log.push(Frame::text(b"later"));
        log.trim(&batch);
        assert_eq!((log.end(), log.bytes()), (4, Frame::text(b"later").cost()));
        assert_eq!(log.since(3).count(), 1);
        assert_eq!(log.since(4).count(), 0);
        log.trim(&log.batch());
        assert!(log.is_empty());
        assert_eq!((log.end(), log.bytes()), (4, 0));
    }
}
