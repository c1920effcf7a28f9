//! The application's queries of kept streams.

use std::{future::IntoFuture, pin::Pin, sync::Arc};

use super::{
    history::{HistoryPage, HistoryQueryError, HistoryQueryErrorKind, HistoryStats, Kept, Streams},
    hub::Hub,
};
use crate::protocol::{Position, Recipient, StreamName};

impl Hub {
    /// Queries the kept messages of a stream: a group by its name, or any [`StreamName`]. Await the query.
    ///
    /// It returns the newest ones, or with [`since`](HistoryQuery::since) those after a position; none is
    /// older than the [`age`](crate::config::HistoryRule::age) of the stream's rule. The page holds every
    /// message of the stream: check `recipients` before showing one to a user.
    ///
    /// # Errors
    ///
    /// If no rule keeps the stream, if `since` belongs to another stream, or if the
    /// [store](crate::WebConnectionSocketLayer::history_store) does not answer (5 s per call, two calls at
    /// most).
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use web_connection_socket::{Config, Hub, SocketMessage, config::HistoryRule};
    ///
    /// let hub = Hub::new(&Config::new().history(HistoryRule::group("lobby")));
    /// let said = |text: &str| SocketMessage::new("chat").text(text).to_group("lobby");
    /// let first = hub.broadcast(&said("hello")).position().copied().unwrap();
    /// hub.broadcast(&said("is it you?"));
    ///
    /// let page = hub.history("lobby").limit(50).await?;
    /// assert_eq!(page.messages.len(), 2);
    /// let page = hub.history("lobby").since(&first).await?;
    /// assert_eq!(page.messages[0].message, said("is it you?"));
    /// assert!(page.is_complete);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn history(&self, stream: impl Into<StreamName>) -> HistoryQuery<'_> {
        HistoryQuery {
            hub: self,
            stream: stream.into(),
            since: None,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Returns where a stream is now: the position of its newest message.
    ///
    /// A handler that answers with the state of a page asks for the position first, then loads the state,
    /// and sends both: a page that opens its socket from this position misses nothing.
    ///
    /// With a [backplane](crate::WebConnectionSocketLayer::backplane) it waits until other nodes' messages
    /// of the stream are known to arrive, at most 250 ms. With a
    /// [store](crate::WebConnectionSocketLayer::history_store) it asks that instead, and the position is void
    /// (`….0.0.0`) while a message of the stream has no place yet.
    ///
    /// # Errors
    ///
    /// If no rule keeps the stream, or if the store does not answer within 5 s.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use web_connection_socket::{Config, Hub, SocketMessage, config::HistoryRule};
    ///
    /// let hub = Hub::new(&Config::new().history(HistoryRule::group("lobby")));
    /// let before = hub.position("lobby").await?;
    /// let report = hub.broadcast(&SocketMessage::new("chat").to_group("lobby"));
    /// assert_ne!(hub.position("lobby").await?, before);
    /// assert_eq!(Some(&hub.position("lobby").await?), report.position());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn position(
        &self,
        stream: impl Into<StreamName>,
    ) -> Result<Position, HistoryQueryError> {
        let stream = stream.into();
        let (streams, kept) = self.kept(&stream)?;
        if streams.is_shared() {
            return streams.position_shared(kept).await;
        }
        self.hears(streams, kept).await;
        Ok(streams.position(kept))
    }

    /// Returns the stream of a message for these recipients, if it is kept.
    pub(super) fn kept_of<'a>(
        &'a self,
        recipients: &'a [Recipient],
    ) -> Option<(&'a Arc<Streams>, Kept<'a>)> {
        let streams = self.history.as_ref()?;
        Some((streams, streams.kept_of(recipients)?))
    }

    /// Drops expired messages now and then, and subscribes to other nodes' messages of new streams. To be
    /// called without a lock.
    pub(super) fn tend_history(&self, streams: &Streams) {
        streams.sweep(|stream| self.state.lock().registry.has(stream));
        self.note_interest(streams.take_growth());
    }

    pub(super) fn history_stats(&self) -> Option<HistoryStats> {
        let streams = self.history.as_ref()?;
        self.tend_history(streams);
        Some(streams.stats())
    }

    fn kept<'a>(
        &'a self,
        stream: &'a StreamName,
    ) -> Result<(&'a Arc<Streams>, Kept<'a>), HistoryQueryError> {
        let no_rule = || HistoryQueryError::new(HistoryQueryErrorKind::NoRule);
        let streams = self.history.as_ref().ok_or_else(no_rule)?;
        let kept = streams.kept(stream.as_ref()).ok_or_else(no_rule)?;
        Ok((streams, kept))
    }

    /// Waits, for a moment at most, until other nodes' messages of a stream are known to arrive: an earlier
    /// position could not be resumed from.
    async fn hears(&self, streams: &Streams, kept: Kept<'_>) {
        let Some(node) = self.cluster.node() else {
            return self.tend_history(streams);
        };
        let partition = streams.partition_of(kept);
        self.tend_history(streams);
        node.synced(partition).await;
    }
}

/// A query for a stream's kept messages, from [`Hub::history`]. Await it.
///
/// With a [backplane](crate::WebConnectionSocketLayer::backplane) it waits until other nodes' messages of
/// the stream are known to arrive, at most 250 ms; with a
/// [store](crate::WebConnectionSocketLayer::history_store) it reads that instead.
///
/// # Cancel safety
///
/// Cancel safe: nothing is changed.
#[derive(Clone, Debug)]
#[must_use = "a query is sent when it is awaited"]
pub struct HistoryQuery<'a> {
    hub: &'a Hub,
    stream: StreamName,
    since: Option<Position>,
    limit: usize,
}

impl HistoryQuery<'_> {
    /// Asks for the messages after a position, oldest first. Without it the newest ones are returned.
    pub fn since(mut self, position: &Position) -> Self {
        self.since = Some(*position);
        self
    }

    /// Sets how many messages are returned at most; 100 by default.
    pub fn limit(mut self, n: usize) -> Self {
        self.limit = n;
        self
    }
}

impl<'a> IntoFuture for HistoryQuery<'a> {
    type Output = Result<HistoryPage, HistoryQueryError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (streams, kept) = self.hub.kept(&self.stream)?;
            if streams.is_shared() {
                let since = self.since.as_ref();
                return streams.page_shared(kept, since, self.limit).await;
            }
            self.hub.hears(streams, kept).await;
            streams.page(kept, self.since.as_ref(), self.limit)
        })
    }
}

/// How many messages a query without a limit returns.
const DEFAULT_LIMIT: usize = 100;
