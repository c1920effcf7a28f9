//! All streams of a store in memory.

use std::collections::HashMap;

use tokio::time::Instant;

use super::stream::Stream;
use crate::history::{
    append::{Append, Appended},
    read::{Page, Read},
    stream_key::StreamKey,
};

/// The streams; those that are over go when others come.
#[derive(Debug, Default)]
pub(super) struct Streams {
    map: HashMap<StreamKey, Stream>,
    /// At how many those that are over are looked for.
    crowd: usize,
}

impl Streams {
    pub(super) fn append(&mut self, append: Append, now: Instant) -> Appended {
        self.of(append.stream, now).append(append, now)
    }

    pub(super) fn read(&mut self, read: &Read, now: Instant) -> Page {
        self.of(read.stream, now).read(read, now)
    }

    fn of(&mut self, key: StreamKey, now: Instant) -> &mut Stream {
        if self.map.len() > self.crowd {
            self.map.retain(|_, stream| !stream.is_over(now));
            self.crowd = self.map.len() * 2 + FEW;
        }
        let stream = self.map.entry(key).or_insert_with(|| Stream::new(now));
        if stream.is_over(now) {
            *stream = Stream::new(now);
        }
        stream
    }
}

const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::history::retention::Retention;

    #[test]
    fn a_stream_that_is_over_begins_another_epoch_and_takes_no_room() {
        let keep = Retention::new(10, Duration::from_secs(1));
        let read = |number| Read::newest(StreamKey::new(number), 10, 10, keep);
        let mut now = Instant::now();
        let mut streams = Streams::default();
        let mut epochs = Vec::new();
        for round in 0..10_000 {
            streams.read(&read(round), now);
            epochs.push(streams.read(&read(u128::MAX), now).epoch);
            now += Duration::from_millis(100);
        }
        epochs.dedup();
        assert_eq!(epochs.len(), 1, "it was read all the time");
        assert!(streams.map.len() < 200, "{}", streams.map.len());
        now += Duration::from_secs(3);
        assert_ne!(streams.read(&read(u128::MAX), now).epoch, epochs[0]);
    }
}
