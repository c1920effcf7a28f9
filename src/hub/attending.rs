//! The hub's part in presence: passes on events, and answers the application.

use std::sync::{Arc, Weak};

use serde::Serialize;

use super::{
    cluster::{MemberReport, Name, partition_of},
    hub::{Hub, State},
    presence::{Audience, Info, Move, Presence, PresenceCause, PresenceChange, Watch},
    registry::Step,
    socket_entry::SocketEntry,
    socket_error::{SocketError, SocketErrorKind},
};
use crate::{
    config::PresenceTerms,
    frame::Frame,
    protocol::{ConnectionId, GroupId},
};

impl Hub {
    /// Returns the members of a group at this moment, on all nodes as far as this one knows.
    ///
    /// A user counts until [`PresenceRule::leave_after`](crate::config::PresenceRule::leave_after) has
    /// passed since its last socket ended. Without a rule of [`Config::presence`](crate::Config::presence)
    /// for the group there are none, and the answer is not complete. Copies each name.
    ///
    /// In a cluster, asking about a group that no rule names in full subscribes this node to the group's
    /// partition for a minute. Answers are not complete until it hears that partition.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Hub;
    ///
    /// fn names(hub: &Hub) -> Vec<String> {
    ///     let here = hub.presence("lobby");
    ///     here.members.into_iter().map(|member| member.user.into()).collect()
    /// }
    /// ```
    #[must_use]
    pub fn presence(&self, group: &str) -> Presence {
        self.presence_up_to(group, usize::MAX)
    }

    /// Returns the members of a group, but lists them only up to a number of users.
    pub(crate) fn presence_up_to(&self, group: &str, list_up_to: usize) -> Presence {
        let Some(mut presence) = self.attendance.view(group, list_up_to) else {
            return Presence::default();
        };
        if let Some(node) = self.cluster.node() {
            presence.is_complete &= node.hears(partition_of(Name::Group(group)));
            let is_new = self.attendance.ask_for(group);
            self.note_interest(is_new);
        }
        presence
    }

    /// Sets the presence value of a socket's user in all its groups, such as a picture or `"typing"`; `null`
    /// removes it.
    ///
    /// The value that was set last, on any of the user's sockets, counts until the user has left. Watchers
    /// are told of it with all other changes, once a second. A socket without a user has none.
    ///
    /// # Errors
    ///
    /// If the value does not serialize to JSON or takes more than 1 KiB, or the socket is not connected.
    pub fn set_presence(
        &self,
        socket: ConnectionId,
        info: &impl Serialize,
    ) -> Result<(), SocketError> {
        let info = Info::of(info)?;
        let state = self.state.lock();
        let registry = &state.registry;
        let Some(entry) = registry
            .get(socket)
            .filter(|_| !registry.is_removed(socket))
        else {
            return Err(SocketError::new(SocketErrorKind::NotConnected));
        };
        let groups = registry.groups_of(socket).iter();
        let groups = groups.filter(|group| self.attendance.terms(group.as_str()).is_some());
        self.attendance.push([Move::Said {
            socket,
            user: entry.user().id().clone(),
            groups: groups.cloned().collect(),
            info,
        }]);
        drop(state);
        self.attend();
        Ok(())
    }

