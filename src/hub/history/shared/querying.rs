//! Answers the application's queries from the store.

use std::sync::Arc;

use super::{apply::position_of, entry, worker};
use crate::{
    history::Page,
    hub::history::{
        error::{HistoryQueryError, HistoryQueryErrorKind},
        lane::Lane,
        page::{HistoryMessage, HistoryPage},
        sequencer::{Body, Last},
        store::Shared,
        streams::{Kept, Streams},
    },
    protocol::{Position, SocketMessage},
    sync::atomic::Ordering::Relaxed,
};

impl Streams {
    /// Returns where a stream is now. It is void while a message has no place that its sockets have.
    pub(in crate::hub) async fn position_shared(
        &self,
        kept: Kept<'_>,
    ) -> Result<Position, HistoryQueryError> {
        let (shared, lane) = self.asked(kept)?;
        let page = self.ask(shared, &lane, None, 0).await?;
        Ok(self.end(&lane, &page))
    }

    /// Returns messages behind a position, oldest first, or the newest ones.
    pub(in crate::hub) async fn page_shared(
        &self,
        kept: Kept<'_>,
        since: Option<&Position>,
        limit: usize,
    ) -> Result<HistoryPage, HistoryQueryError> {
        let (shared, lane) = self.asked(kept)?;
        if since.is_some_and(|since| since.stream() != lane.hash) {
            let kind = HistoryQueryErrorKind::OtherStream;
            return Err(HistoryQueryError::new(kind));
        }
        // An epoch that does not exist, which no store is asked for.
        let placed = since.filter(|since| since.epoch() != 0);
        if let Some(since) = placed {
            let after = Some((since.epoch(), since.offset()));
            let page = self.ask(shared, &lane, after, lane.keep.messages).await?;
            // The application may ask from any beginning that another node has told it.
            let is_its = page
                .anchor
                .is_none_or(|id| id == 0 || id as u32 == since.tag());
            if page.is_complete && page.epoch == since.epoch() && is_its {
                if limit == 0 {
                    return Ok(HistoryPage {
                        messages: Vec::new(),
                        position: *since,
                        is_complete: true,
                    });
                }
                return Ok(self.page_of(shared, &lane, &page, Some(limit), true));
            }
        }
        let page = self.ask(shared, &lane, None, limit).await?;
        Ok(self.page_of(shared, &lane, &page, None, since.is_none()))
    }

    fn asked(&self, kept: Kept<'_>) -> Result<(&Shared, Arc<Lane>), HistoryQueryError> {
        let shared = self.shared().ok_or_else(unavailable)?;
        Ok((shared, self.with_lane(kept, |lane, _| lane.clone())))
    }

    async fn ask(
        &self,
        shared: &Shared,
        lane: &Lane,
        after: Option<(u64, u64)>,
        limit: usize,
    ) -> Result<Page, HistoryQueryError> {
        let key = lane.key().ok_or_else(unavailable)?;
        let call = worker::begin(|| shared.read(lane, key, after, limit));
        let page = worker::answer(call).await;
        page.map_err(|error| {
            shared.totals.failed_calls.fetch_add(1, Relaxed);
            tracing::debug!(%error, "the history's store did not answer a query");
            unavailable()
        })
    }

    /// Returns where a page ends.
    fn end(&self, lane: &Lane, page: &Page) -> Position {
        let is_open = {
            let state = lane.lock();
            state.order.as_ref().is_some_and(|order| order.is_open())
        };
        let top = Last {
            epoch: page.epoch,
            offset: page.top,
            id: Some(page.top_id),
        };
        position_of(lane, Some(top).filter(|_| !is_open))
    }

    /// Reads a page: `limit` of its first messages, or all that are young enough.
    fn page_of(
        &self,
        shared: &Shared,
        lane: &Lane,
        page: &Page,
        limit: Option<usize>,
        is_complete: bool,
    ) -> HistoryPage {
        let mut is_complete = is_complete;
        let mut end = self.end(lane, page);
        let mut messages = Vec::new();
        for stored in &page.entries {
            let name = lane.name.as_ref();
            let (body, age) = entry::read(&stored.entry, None, name, self.default_audience);
            let at = Last {
                epoch: page.epoch,
                offset: stored.offset,
                id: Some(stored.id),
            };
            let position = position_of(lane, Some(at));
            match body {
                // The age is an upper bound here.
                Body::Message(_) if age > lane.keep.age => is_complete &= limit.is_none(),
                Body::Message(sent) => {
                    if limit.is_some_and(|limit| messages.len() >= limit) {
                        break;
                    }
                    let read = SocketMessage::read(sent.plain().payload(), usize::MAX);
                    match read {
                        Ok(message) => messages.push(HistoryMessage { message, position }),
                        Err(_) => is_complete = false,
                    }
                    if limit.is_some_and(|limit| messages.len() == limit) {
                        end = position;
                    }
                }
                Body::Scar(_) => is_complete &= limit.is_none(),
                Body::Passed => {}
                Body::Garbage => {
                    shared.totals.garbage.fetch_add(1, Relaxed);
                    is_complete = false;
                }
            }
        }
        HistoryPage {
            messages,
            position: end,
            is_complete,
        }
    }
}

fn unavailable() -> HistoryQueryError {
    HistoryQueryError::new(HistoryQueryErrorKind::Unavailable)
}
