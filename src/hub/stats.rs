//! The figures of a hub that an application reads.

use std::collections::BTreeMap;

use super::{cluster::ClusterStats, history::HistoryStats, presence::PresenceStats};
use crate::protocol::RejectionKind;

/// A hub's figures at one moment, from [`Hub::stats`](super::Hub::stats).
///
/// Totals count since the hub was made; the other figures are of this moment.
///
/// # Examples
///
/// ```
/// use web_connection_socket::{Config, Hub};
///
/// let stats = Hub::new(&Config::new()).stats();
/// assert_eq!((stats.sockets, stats.messages_out), (0, 0));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Sockets that receive broadcasts now.
    pub sockets: usize,
    /// Different users among them.
    pub users: usize,
    /// Groups that have a member now, the default group not counted.
    pub groups: usize,
    /// Messages received from sockets, in total.
    pub messages_in: u64,
    /// Messages wholly written to sockets, in total: one for each recipient.
    pub messages_out: u64,
    /// Bytes of frames in all outgoing queues now, and 56 for keeping each. A message to all counts
    /// once; a message for some, or one that waits for a slow socket, counts once per socket.
    pub bytes_queued: usize,
    /// Messages that a full outgoing queue refused, in total: one for each recipient. They are the
    /// `dropped` of the reports, and the replies for which there was no room.
    pub dropped: u64,
    /// Messages that were queued and never wholly written, in total, because their socket ended or
    /// because they made room for others ([`Config::overflow`](crate::Config::overflow)).
    pub undelivered: u64,
    /// Dispatches to the application that run now.
    pub dispatches_running: usize,
    /// Messages that wait for their turn to be dispatched now
    /// ([`Config::max_dispatches`](crate::Config::max_dispatches)).
    pub dispatches_waiting: usize,
    /// Dispatches that failed, panicked, timed out or found no handler, in total.
    pub dispatches_failed: u64,
    /// Messages that were dropped because too many waited and their socket had ended, in total: no
    /// client was left to be told. Stays 0 if [`Config::max_sockets`](crate::Config::max_sockets) is
    /// set.
    pub messages_shed: u64,
    /// Panics, in total: of parts of a connection (the host's stream, or a value that is dropped with the
    /// socket), each of which ends that socket alone, and of `on_cluster_event` and `on_presence` functions.
    pub panics: u64,
    /// Refused requests, in total, by kind. Metrics name it by [`RejectionKind::as_str`].
    pub refusals: BTreeMap<RejectionKind, u64>,
    /// Figures of the links to other nodes, with a
    /// [backplane](crate::WebConnectionSocketLayer::backplane).
    pub cluster: Option<ClusterStats>,
    /// Figures of the messages that are kept for clients that reconnect, if there is a
    /// [rule](crate::Config::history).
    pub history: Option<HistoryStats>,
    /// Figures of the groups with a presence rule ([`Config::presence`](crate::Config::presence)).
    pub presence: PresenceStats,
}
