use serde::{Deserialize, Serialize};

/// The report of a broadcast over HTTP: what `POST …/__broadcastWebSocket.wc` answers.
///
/// Queued is not delivered: what a socket that dies later did not get, its server counts. Every
/// client that stays connected and reads sees what was queued for it.
///
/// # Examples
///
/// ```
/// use web_connection_socket::BroadcastReport;
///
/// let answer = r#"{"matched":3,"queued":2,"dropped":1,"forwarded":false}"#;
/// let report: BroadcastReport = serde_json::from_str(answer)?;
/// assert_eq!(report.matched, report.queued + report.dropped);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BroadcastReport {
    /// Sockets of the node that answered which the recipients selected.
    pub matched: usize,
    /// Sockets whose outgoing queue took the message.
    pub queued: usize,
    /// Sockets whose outgoing queue was full: they did not get the message, or are being closed.
    pub dropped: usize,
    /// Whether the message was handed to further nodes too.
    pub forwarded: bool,
}
