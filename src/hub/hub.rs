//! The hub: its fields, and the questions about its sockets, users and groups.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    slice,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{
    cluster::Membership,
    connection_limits::{ConnectionLimits, ConnectionPermit, LimitReached},
    counters::Counters,
    delivery::{Eviction, Fanout},
    handshake_rate::{HandshakeRate, TooManyHandshakes},
    history::Streams,
    identity::User,
    phase::{Phase, ShuttingDown},
    presence::{Attendance, PresenceCause},
    registry::{NameLimits, Registry},
    socket_entry::SocketEntry,
    socket_error::SocketError,
    stats::Stats,
    user_rates::UserRates,
    work::Work,
};
use crate::{
    config::{ClusterKey, Config, Overflow},
    protocol::{CloseReason, ConnectionId, DefaultAudience, GroupId, Recipient, UserId},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64},
    },
};

/// All sockets of a process: broadcasts to them, groups them, closes them.
///
/// Kept behind an [`Arc`] and shared; [`WebConnectionSocketLayer::hub`] returns it. All methods except
/// [`shutdown`](Self::shutdown), [`joined`](Self::joined), [`position`](Self::position) and awaiting
/// [`history`](Self::history) are synchronous, never wait for a client, and may be called from any thread,
/// inside a runtime or outside. [`broadcast`](Self::broadcast) writes to sockets itself when queues are
/// full.
///
/// [`WebConnectionSocketLayer::hub`]: crate::WebConnectionSocketLayer::hub
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use tower::Layer;
/// use web_connection_socket::{
///     CloseReason, Config, SocketMessage, User, WebConnectionSocketLayer, testing::Server,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let layer = WebConnectionSocketLayer::new(Config::new());
/// let hub = layer.hub();
/// let server = Server::new(layer.layer(Router::new()));
/// let mut ann = server.connect("/?userId=ann&groupId=sales").await?;
///
/// let report = hub.broadcast(&SocketMessage::new("order.shipped").text("no. 7").to_user("ann"));
/// assert_eq!((report.matched, report.queued), (1, 1));
/// assert_eq!(ann.receive().await?.message, "no. 7");
///
/// let socket = hub.sockets_of("ann")[0];
/// hub.join(socket, "news")?;
/// hub.leave(socket, "sales");
/// assert_eq!(hub.groups_of(socket), ["news"]);
/// assert_eq!(hub.user_of(socket), Some(User::Claimed("ann".into())));
/// assert_eq!(hub.users(), [("ann".into(), 1)]);
/// assert_eq!(hub.groups(), [("news".into(), 1)]);
/// assert_eq!((hub.len(), hub.sockets()), (1, vec![socket]));
///
/// assert_eq!(hub.close_user("ann", &CloseReason::new(4001, "signed out")), 1);
/// assert_eq!(ann.closed().await.code(), 4001);
/// assert!(hub.is_empty());
/// assert_eq!(hub.stats().messages_out, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Hub {
    pub(super) state: Mutex<State>,
    pub(super) counters: Arc<Counters>,
    pub(super) connection_limits: Option<Arc<ConnectionLimits>>,
    handshake_rate: Option<HandshakeRate>,
    pub(super) user_rates: Option<Arc<UserRates>>,
    pub(super) fanout: Arc<Fanout<SocketEntry>>,
    pub(super) cluster: Membership,
    pub(super) cluster_key: Option<ClusterKey>,
    /// The streams that are kept, if there is a rule.
    pub(super) history: Option<Arc<Streams>>,
    pub(super) attendance: Attendance<Arc<SocketEntry>>,
    /// Notified when the last socket is gone.
    pub(super) gone: Notify,
    /// The part of a connection id that is this process's.
    pub(super) node: u64,
    /// The part of the next connection id that is the socket's.
    pub(super) serial: AtomicU64,
    pub(super) eviction: Eviction,
    pub(super) work: Work,
    pub(super) name_limits: NameLimits,
    pub(super) max_queue_bytes: usize,
    pub(super) overflow: Overflow,
    pub(super) default_audience: DefaultAudience,
    pub(super) drain_spread: Duration,
    pub(super) reconnect_window: Duration,
    /// Whether a user was ever only claimed.
    pub(super) has_claims: AtomicBool,
    pub(super) claims_warned: AtomicBool,
    pub(super) executor_warned: AtomicBool,
}

/// What the hub's lock guards.
#[derive(Debug)]
pub(super) struct State {
    pub(super) registry: Registry<Arc<SocketEntry>>,
    pub(super) phase: Phase,
    /// The seconds within which the clients of a shutdown should return; zero if it names none.
    pub(super) return_within: u64,
}

