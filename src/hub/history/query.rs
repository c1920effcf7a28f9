//! Answers the application's queries from what this process keeps.

use super::{
    entry::Entry,
    error::{HistoryQueryError, HistoryQueryErrorKind},
    page::{HistoryMessage, HistoryPage},
    ring::{Place, Since},
    streams::{Kept, Streams},
};
use crate::protocol::{Position, SocketMessage};

impl Streams {
    /// Returns where a stream is now.
    pub(in crate::hub) fn position(&self, kept: Kept<'_>) -> Position {
        let position = self.with_lane(kept, |lane, state| {
            lane.position(state.epoch, state.ring.top())
        });
        self.keep_bound();
        position
    }

    /// Returns the messages after a position, oldest first, or the newest ones.
    pub(in crate::hub) fn page(
        &self,
        kept: Kept<'_>,
        since: Option<&Position>,
        limit: usize,
    ) -> Result<HistoryPage, HistoryQueryError> {
        let (entries, hash, epoch, end, is_complete) = self.with_lane(kept, |lane, state| {
            let now = state.used;
            self.change(state, |ring| ring.expire(&lane.keep, now));
            if since.is_some_and(|since| since.stream() != lane.hash) {
                let kind = HistoryQueryErrorKind::OtherStream;
                return Err(HistoryQueryError::new(kind));
            }
            let ring = &state.ring;
            let all = ring.entries();
            // The ring keeps for twice the age; a query returns nothing older than it.
            let fresh = all.partition_point(|entry| now.duration_since(entry.at) > lane.keep.age);
            let found = since.map(|since| {
                let place = Place {
                    offset: since.offset(),
                    tag: since.tag(),
                };
                match ring.since(place) {
                    Since::Whole(index) if since.epoch() == state.epoch => Some(index),
                    _ => None,
                }
            });
            let (range, is_complete) = match found {
                Some(Some(begin)) => {
                    let first = begin.max(fresh);
                    let last = all.len().min(first.saturating_add(limit));
                    (first..last, first == begin)
                }
                not_found => {
                    let first = fresh.max(all.len().saturating_sub(limit));
                    (first..all.len(), not_found.is_none())
                }
            };
            let end = ring.place_before(range.end);
            let entries: Vec<Entry> = all.range(range).cloned().collect();
            Ok((entries, lane.hash, state.epoch, end, is_complete))
        })?;
        self.keep_bound();
        let position = |offset, tag| Position::new(hash, epoch, offset, tag);
        let messages: Vec<_> = entries
            .iter()
            .filter_map(|entry| {
                // Another node's message may exceed limits of this node.
                let message = SocketMessage::read(entry.frame.payload(), usize::MAX).ok()?;
                let position = position(entry.offset, entry.tag);
                Some(HistoryMessage { message, position })
            })
            .collect();
        Ok(HistoryPage {
            is_complete: is_complete && messages.len() == entries.len(),
            messages,
            position: position(end.offset, end.tag),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Config, HistoryRule},
        frame::Frame,
        protocol::{Recipient, StreamRef},
    };

    #[tokio::test]
    async fn a_message_that_cannot_be_read_is_missing() {
        let config = Config::new().history(HistoryRule::group("lobby"));
        let streams = Streams::new(&config).expect("it has a rule");
        let kept = streams.kept(StreamRef::Group("lobby"));
        let kept = kept.expect("it has a rule");
        let publish = |json: &str| {
            let recipients = [Recipient::group("lobby")];
            let plain = Frame::text(json.as_bytes());
            streams.publish(kept, &recipients, &plain, |_| ());
        };
        publish(r#"{"action":"a"}"#);
        let page = streams.page(kept, None, 10).unwrap();
        assert_eq!((page.messages.len(), page.is_complete), (1, true));
        publish(r#"{"action":7}"#);
        let page = streams.page(kept, None, 10).unwrap();
        assert_eq!((page.messages.len(), page.is_complete), (1, false));
    }
}
