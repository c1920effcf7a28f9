//! Queues of appends and reads for the store.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;

use crate::hub::history::{lane::Lane, sequencer::Last};

/// Appends in the order in which they are to be made, and reads.
#[derive(Debug, Default)]
pub(in crate::hub::history) struct Calls {
    appends: VecDeque<Append>,
    /// Reads for resuming sockets, which go first since they wait for no more than 2 s.
    catch_ups: VecDeque<Read>,
    reads: VecDeque<Read>,
    /// Appends that wait or are under way, and their bytes.
    count: usize,
    bytes: usize,
}

#[derive(Debug)]
pub(in crate::hub::history) struct Append {
    pub(in crate::hub::history) lane: Arc<Lane>,
    pub(in crate::hub::history) id: u64,
    pub(in crate::hub::history) entry: Bytes,
}

#[derive(Debug)]
pub(in crate::hub::history) struct Read {
    pub(in crate::hub::history) lane: Arc<Lane>,
    pub(in crate::hub::history) purpose: Purpose,
}

/// What a read is for.
#[derive(Clone, Copy, Debug)]
pub(in crate::hub::history) enum Purpose {
    /// The sequencer lacks what comes after an entry.
    Order(Last),
    /// Sockets lack what comes after an epoch and offset, or want to know where the stream is.
    CatchUp(Option<(u64, u64)>),
}

impl Calls {
    /// Queues an append. Returns `false` if there is no room.
    pub(in crate::hub::history) fn append(&mut self, append: Append) -> bool {
        let bytes = self.bytes + append.entry.len();
        if self.count >= MAX_APPENDS || bytes > MAX_BYTES {
            return false;
        }
        self.count += 1;
        self.bytes = bytes;
        self.appends.push_back(append);
        true
    }

    /// Queues a read. There is one for each purpose of a lane at most.
    pub(in crate::hub::history) fn read(&mut self, read: Read) {
        match read.purpose {
            Purpose::CatchUp(_) => self.catch_ups.push_back(read),
            Purpose::Order(_) => self.reads.push_back(read),
        }
    }

    pub(in crate::hub::history) fn next_append(&mut self) -> Option<Append> {
        self.appends.pop_front()
    }

    pub(in crate::hub::history) fn next_read(&mut self) -> Option<Read> {
        self.catch_ups
            .pop_front()
            .or_else(|| self.reads.pop_front())
    }

    /// Gives back the room of an append that is over.
    pub(in crate::hub::history) fn appended(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }

    /// Whether no append waits or is under way.
    pub(in crate::hub::history) fn is_quiet(&self) -> bool {
        self.count == 0
    }
}

/// How many appends wait for the store. More are void at once.
const MAX_APPENDS: usize = 4_096;

const MAX_BYTES: usize = 8 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hub::history::Streams, protocol::StreamRef};

    #[test]
    fn sockets_that_come_again_do_not_wait_for_those_that_are_there() {
        let lane = lane();
        let mut calls = Calls::default();
        let last = Last {
            epoch: 1,
            offset: 1,
            id: None,
        };
        for purpose in [Purpose::Order(last), Purpose::CatchUp(None)] {
            let lane = lane.clone();
            calls.read(Read { lane, purpose });
        }
        let next = |calls: &mut Calls| calls.next_read().map(|read| read.purpose);
        assert!(matches!(next(&mut calls), Some(Purpose::CatchUp(None))));
        assert!(matches!(next(&mut calls), Some(Purpose::Order(_))));
        assert!(next(&mut calls).is_none());
    }

    fn lane() -> Arc<Lane> {
        let rule = crate::config::HistoryRule::group("*");
        let config = crate::Config::new().history(rule);
        let streams = Streams::new(&config).expect("it has a rule");
        let kept = streams.kept(StreamRef::Group("a")).expect("it has a rule");
        streams.with_lane(kept, |lane, _| lane.clone())
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_bytes() {
        let lane = lane();
        let append = |bytes: usize| Append {
            lane: lane.clone(),
            id: 1,
            entry: vec![0; bytes].into(),
        };
        let mut calls = Calls::default();
        for _ in 0..MAX_APPENDS {
            assert!(calls.append(append(10)));
        }
        assert!(!calls.append(append(10)), "too many");
        assert!(calls.next_append().is_some());
        assert!(!calls.append(append(10)), "it is under way");
        calls.appended(10);
        assert!(calls.append(append(10)));

        let mut calls = Calls::default();
        assert!(calls.append(append(MAX_BYTES)));
        assert!(!calls.append(append(1)), "too large");
        calls.appended(MAX_BYTES);
        assert!(calls.is_quiet());
    }
}
