//! A client: what it has, and what it should have.

use std::{
    collections::BTreeMap,
    sync::Arc,
    task::{Context, Waker},
};

use serde_json::Value;
use tokio::{
    task::yield_now,
    time::{Duration, sleep},
};

use super::wire::{Own, Wire, frames};
use crate::{
    hub::{
        Asked, Drained, Hub, Identity, Registration, User, delivery::TURNS_TO_GATHER,
        resuming::Gated,
    },
    protocol::{CloseReason, Position, StreamRef},
};

/// Who the clients are: their users, and whether they follow the values.
pub(super) const CLIENTS: [(&str, bool); 3] = [("ann", true), ("bob", true), ("bob", false)];

pub(super) const LOBBY: &str = "lobby";
pub(super) const VALUES: &str = "value:1";

/// A group that the application adds open sockets to, and from then on those of the same client.
pub(super) const ROOM: &str = "room";

/// A flusher holds no message back for longer.
const LONGEST_HOLD: Duration = Duration::from_millis(25);

pub(super) struct Client {
    user: &'static str,
    /// By the names that a client is told.
    streams: BTreeMap<&'static str, Followed>,
    is_in_room: bool,
    link: Option<Link>,
}

/// A stream as one client knows it, and what it should know.
#[derive(Debug, Default)]
struct Followed {
    /// What its positions begin with.
    hash: String,
    /// Whether only the newest message counts.
    are_values: bool,
    /// What the client goes on from.
    position: Option<String>,
    /// Whether it had a position when the socket opened.
    was_asked: bool,
    /// The epoch and offset of the last message that the page was told.
    told: Option<(u64, u64)>,
    /// The messages that were published to this client, in their order.
    sent: Vec<u64>,
    /// How many of them it has or may lack.
    had: usize,
    /// How many of them it may lack, because it was told so or was not there yet.
    excused: usize,
    /// How many of them there were when the open socket was caught up.
    at_resume: usize,
}

struct Link {
    registration: Registration,
    wire: Arc<Wire>,
    gated: Option<Gated>,
}

impl Client {
    pub(super) fn new(hub: &Hub, user: &'static str, follows: bool) -> Self {
        let kept = hub.history.as_ref().expect("there are rules");
        let followed = |stream| Followed {
            hash: format!("{:x}.", kept.hash_of(stream)),
            are_values: stream == StreamRef::Group(VALUES),
            ..Followed::default()
        };
        let mut streams = BTreeMap::from([
            (LOBBY, followed(StreamRef::Group(LOBBY))),
            (ROOM, followed(StreamRef::Group(ROOM))),
            ("__user", followed(StreamRef::User(user))),
            ("__all", followed(StreamRef::All)),
        ]);
        if follows {
            streams.insert(VALUES, followed(StreamRef::Group(VALUES)));
        }
        Self {
            user,
            streams,
            is_in_room: false,
            link: None,
        }
    }

