//! What the application and sockets that come again ask of the streams that are kept.

use super::{
    history::{
        HistoryQuery, HistoryQueryError, HistoryQueryErrorKind, HistoryStats, Kept, Streams,
    },
    hub::Hub,
};
use crate::protocol::{Position, Recipient, StreamName};

impl Hub {
    /// Asks for the messages that are kept of a stream: a group by its name, or any [`StreamName`].
    /// Await the query.
    ///
    /// It returns the newest ones, or with [`since`](HistoryQuery::since) those behind a position; none
    /// is older than the [`age`](crate::config::HistoryRule::age) of the stream's rule. They are
    /// all that were broadcast to the stream: what was not for all of its members names those in its
    /// recipients.
    ///
    /// # Errors
    ///
    /// If no rule is for the stream, or the position is of another one.
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
    /// assert!(page.is_whole);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn history(&self, stream: impl Into<StreamName>) -> HistoryQuery<'_> {
        self.sweep_history();
        HistoryQuery::new(self.history.as_ref(), stream.into())
    }

    /// Returns where a stream is now: the position of its newest message. What comes later is behind it.
    ///
    /// A handler that answers with the state of a page asks for the position first, then loads the state,
    /// and sends both: a page that opens its socket from this position misses nothing.
    ///
    /// # Errors
    ///
    /// If no rule is for the stream.
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
        match self.kept(&stream) {
            Some((streams, kept)) => Ok(streams.position(kept)),
            None => Err(HistoryQueryError::new(HistoryQueryErrorKind::NoRule)),
        }
    }

    /// Returns the stream of a message for these recipients, if it is kept.
    pub(super) fn kept_of<'a>(
        &'a self,
        recipients: &'a [Recipient],
    ) -> Option<(&'a Streams, Kept<'a>)> {
        let streams = self.history.as_ref()?;
        Some((streams, streams.kept_of(recipients)?))
    }

    /// Lets go of what is too old, now and then.
    pub(super) fn sweep_history(&self) {
        if let Some(streams) = &self.history {
            streams.sweep(|stream| self.state.lock().registry.has(stream));
        }
    }

    pub(super) fn history_stats(&self) -> Option<HistoryStats> {
        self.sweep_history();
        self.history.as_ref().map(Streams::stats)
    }

    fn kept<'a>(&'a self, stream: &'a StreamName) -> Option<(&'a Streams, Kept<'a>)> {
        let streams = self.history.as_ref()?;
        Some((streams, streams.kept(stream.as_ref())?))
    }
}