impl Hub {
    /// Makes a hub with the limits of a configuration. A layer makes its own hub; use this to share one
    /// between layers ([`WebConnectionSocketLayer::with_hub`]).
    ///
    /// [`WebConnectionSocketLayer::with_hub`]: crate::WebConnectionSocketLayer::with_hub
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let counters = Arc::new(Counters::new(config.max_hub_queue_bytes));
        // The keys of a `RandomState` are random, so ids of different processes do not collide.
        let node = RandomState::new().hash_one("node");
        let attendance = Attendance::new(node, config);
        let mut registry = Registry::new(NameLimits::new(config));
        if let Some(rules) = attendance.rules() {
            registry.keep_journal(rules);
        }
        Self {
            state: Mutex::new(State {
                registry,
                phase: Phase::Running,
                return_within: 0,
            }),
            fanout: Arc::new(Fanout::new(config.max_queue_bytes, counters.clone())),
            eviction: Eviction::new(config.overflow, counters.clone()),
            counters,
            connection_limits: ConnectionLimits::new(&config.connection_limits),
            handshake_rate: HandshakeRate::new(Instant::now(), config),
            user_rates: UserRates::new(config),
            cluster: Membership::default(),
            cluster_key: config.cluster_key.clone(),
            history: Streams::new(config).map(Arc::new),
            gone: Notify::new(),
            node,
            attendance,
            serial: AtomicU64::new(1),
            work: Work::new(config),
            name_limits: NameLimits::new(config),
            max_queue_bytes: config.max_queue_bytes,
            overflow: config.overflow,
            default_audience: config.default_audience,
            drain_spread: config.drain_spread,
            reconnect_window: config.reconnect_window,
            has_claims: AtomicBool::new(false),
            claims_warned: AtomicBool::new(false),
            executor_warned: AtomicBool::new(false),
        }
    }

    /// Makes a socket a member of a group. Joining a group twice, or the default group (whose name
    /// is empty), changes nothing.
    ///
    /// If the messages of the group are kept, a client that goes on in its streams (`resume=1`) is told where
    /// it begins.
    ///
    /// # Errors
    ///
    /// If the socket is not connected, is in [`Config::max_groups`](crate::Config::max_groups) groups
    /// already, or the name is longer than
    /// [`Config::max_name_length`](crate::Config::max_name_length).
    pub fn join(&self, socket: ConnectionId, group: impl Into<GroupId>) -> Result<(), SocketError> {
        let group = group.into();
        let mut state = self.state.lock();
        let entering = self.entering(&state, socket);
        let joined = state.registry.join(socket, group).into_result();
        let grew = state.registry.take_growth();
        self.note_steps(&mut state, PresenceCause::LeftGroup);
        drop(state);
        self.attend();
        self.note_interest(grew);
        self.entered(entering);
        joined
    }

    /// Ends a socket's membership in a group. Returns `false` if there was none.
    pub fn leave(&self, socket: ConnectionId, group: &str) -> bool {
        let mut state = self.state.lock();
        let left = state.registry.leave(socket, group);
        self.note_steps(&mut state, PresenceCause::LeftGroup);
        self.note_rights(&mut state, socket);
        drop(state);
        self.attend();
        left
    }

    /// Returns how many sockets receive broadcasts now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.lock().registry.len()
    }

    /// Whether no socket is connected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the ids of all sockets that receive broadcasts now, in no order. Copies each.
    #[must_use]
    pub fn sockets(&self) -> Vec<ConnectionId> {
        let state = self.state.lock();
        state.registry.sockets().map(|(id, _)| id).collect()
    }

    /// Returns the ids of a user's sockets, in no order.
    #[must_use]
    pub fn sockets_of(&self, user: &str) -> Vec<ConnectionId> {
        let state = self.state.lock();
        state.registry.sockets_of(user).map(|(id, _)| id).collect()
    }

    /// Returns the ids of the sockets that a recipient selects, in no order. One that excludes selects none.
    pub(super) fn members(&self, recipient: &Recipient) -> Vec<ConnectionId> {
        let mut members = Vec::new();
        if !recipient.kind.excludes() {
            let mut state = self.state.lock();
            let recipients = slice::from_ref(recipient);
            state
                .registry
                .resolve(recipients, self.default_audience, |entry| {
                    members.push(entry.id);
                });
        }
        members
    }

    /// Returns the user of a socket, or `None` if the socket is not connected.
    #[must_use]
    pub fn user_of(&self, socket: ConnectionId) -> Option<User> {
        let state = self.state.lock();
        state.registry.get(socket).map(|entry| entry.user())
    }

    /// Returns a socket's groups without the default one. They are none if it is not connected.
    #[must_use]
    pub fn groups_of(&self, socket: ConnectionId) -> Vec<GroupId> {
        self.state.lock().registry.groups_of(socket).to_vec()
    }

    /// Returns the users that are connected, each with the number of its sockets, in no order.
    #[must_use]
    pub fn users(&self) -> Vec<(UserId, usize)> {
        let state = self.state.lock();
        let users = state.registry.users();
        users.map(|(user, count)| (user.clone(), count)).collect()
    }

    /// Returns the groups that have members, each with the number of them, in no order. The default
    /// group, which each socket is in, is left out.
    #[must_use]
    pub fn groups(&self) -> Vec<(GroupId, usize)> {
        let state = self.state.lock();
        let groups = state.registry.groups();
        groups
            .map(|(group, count)| (group.clone(), count))
            .collect()
    }

    /// Returns the hub's figures at this moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = self.counters.snapshot();
        stats.dispatches_waiting = self.work.waiting();
        stats.cluster = self.cluster.node().map(|node| node.stats());
        stats.history = self.history_stats();
        stats.presence = self.attendance.stats();
        let state = self.state.lock();
        stats.sockets = state.registry.len();
        stats.users = state.registry.users().len();
        stats.groups = state.registry.groups().len();
        stats
    }

    /// Takes one of the sockets that the limits allow, as far as the client's address matters.
    pub(crate) fn permit(&self, client: Option<IpAddr>) -> Result<ConnectionPermit, LimitReached> {
        match &self.connection_limits {
            Some(limits) => limits.permit(client.into()),
            None => Ok(ConnectionPermit::default()),
        }
    }

    /// Takes one of the handshakes that the rate allows.
    pub(crate) fn take_handshake(&self) -> Result<(), TooManyHandshakes> {
        let rate = self.handshake_rate.as_ref();
        rate.map_or(Ok(()), |rate| rate.take(Instant::now()))
    }

    /// Whether the rate allows a handshake now, and leaves its room to one.
    pub(crate) fn check_handshake(&self) -> Result<(), TooManyHandshakes> {
        let rate = self.handshake_rate.as_ref();
        rate.map_or(Ok(()), |rate| rate.probe(Instant::now()))
    }

    /// Whether a user may have one more socket now.
    pub(crate) fn check_user(&self, user: &User) -> Result<(), LimitReached> {
        let limits = self.connection_limits.as_ref();
        limits.map_or(Ok(()), |limits| limits.check_user(user))
    }

    /// Whether [`shutdown`](Self::shutdown) was called, so that new sockets are refused.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.state.lock().phase != Phase::Running
    }

    /// Fails once [`shutdown`](Self::shutdown) was called.
    pub(crate) fn check_running(&self) -> Result<(), ShuttingDown> {
        let state = self.state.lock();
        match state.phase {
            Phase::Running => Ok(()),
            Phase::Draining | Phase::Closing => Err(state.shutting_down()),
        }
    }

    /// Returns how many bytes may wait for one socket.
    pub(crate) fn max_queue_bytes(&self) -> usize {
        self.max_queue_bytes
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Has broadcasts select a socket from now on. It is detached until its stream is open.
    pub(super) fn activate(&self, socket: ConnectionId) {
        let mut state = self.state.lock();
        if let Some(entry) = state.registry.activate(socket) {
            self.fanout.insert(entry.clone());
        }
        let grew = state.registry.take_growth();
        self.note_steps(&mut state, PresenceCause::Closed);
        drop(state);
        self.attend();
        self.note_interest(grew);
    }

    /// Ends a socket's part in broadcasts, and its memberships for this reason. What selected it before is in
    /// its queue.
    pub(super) fn deactivate(&self, entry: &SocketEntry, reason: &CloseReason) {
        self.deselect(&mut self.state.lock(), entry, reason);
        self.attend();
        self.fanout.depart(entry);
    }

    /// Has no broadcast select a socket any more. [`attend`](Self::attend) and [`Fanout::depart`] are to
    /// follow without the lock.
    pub(super) fn deselect(&self, state: &mut State, entry: &SocketEntry, reason: &CloseReason) {
        state.registry.deactivate(entry.id);
        self.note_end(state, entry.id, PresenceCause::of(reason));
        self.fanout.leave(entry);
    }

    pub(super) fn remove(&self, socket: ConnectionId) {
        let mut state = self.state.lock();
        state.registry.remove(socket);
        let is_empty = state.registry.all().len() == 0;
        drop(state);
        if is_empty {
            self.gone.notify_waiters();
        }
    }

    /// Returns all sockets, including those that are not active yet or no longer.
    pub(super) fn entries(&self) -> Vec<Arc<SocketEntry>> {
        let state = self.state.lock();
        let all = state.registry.all();
        all.map(|(_, entry)| entry.clone()).collect()
    }
}