    /// Reports the members of a group to a socket, whatever its identity allows: first all of them, then each
    /// that joins or leaves. A second call sends the full list again.
    ///
    /// # Errors
    ///
    /// If no rule of [`Config::presence`](crate::Config::presence) names the group, if its name is longer
    /// than [`Config::max_name_length`](crate::Config::max_name_length), if the socket is not connected, or
    /// if it watches 64 groups already.
    ///
    /// # Examples
    ///
    /// ```
    /// use axum::Router;
    /// use tower::Layer;
    /// use web_connection_socket::{
    ///     Config, WebConnectionSocketLayer, config::PresenceRule, testing::Server,
    /// };
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = WebConnectionSocketLayer::new(Config::new().presence(PresenceRule::group("lobby")));
    /// let hub = layer.hub();
    /// let server = Server::new(layer.layer(Router::new()));
    /// let mut ann = server.connect("/?userId=ann&groupId=lobby").await?;
    /// let socket = hub.sockets_of("ann")[0];
    ///
    /// hub.set_presence(socket, &"typing")?;
    /// hub.watch_presence(socket, "lobby")?;
    /// let frame = ann.receive_text().await?;
    /// assert!(frame.contains(r#""joined":[{"userId":"ann","info":"typing"}]"#), "{frame}");
    /// assert!(hub.unwatch_presence(socket, "lobby"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch_presence(
        &self,
        socket: ConnectionId,
        group: impl Into<GroupId>,
    ) -> Result<(), SocketError> {
        let group = group.into();
        if self.attendance.terms(group.as_str()).is_none() {
            return Err(SocketError::new(SocketErrorKind::NoPresence));
        }
        if !self.may_have_members(&group) {
            return Err(SocketError::new(SocketErrorKind::NameTooLong));
        }
        let state = self.state.lock();
        let registry = &state.registry;
        let Some(entry) = registry
            .get(socket)
            .filter(|_| !registry.is_removed(socket))
        else {
            return Err(SocketError::new(SocketErrorKind::NotConnected));
        };
        self.attendance.push([Move::Watching {
            socket,
            watcher: entry.clone(),
            group: group.clone(),
            watch: Watch::ByApplication,
        }]);
        drop(state);
        self.attend();
        self.note_interest(!self.attendance.is_heard(group.as_str()));
        let is_watching = self.attendance.is_watching(socket, &group);
        let refused = if self.has_ended(socket) {
            SocketErrorKind::NotConnected
        } else {
            SocketErrorKind::TooManyWatches
        };
        is_watching.then_some(()).ok_or(SocketError::new(refused))
    }

    /// Stops reporting a group's members to a socket. Returns `false` if it was not watching.
    pub fn unwatch_presence(&self, socket: ConnectionId, group: &str) -> bool {
        let group = GroupId::from(group);
        let was_watching = self.attendance.is_watching(socket, &group);
        self.attendance.push([Move::Unwatching { socket, group }]);
        self.attend();
        was_watching
    }

    pub(crate) fn on_presence(&self, hook: impl Fn(PresenceChange) + Send + Sync + 'static) {
        self.attendance.on_change(hook);
        // It is to be told of all groups.
        self.note_interest(true);
    }

    /// Whether there is a presence rule.
    pub(crate) fn keeps_track(&self) -> bool {
        self.attendance.rules().is_some()
    }

    /// Returns what a rule says of a group.
    pub(crate) fn presence_terms(&self, group: &str) -> Option<PresenceTerms> {
        self.attendance.terms(group)
    }

    /// Starts the presence task, if there are rules and it does not run.
    pub(super) fn start_attendance(self: &Arc<Self>) {
        self.attendance.start(|| {
            let hub: Weak<Self> = Arc::downgrade(self);
            hub
        });
    }

    /// Has what was noted of members take effect. To be called without the hub's lock.
    pub(super) fn attend(&self) {
        if self.keeps_track() {
            self.attendance.settle();
        }
    }

    /// Notes who has entered groups and left them, under the hub's lock.
    pub(super) fn note_steps(&self, state: &mut State, cause: PresenceCause) {
        let steps = state.registry.take_steps();
        if steps.is_empty() {
            return;
        }
        self.attendance.push(steps.into_iter().map(|step| {
            let Step {
                socket,
                user,
                group,
                is_in,
            } = step;
            if is_in {
                Move::Entered {
                    group,
                    user,
                    socket,
                }
            } else {
                Move::Left { group, user, cause }
            }
        }));
    }

    /// Notes that a socket has another user, under the hub's lock and before it enters groups as that one.
    pub(super) fn note_another_user(&self, socket: ConnectionId) {
        self.attendance.push([Move::Renamed(socket)]);
    }

    /// Notes that a socket has ended, under the hub's lock.
    pub(super) fn note_end(&self, state: &mut State, socket: ConnectionId, cause: PresenceCause) {
        self.note_steps(state, cause);
        self.attendance.push([Move::Ended(socket)]);
    }

    /// Ends what a socket may watch no longer, after its groups or its identity have changed. Under the
    /// hub's lock.
    pub(super) fn note_rights(&self, state: &mut State, socket: ConnectionId) {
        let Some(entry) = state.registry.get(socket) else {
            return;
        };
        if self.keeps_track() {
            self.attendance.push([Move::Allowed {
                socket,
                groups: state.registry.groups_of(socket).to_vec(),
                principal: entry.principal(),
            }]);
        }
    }

    /// Has a client's socket told of the members of the groups that it asks for, as far as its identity
    /// allows it. `beyond`: how many more it asked for than are looked at.
    pub(super) fn watch_by_identity(
        &self,
        entry: &Arc<SocketEntry>,
        groups: &[GroupId],
        beyond: usize,
    ) {
        if groups.is_empty() {
            return;
        }
        let state = self.state.lock();
        if state.registry.is_removed(entry.id) {
            return;
        }
        let principal = entry.principal();
        let own = state.registry.groups_of(entry.id);
        let may_watch = |group: &GroupId| {
            let has_right = own.contains(group) || principal.may_watch(group.as_str());
            has_right && self.may_have_members(group)
        };
        let (allowed, refused): (Vec<_>, Vec<_>) =
            groups.iter().partition(|group| may_watch(group));
        let watching = allowed.iter().map(|&group| Move::Watching {
            socket: entry.id,
            watcher: entry.clone(),
            group: group.clone(),
            watch: Watch::ByIdentity,
        });
        self.attendance.push(watching);
        self.attendance
            .push([Move::NotWatched((refused.len() + beyond) as u64)]);
        drop(state);
        self.attend();
        let is_heard = |group: &&GroupId| self.attendance.is_heard(group.as_str());
        self.note_interest(!allowed.iter().all(is_heard));
    }

    /// Whether a socket may join a group of this name.
    fn may_have_members(&self, group: &GroupId) -> bool {
        group.as_str().len() <= self.name_limits.name
    }

    fn has_ended(&self, socket: ConnectionId) -> bool {
        self.state.lock().registry.is_removed(socket)
    }
}

impl Audience<Arc<SocketEntry>> for Hub {
    fn show(&self, watchers: &mut Vec<Arc<SocketEntry>>, frame: &Frame) {
        self.push_all(watchers, frame);
    }

    fn report(&self, partition: u8, report: &MemberReport) {
        let node = self.cluster.node();
        if node.is_some_and(|node| !node.report_members(partition, report)) {
            tracing::debug!(
                partition,
                "the other nodes were not told of members, and will ask for them"
            );
        }
    }

    fn want(&self, node: u64, partitions: u64) {
        if let Some(own) = self.cluster.node() {
            own.want_members(node, partitions);
        }
    }

    fn presence_hook_panicked(&self) {
        self.panicked("a function of `on_presence`");
    }
}
