//! A table whose clock stands still unless it is told to go on.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    config::{PresenceRule, PresenceRules},
    hub::{
        cluster::MemberNews,
        presence::{
            change::{PresenceCause, PresenceChange},
            info::Info,
            moves::{Move, Watch},
            table::Table,
            view::Presence,
        },
    },
    protocol::ConnectionId,
};

pub(super) const LOBBY: &str = "lobby";

/// A table whose clock stands still unless it is told to go on.
pub(super) struct Clock {
    pub(super) table: Table<u64>,
    pub(super) now: Instant,
}

impl Clock {
    pub(super) fn new(rule: PresenceRule) -> Self {
        let mut rules = PresenceRules::default();
        rules.add(rule);
        let mut table = Table::new(1, Arc::new(rules), 256);
        table.has_hooks = true;
        let now = Instant::now();
        Self { table, now }
    }

    pub(super) fn lobby() -> Self {
        Self::new(PresenceRule::group(LOBBY).list_up_to(8))
    }

    pub(super) fn apply(&mut self, happened: Move<u64>) {
        self.table.apply(happened, self.now);
    }

    pub(super) fn learn(&mut self, news: MemberNews) {
        assert!(self.table.learn(news, self.now), "it is of this cluster");
    }

    pub(super) fn enter(&mut self, user: &str, socket: u64) {
        self.apply(Move::Entered {
            group: LOBBY.into(),
            user: user.into(),
            socket: id(socket),
        });
    }

    pub(super) fn leave(&mut self, user: &str, cause: PresenceCause) {
        self.apply(Move::Left {
            group: LOBBY.into(),
            user: user.into(),
            cause,
        });
    }

    pub(super) fn say(&mut self, user: &str, socket: u64, text: &str) {
        self.apply(Move::Said {
            socket: id(socket),
            user: user.into(),
            groups: vec![LOBBY.into()],
            info: Info::of(&text).expect("it fits"),
        });
    }

    pub(super) fn watch(&mut self, socket: u64) {
        self.watch_as(socket, LOBBY, Watch::ByApplication);
    }

    pub(super) fn watch_as(&mut self, socket: u64, group: &str, watch: Watch) {
        self.apply(Move::Watching {
            socket: id(socket),
            watcher: socket,
            group: group.into(),
            watch,
        });
    }

    /// Returns the lobby's members, with all their names.
    pub(super) fn view(&self) -> Presence {
        self.table.view(LOBBY, usize::MAX).expect("a rule")
    }

    /// Returns what is said of the first member.
    pub(super) fn said(&self) -> Option<String> {
        self.view().members[0].parse_info().expect("a text")
    }

    pub(super) fn wait(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// Returns the frames that are due now, each with the watchers that get it.
    pub(super) fn frames(&mut self) -> Vec<(Vec<u64>, Value)> {
        let told = self.table.tick(self.now);
        let frames = told.into_iter().map(|one| {
            let mut watchers = self.table.watchers(&one.group, &one.watchers);
            watchers.sort_unstable();
            let mut frame: Value = serde_json::from_slice(one.frame.payload()).expect("JSON");
            let frame = frame.as_object_mut().expect("an object");
            assert_eq!(frame.remove("action"), Some(json!("__presence")));
            assert_eq!(frame.remove("groupId"), Some(json!(LOBBY)));
            (watchers, Value::Object(frame.clone()))
        });
        frames.collect()
    }

    /// Returns what the application is told now, in short.
    pub(super) fn changes(&mut self) -> Vec<String> {
        let told = self.table.tick(self.now);
        assert_eq!(told.len(), 0, "{told:?}");
        let changes = self.table.take_changes().into_iter();
        let changes = changes.map(|change| match change {
            PresenceChange::Joined { user, .. } => format!("+{user}"),
            PresenceChange::Left { user, cause, .. } => format!("-{user} {cause}"),
        });
        changes.collect()
    }

    /// Does all that will ever be due, and says when the last of it was.
    pub(super) fn run_down(&mut self) {
        for _ in 0..1_000 {
            let Some(due) = self.table.deadline(self.now) else {
                return;
            };
            self.now = self.now.max(due);
            self.table.tick(self.now);
            self.table.take_changes();
        }
        panic!("something is due again and again");
    }
}

pub(super) fn id(socket: u64) -> ConnectionId {
    ConnectionId::new(1, socket)
}

pub(super) fn users(names: &[&str]) -> Value {
    let users = names.iter().map(|name| json!({ "userId": name }));
    users.collect()
}
