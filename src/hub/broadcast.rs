/// The report of a broadcast: what became of the message when it was accepted.
///
/// Queued is not delivered: what a socket that dies later did not get is counted in
/// [`Stats::undelivered`](crate::Stats::undelivered) and in its disconnect event. Every client that
/// stays connected and reads sees what was queued for it.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Config, Hub, SocketMessage};
///
/// let hub = Hub::new(&Config::new());
/// let report = hub.broadcast(&SocketMessage::new("order.shipped").text("no. 7"));
/// assert_eq!(report.matched, report.queued + report.dropped);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broadcast {
    /// Sockets of this process that the recipients selected.
    pub matched: usize,
    /// Sockets whose outgoing queue took the message.
    pub queued: usize,
    /// Sockets whose outgoing queue was full; each of them is being closed with 1013.
    pub dropped: usize,
}

impl Broadcast {
    /// Whether other nodes were handed the message: `false`, because a hub is one process in this
    /// version.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the message is on its way whether or not anybody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use web_connection_socket::{Config, Hub, SocketMessage};
    ///
    /// let report = Hub::new(&Config::new()).broadcast(&SocketMessage::new("news"));
    /// assert!(!report.forwarded().await);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn forwarded(&self) -> bool {
        false
    }
}
