//! Members and watchers at random: each watcher comes to know what is true, with one frame a second.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde_json::Value;

use super::clock::{Clock, LOBBY, id};
use crate::{
    config::PresenceRule,
    hub::presence::{change::PresenceCause, moves::Move},
};

/// What a page makes of the frames that it gets, as the browser client does.
#[derive(Default)]
struct Page {
    /// `None` until the first frame.
    count: Option<u64>,
    /// `None` while there is no list.
    members: Option<BTreeMap<String, Value>>,
    /// Frames in the last second.
    last: Option<tokio::time::Instant>,
}

impl Page {
    fn take(&mut self, frame: &Value, now: tokio::time::Instant) {
        let is_soon = self
            .last
            .is_some_and(|last| now - last < Duration::from_secs(1));
        assert!(!is_soon, "two frames in a second: {frame}");
        self.last = Some(now);
        self.count = frame["count"].as_u64();
        let Some(joined) = frame["joined"].as_array() else {
            self.members = None;
            return;
        };
        if frame["reset"] == true {
            self.members = Some(BTreeMap::new());
        }
        let members = self.members.as_mut().expect("a list before its changes");
        for member in frame["left"].as_array().expect("a list") {
            let user = member["userId"].as_str().expect("a name");
            assert!(members.remove(user).is_some(), "it was listed: {frame}");
        }
        for member in joined {
            let user = member["userId"].as_str().expect("a name").to_owned();
            members.insert(user, member["info"].clone());
        }
    }
}

struct Storm {
    clock: Clock,
    random: u64,
    pages: HashMap<u64, Page>,
    /// The users of the sockets that are in the lobby.
    sockets: BTreeMap<u64, String>,
    next: u64,
}

impl Storm {
    fn random(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ mixed >> 27) % end
    }

    fn any_socket(&mut self) -> Option<(u64, String)> {
        let at = self.random(self.sockets.len().max(1) as u64) as usize;
        let (socket, user) = self.sockets.iter().nth(at)?;
        Some((*socket, user.clone()))
    }

    fn step(&mut self) {
        let user = match self.random(12) {
            0 => String::new(),
            at => format!("user{at}"),
        };
        self.next += 1;
        match self.random(100) {
            0..35 => {
                self.clock.enter(&user, self.next);
                self.sockets.insert(self.next, user);
            }
            35..70 => {
                if let Some((socket, user)) = self.any_socket() {
                    self.sockets.remove(&socket);
                    self.clock.leave(&user, PresenceCause::Closed);
                    self.clock.apply(Move::Ended(id(socket)));
                }
            }
            70..80 => {
                if let Some((socket, user)) = self.any_socket() {
                    let word = self.random(3).to_string();
                    self.clock.say(&user, socket, &word);
                }
            }
            80..85 => {
                let page = 1_000_000 + self.random(4);
                self.clock.watch(page);
                // It is told of all again, whenever it was told last.
                self.pages.insert(page, Page::default());
            }
            85..88 => {
                let page = 1_000_000 + self.random(4);
                self.pages.remove(&page);
                let group = LOBBY.into();
                let socket = id(page);
                self.clock.apply(Move::Unwatching { socket, group });
            }
            _ => {}
        }
        let pause = match self.random(10) {
            0 => 3_000,
            1..4 => 300,
            _ => 0,
        };
        self.go_on(pause);
    }

    fn go_on(&mut self, millis: u64) {
        let end = self.clock.now + Duration::from_millis(millis);
        loop {
            self.show();
            self.clock.table.take_changes();
            let due = self.clock.table.deadline(self.clock.now);
            match due.filter(|due| *due <= end) {
                Some(due) => self.clock.now = self.clock.now.max(due),
                None => break,
            }
        }
        self.clock.now = end;
    }

    fn show(&mut self) {
        for (watchers, frame) in self.clock.frames() {
            for watcher in watchers {
                let page = self.pages.get_mut(&watcher).expect("it watches");
                page.take(&frame, self.clock.now);
            }
        }
    }

    fn check(&self, seed: u64, list_up_to: usize) {
        let view = self.clock.view();
        let sockets = view
            .members
            .iter()
            .map(|member| member.sockets)
            .sum::<usize>();
        let nameless = self.sockets.values().filter(|user| user.is_empty()).count();
        assert_eq!(sockets + nameless, self.sockets.len(), "{seed}");
        assert_eq!(view.sockets, self.sockets.len(), "{seed}");
        assert_eq!(view.count, view.users + nameless, "{seed}");
        let members = view.members.iter().map(|member| {
            let info = member
                .info()
                .map(|info| serde_json::from_str(info).expect("JSON"));
            (member.user.to_string(), info.unwrap_or(Value::Null))
        });
        let members: BTreeMap<_, _> = members.collect();
        for page in self.pages.values() {
            assert_eq!(page.count, Some(view.count as u64), "{seed}");
            if let Some(listed) = &page.members {
                assert_eq!(*listed, members, "{seed}");
                assert!(members.len() <= list_up_to, "{seed}");
            } else {
                assert!(members.len() > list_up_to - list_up_to / 8, "{seed}");
            }
        }
    }
}

#[test]
fn each_watcher_comes_to_know_what_is_true() {
    for seed in 0..400 {
        let list_up_to = [0, 1, 4, 8][seed as usize % 4];
        let grace = Duration::from_millis([0, 700, 2_500][seed as usize % 3]);
        let rule = PresenceRule::group(LOBBY).list_up_to(list_up_to);
        let mut storm = Storm {
            clock: Clock::new(rule.leave_after(grace)),
            random: seed,
            pages: HashMap::new(),
            sockets: BTreeMap::new(),
            next: 0,
        };
        for _ in 0..300 {
            storm.step();
            if storm.random(50) == 0 {
                storm.go_on(10_000);
                storm.check(seed, list_up_to);
            }
        }
        for (_, user) in std::mem::take(&mut storm.sockets) {
            storm.clock.leave(&user, PresenceCause::Closed);
        }
        storm.go_on(10_000);
        storm.check(seed, list_up_to);
        for page in std::mem::take(&mut storm.pages).into_keys() {
            storm.clock.apply(Move::Ended(id(page)));
        }
        storm.clock.run_down();
        assert!(storm.clock.table.groups.is_empty(), "{seed}");
    }
}
