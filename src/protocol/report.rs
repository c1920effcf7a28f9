//! The report of a broadcast, from the hub or as the answer to a posted message.

use std::{fmt, pin::Pin, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::protocol::{Forwarded, Forwarding, NotForwarded, Position};

/// The outcome of a broadcast, as of the moment when it was accepted.
///
/// [`Hub::broadcast`](crate::Hub::broadcast) returns it, and `POST …/__broadcastWebSocket.wc` answers
/// it as JSON. The numbers are those of the node that was asked.
///
/// Queued is not delivered: messages that a socket did not get before it ended are counted in
/// [`Stats::undelivered`](crate::Stats::undelivered) and in its disconnect event, and so are those that
/// [`Overflow::DropOldest`](crate::config::Overflow::DropOldest) drops. Each client that stays
/// connected and reads gets the messages that were queued for it.
///
/// Its JSON shows what is known of other nodes at that moment: await [`settled`](Self::settled) first.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{BroadcastReport, Config, Hub, SocketMessage};
///
/// let hub = Hub::new(&Config::new());
/// let report = hub.broadcast(&SocketMessage::new("order.shipped").text("no. 7"));
/// assert_eq!(report.matched, report.queued + report.dropped);
///
/// let answer = r#"{"matched":0,"queued":0,"dropped":0,"forwarded":false}"#;
/// assert_eq!(serde_json::to_string(&report)?, answer);
/// assert_eq!(serde_json::from_str::<BroadcastReport>(answer)?.matched, 0);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BroadcastReport {
    /// Sockets that the recipients selected.
    pub matched: usize,
    /// Sockets whose outgoing queue took the message, in the place of older ones if need be.
    pub queued: usize,
    /// Sockets whose outgoing queue was full. They did not get the message;
    /// [`Config::overflow`](crate::Config::overflow) says what becomes of them: by default they are
    /// closed with 1013. If messages for all sockets come faster than they can be written, so that their
    /// log is full, these are all sockets that read well, and they stay open.
    pub dropped: usize,
    /// `null` is a value, and a missing key is none.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub(crate) forwarded: Forwarding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<Position>,
    /// What is known later, if a store has yet to say the message's place.
    #[serde(skip)]
    pub(crate) settlement: Option<Arc<dyn Settlement>>,
}

/// What becomes of a message whose place in its stream is not known yet.
pub(crate) trait Settlement: fmt::Debug + Send + Sync {
    /// Waits until it is known, for a bounded time, and returns the report of it. Cancel safe.
    fn settled(&self) -> Pin<Box<dyn Future<Output = Option<BroadcastReport>> + Send + '_>>;
}

impl BroadcastReport {
    /// Waits until it is known whether the message was handed to the other nodes, at most a second from
    /// the broadcast on. This node's sockets do not wait for it.
    ///
    /// Handed over is not delivered: what another node then misses, it reports
    /// ([`ClusterEvent::Gap`](crate::ClusterEvent::Gap)).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the message is on its way whether or not the future is awaited.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use web_connection_socket::{Config, Forwarded, Hub, NotForwarded, SocketMessage};
    ///
    /// let report = Hub::new(&Config::new()).broadcast(&SocketMessage::new("news"));
    /// assert_eq!(report.forwarded().await, Forwarded::No(NotForwarded::NoBackplane));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn forwarded(&self) -> Forwarded {
        self.forwarded.settled().await
    }

    /// Returns the position of the message in its stream, for a page that loads its state first.
    ///
    /// `None` if it belongs to no stream that has a [`HistoryRule`](crate::config::HistoryRule), as a message
    /// for several groups or users, or for a connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::{Config, Hub, SocketMessage, config::HistoryRule};
    ///
    /// let hub = Hub::new(&Config::new().history(HistoryRule::group("lobby")));
    /// let news = SocketMessage::new("news");
    /// assert!(hub.broadcast(&news.clone().to_group("lobby")).position().is_some());
    /// assert!(hub.broadcast(&news.clone().to_group("attic")).position().is_none());
    /// assert!(hub.broadcast(&news.to_group("lobby").to_user("ann")).position().is_none());
    /// ```
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Waits until the report is final, at most a second from the broadcast on, and returns it as it is then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the message is on its way whether or not the future is awaited.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use web_connection_socket::{Config, Hub, SocketMessage};
    ///
    /// let report = Hub::new(&Config::new()).broadcast(&SocketMessage::new("news"));
    /// assert_eq!(report.settled().await.matched, report.matched);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn settled(&self) -> Self {
        let placed = match &self.settlement {
            Some(settlement) => settlement.settled().await,
            None => None,
        };
        Self {
            // Its second began with the broadcast, that of the placed report may have begun with the place.
            forwarded: Forwarding::Settled(self.forwarded().await),
            settlement: None,
            ..placed.unwrap_or_else(|| self.clone())
        }
    }
}

/// No socket was selected, and no other node was asked.
impl Default for BroadcastReport {
    fn default() -> Self {
        Self {
            matched: 0,
            queued: 0,
            dropped: 0,
            forwarded: Forwarding::Settled(Forwarded::No(NotForwarded::NoBackplane)),
            position: None,
            settlement: None,
        }
    }
}

fn write<S: Serializer>(forwarded: &Forwarding, serializer: S) -> Result<S::Ok, S::Error> {
    forwarded.now().as_bool().serialize(serializer)
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Forwarding, D::Error> {
    let told = Option::<bool>::deserialize(deserializer)?;
    Ok(Forwarding::Settled(told.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forwarded_is_never_missing_and_a_position_only_there_if_there_is_one() {
        for (json, expected) in [("true", Some(true)), ("false", Some(false)), ("null", None)] {
            let json = format!(r#"{{"matched":3,"queued":2,"dropped":1,"forwarded":{json}}}"#);
            let report: BroadcastReport = serde_json::from_str(&json).unwrap();
            assert_eq!(report.forwarded().await.as_bool(), expected);
            assert_eq!(serde_json::to_string(&report).unwrap(), json);
        }
        let json = r#"{"matched":1,"queued":1,"dropped":0,"forwarded":false,"position":"1.2.3.4"}"#;
        let report: BroadcastReport = serde_json::from_str(json).unwrap();
        assert_eq!(report.position(), Some(&"1.2.3.4".parse().unwrap()));
        assert_eq!(
            serde_json::to_string(&report.settled().await).unwrap(),
            json
        );
        let without = r#"{"matched":3,"queued":2,"dropped":1}"#;
        assert!(serde_json::from_str::<BroadcastReport>(without).is_err());
    }
}