    /// Notes that a message is published to the client, if it is in the stream.
    pub(super) fn expect(&mut self, stream: &str, number: u64) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.sent.push(number);
        }
    }

    /// Checks what must hold in the end.
    pub(super) fn is_there_and_whole(&self) {
        assert!(
            self.link.is_some(),
            "{} is slow although it reads",
            self.user
        );
        self.check_whole();
    }

    pub(super) fn connect(&mut self, hub: &Arc<Hub>) {
        if self.link.is_some() {
            return;
        }
        let mut identity = Identity::user(self.user).group(LOBBY);
        if self.streams.contains_key(VALUES) {
            identity = identity.group(VALUES);
        }
        if self.is_in_room {
            identity = identity.group(ROOM);
        }
        let registration = hub.register(identity, User::Verified);
        let registration = registration.expect("room in the hub");
        for stream in self.streams.values_mut() {
            stream.was_asked = stream.position.is_some();
            if !stream.was_asked {
                stream.excused = stream.sent.len();
            }
        }
        let positions = self.streams.values();
        let positions = positions.filter_map(|stream| stream.position.as_ref());
        let gated = registration.activate_gated(Asked::read(positions));
        self.link = Some(Link {
            registration,
            wire: Arc::default(),
            gated: Some(gated),
        });
    }

    /// Adds the open socket to the room.
    pub(super) fn enter(&mut self, hub: &Hub) {
        let Some(link) = &self.link else { return };
        if !self.is_in_room && hub.join(link.registration.entry().id, ROOM).is_ok() {
            self.is_in_room = true;
            if let Some(room) = self.streams.get_mut(ROOM) {
                room.excused = room.sent.len();
            }
        }
    }

    pub(super) fn resume(&mut self) {
        let Some(link) = &mut self.link else { return };
        if let Some(gated) = link.gated.take() {
            for stream in self.streams.values_mut() {
                stream.at_resume = stream.sent.len();
            }
            link.registration.resume(gated);
            link.registration.attach(link.wire.clone());
        }
    }

    pub(super) fn stall(&mut self) {
        if let Some(link) = &self.link {
            link.wire.stall(true);
        }
    }

    pub(super) fn close(&mut self, hub: &Hub) {
        if let Some(link) = &self.link {
            hub.close(link.registration.entry().id, &CloseReason::NORMAL);
        }
    }

    pub(super) async fn come_back(&mut self, hub: &Arc<Hub>) {
        self.connect(hub);
        self.resume();
        self.read().await;
    }

    pub(super) fn cut(&mut self) {
        self.link = None;
    }

    /// Reads all that there is.
    pub(super) async fn read(&mut self) {
        let Some(link) = &self.link else { return };
        link.wire.stall(false);
        let mut is_closed = link.rest();
        for _ in 0..2 * TURNS_TO_GATHER {
            yield_now().await;
        }
        // A flusher may hold a message back for others that it expects.
        sleep(LONGEST_HOLD).await;
        is_closed |= link.rest();
        let (is_gated, bytes) = (link.gated.is_some(), link.wire.take());
        for frame in frames(&bytes) {
            let frame: Value = serde_json::from_slice(frame).expect("JSON");
            self.take(&frame);
        }
        if is_closed {
            self.cut();
        } else if !is_gated {
            self.check_whole();
        }
    }

    fn take(&mut self, frame: &Value) {
        if frame["action"] == "__resumed" {
            let streams = frame["streams"].as_object().expect("an object");
            assert!(!streams.is_empty(), "{frame}");
            assert_eq!(frame.get("refused"), None, "{frame}");
            for (name, told) in streams {
                let stream = self.streams.get_mut(name.as_str());
                stream.expect("a stream of the client's").be_told(told);
            }
            return;
        }
        let position = frame["__position"].as_str().expect("a position");
        let streams = self.streams.values_mut();
        let mut of_it = streams.filter(|stream| position.starts_with(&stream.hash));
        let stream = of_it.next().expect("a stream of the client's");
        let number = frame["action"].as_str().expect("a text");
        stream.read(position, number.parse().expect("a number"));
    }

    /// Checks that the client, which has read all, lacks nothing that it was not told of, and can come again.
    fn check_whole(&self) {
        let is_in = |name: &str| self.is_in_room || name != ROOM;
        for (name, stream) in self.streams.iter().filter(|(name, _)| is_in(name)) {
            assert!(stream.position.is_some(), "{} in {name}", self.user);
            let known = stream.had.max(stream.excused);
            assert_eq!(
                known,
                stream.sent.len(),
                "{} in {name}: {stream:?}",
                self.user
            );
        }
    }
}

impl Followed {
    /// As the browser client does.
    fn be_told(&mut self, told: &Value) {
        let position = told["position"].as_str();
        let is_recovered = told["recovered"] == true;
        if !is_recovered {
            let excused = position.map_or(self.sent.len(), |_| self.at_resume);
            self.excused = self.excused.max(excused);
        }
        if let Some(position) = position {
            if !is_recovered || told["missed"] == 0 {
                self.position = Some(position.to_owned());
            }
        }
    }

    fn read(&mut self, position: &str, number: u64) {
        self.position = Some(position.to_owned());
        let position: Position = position.parse().expect("a position");
        let place = (position.epoch(), position.offset());
        if self
            .told
            .is_some_and(|(epoch, offset)| epoch == place.0 && place.1 <= offset)
        {
            panic!("{number} comes twice: {self:?}");
        }
        self.told = Some(place);
        let index = self.sent.iter().position(|&sent| sent == number);
        let index = index.unwrap_or_else(|| panic!("{number} is not for it: {self:?}"));
        assert!(index >= self.had, "{number} comes late or twice: {self:?}");
        let may_skip = self.are_values || index <= self.excused;
        assert!(
            index == self.had || may_skip,
            "{number} comes too early: {self:?}"
        );
        self.had = index + 1;
    }
}

impl Link {
    /// Does what the socket's task does. Returns whether the socket is closed.
    fn rest(&self) -> bool {
        let outbox = self.registration.outbox();
        outbox.attend(&mut Context::from_waker(Waker::noop()));
        match outbox.drain(&mut Own(&self.wire)) {
            Ok(Drained::Closed) => return true,
            Ok(Drained::Reattach) => self.registration.reattach(),
            Ok(Drained::Empty | Drained::Blocked) => {}
            Err(error) => panic!("{error}"),
        }
        false
    }
}
