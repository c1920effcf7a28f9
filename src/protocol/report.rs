//! The report of a broadcast: what the hub returns, and what a server answers to one that was posted.

use serde::{Deserialize, Serialize};

/// What became of a message when the broadcast was accepted.
///
/// [`Hub::broadcast`](crate::Hub::broadcast) returns it, and `POST …/__broadcastWebSocket.wc` answers
/// it as JSON. The numbers are those of the node that was asked.
///
/// Queued is not delivered: what a socket that ends later did not get is counted in
/// [`Stats::undelivered`](crate::Stats::undelivered) and in its disconnect event, and so is what
/// [`Overflow::DropOldest`](crate::config::Overflow::DropOldest) drops. Each client that stays
/// connected and reads sees what was queued for it.
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
/// assert_eq!(serde_json::from_str::<BroadcastReport>(answer)?, report);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    #[serde(deserialize_with = "Option::deserialize")]
    forwarded: Option<bool>,
}

impl BroadcastReport {
    /// Returns whether the message was handed to the other nodes, or `None` if that is unknown. It is
    /// `Some(false)`: a hub is one process in this version.
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
    /// assert_eq!(report.forwarded().await, Some(false));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn forwarded(&self) -> Option<bool> {
        self.forwarded
    }
}

/// No socket was selected, and no other node was asked.
impl Default for BroadcastReport {
    fn default() -> Self {
        Self {
            matched: 0,
            queued: 0,
            dropped: 0,
            forwarded: Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forwarded_is_a_yes_a_no_or_null_and_never_missing() {
        for (json, expected) in [("true", Some(true)), ("false", Some(false)), ("null", None)] {
            let json = format!(r#"{{"matched":3,"queued":2,"dropped":1,"forwarded":{json}}}"#);
            let report: BroadcastReport = serde_json::from_str(&json).unwrap();
            assert_eq!(report.forwarded().await, expected);
            assert_eq!(serde_json::to_string(&report).unwrap(), json);
        }
        let without = r#"{"matched":3,"queued":2,"dropped":1}"#;
        assert!(serde_json::from_str::<BroadcastReport>(without).is_err());
    }
}
