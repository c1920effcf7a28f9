//! Clients that come and go at random: each has what was published to it, or was told of a gap.

use std::{
    collections::BTreeMap,
    io::{self, IoSlice},
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Waker},
    time::Duration,
};

use parking_lot::Mutex;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_oneof, proptest};
use serde_json::Value;
use tokio::{runtime, task::yield_now, time::advance};

use crate::{
    config::{Config, HistoryRule},
    hub::{
        Asked, Drained, Hub, Identity, Registration, SharedTransport, Transport, User,
        delivery::TURNS_TO_GATHER, resuming::Gated,
    },
    protocol::{CloseReason, Position, Recipient, SocketMessage, StreamRef},
};

/// Who the clients are: their users, and whether they follow the values.
const CLIENTS: [(&str, bool); 3] = [("ann", true), ("bob", true), ("bob", false)];

const LOBBY: &str = "lobby";
const VALUES: &str = "value:1";

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish {
        to: To,
        except: Except,
        size: usize,
    },
    /// Opens a socket, whose messages wait.
    Connect(usize),
    /// Lets it have what its client missed.
    Resume(usize),
    /// The client reads what there is.
    Read(usize),
    /// The client reads no more until it reads.
    Stall(usize),
    /// The connection ends, and with it what is under way.
    Cut(usize),
    /// The server closes the socket.
    Close(usize),
    /// The client comes again, if it is away, and reads.
    Return(usize),
    Wait(u64),
}

#[derive(Clone, Copy, Debug)]
enum To {
    Lobby,
    Values,
    User(usize),
    All,
}

#[derive(Clone, Copy, Debug)]
enum Except {
    None,
    User(usize),
    Followers,
}

/// How much room there is.
#[derive(Clone, Copy, Debug)]
struct Room {
    queue: usize,
    history: usize,
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS.len();
    let to = prop_oneof![
        3 => Just(To::Lobby),
        1 => Just(To::Values),
        1 => (0..CLIENTS.len()).prop_map(To::User),
        1 => Just(To::All),
    ];
    let except = prop_oneof![
        4 => Just(Except::None),
        1 => (0..CLIENTS.len()).prop_map(Except::User),
        1 => Just(Except::Followers),
    ];
    prop_oneof![
        8 => (to, except, 0_usize..400).prop_map(|(to, except, size)| Step::Publish { to, except, size }),
        2 => client.clone().prop_map(Step::Connect),
        2 => client.clone().prop_map(Step::Resume),
        3 => client.clone().prop_map(Step::Read),
        1 => client.clone().prop_map(Step::Stall),
        4 => client.clone().prop_map(Step::Cut),
        1 => client.clone().prop_map(Step::Close),
        4 => client.prop_map(Step::Return),
        1 => (1_u64..40).prop_map(Step::Wait),
    ]
}

fn room() -> impl Strategy<Value = Room> {
    let queue = prop_oneof![Just(2_500), Just(1_000_000)];
    let history = prop_oneof![1 => Just(6_000), 3 => Just(1_000_000)];
    (queue, history).prop_map(|(queue, history)| Room { queue, history })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn each_client_has_what_was_published_to_it_or_was_told_of_a_gap(
        room in room(),
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let runtime = runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new(room);
            for client in &mut world.clients {
                client.come_back(&world.hub).await;
            }
            for step in steps {
                world.take(step).await;
            }
            world.end().await;
        });
    }
}

struct World {
    hub: Arc<Hub>,
    clients: [Client; CLIENTS.len()],
    published: u64,
}

impl World {
    fn new(room: Room) -> Self {
        let rule = HistoryRule::group(LOBBY).messages(6);
        let config = Config::new()
            .max_queue_bytes(room.queue)
            .max_history_bytes(room.history)
            .history(rule.age(Duration::from_secs(30)))
            .history(HistoryRule::group("value:*").latest())
            .history(HistoryRule::users().messages(3))
            .history(HistoryRule::everybody().messages(3));
        let hub = Arc::new(Hub::new(&config));
        let streams = hub.history.as_ref().expect("there are rules");
        let clients = CLIENTS.map(|(user, follows)| {
            let followed = |stream| Followed {
                hash: format!("{:x}.", streams.hash_of(stream)),
                are_values: stream == StreamRef::Group(VALUES),
                ..Followed::default()
            };
            let mut all = BTreeMap::from([
                (LOBBY, followed(StreamRef::Group(LOBBY))),
                ("__user", followed(StreamRef::User(user))),
                ("__everybody", followed(StreamRef::Everybody)),
            ]);
            if follows {
                all.insert(VALUES, followed(StreamRef::Group(VALUES)));
            }
            Client {
                user,
                streams: all,
                link: None,
            }
        });
        Self {
            hub,
            clients,
            published: 0,
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Publish { to, except, size } => self.publish(to, except, size),
            Step::Connect(client) => self.clients[client].connect(&self.hub),
            Step::Resume(client) => self.clients[client].resume(),
            Step::Read(client) => self.clients[client].read().await,
            Step::Stall(client) => self.clients[client].stall(),
            Step::Cut(client) => self.clients[client].cut(),
            Step::Close(client) => self.clients[client].close(&self.hub),
            Step::Return(client) => self.clients[client].come_back(&self.hub).await,
            Step::Wait(seconds) => advance(Duration::from_secs(seconds)).await,
        }
    }

    fn publish(&mut self, to: To, except: Except, size: usize) {
        self.published += 1;
        let mut message = SocketMessage::new(self.published.to_string()).text("x".repeat(size));
        let (recipient, key) = match to {
            To::Lobby => (Recipient::group(LOBBY), LOBBY),
            To::Values => (Recipient::group(VALUES), VALUES),
            To::User(client) => (Recipient::user(CLIENTS[client].0), "__user"),
            To::All => (Recipient::all(), "__everybody"),
        };
        message.recipients.push(recipient);
        match except {
            Except::None => {}
            Except::User(client) => {
                let excluded = Recipient::all_but_user(CLIENTS[client].0);
                message.recipients.push(excluded);
            }
            Except::Followers => message.recipients.push(Recipient::all_but_group(VALUES)),
        }
        for (client, (user, follows)) in self.clients.iter_mut().zip(CLIENTS) {
            let is_excluded = match except {
                Except::None => false,
                Except::User(other) => CLIENTS[other].0 == user,
                Except::Followers => follows,
            };
            let is_users = !matches!(to, To::User(other) if CLIENTS[other].0 != user);
            if let Some(stream) = client.streams.get_mut(key) {
                if is_users && !is_excluded {
                    stream.sent.push(self.published);
                }
            }
        }
        let report = self.hub.broadcast(&message);
        assert!(report.position().is_some());
    }

    /// In the end each client is there and has read all.
    async fn end(&mut self) {
        for client in &mut self.clients {
            client.read().await;
            client.come_back(&self.hub).await;
            assert!(
                client.link.is_some(),
                "{} is slow although it reads",
                client.user
            );
            client.check_whole();
        }
    }
}

struct Client {
    user: &'static str,
    /// By the names that a client is told.
    streams: BTreeMap<&'static str, Followed>,
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
    fn connect(&mut self, hub: &Arc<Hub>) {
        if self.link.is_some() {
            return;
        }
        let mut identity = Identity::user(self.user).group(LOBBY);
        if self.streams.contains_key(VALUES) {
            identity = identity.group(VALUES);
        }
        let registration = hub.register(identity, User::Verified);
        let registration = registration.expect("room in the hub");
        for stream in self.streams.values_mut() {
            if stream.position.is_none() {
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

    fn resume(&mut self) {
        let Some(link) = &mut self.link else { return };
        if let Some(gated) = link.gated.take() {
            for stream in self.streams.values_mut() {
                stream.at_resume = stream.sent.len();
            }
            link.registration.resume(gated);
            link.registration.attach(link.wire.clone());
        }
    }

    fn stall(&mut self) {
        if let Some(link) = &self.link {
            link.wire.is_stalled.store(true, Relaxed);
        }
    }

    fn close(&mut self, hub: &Hub) {
        if let Some(link) = &self.link {
            hub.close(link.registration.entry().id, &CloseReason::NORMAL);
        }
    }

    async fn come_back(&mut self, hub: &Arc<Hub>) {
        self.connect(hub);
        self.resume();
        self.read().await;
    }

    fn cut(&mut self) {
        self.link = None;
    }

    /// Reads all that there is.
    async fn read(&mut self) {
        let Some(link) = &self.link else { return };
        link.wire.is_stalled.store(false, Relaxed);
        let mut is_closed = link.rest();
        for _ in 0..2 * TURNS_TO_GATHER {
            yield_now().await;
        }
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
            assert_eq!(streams.len(), self.streams.len(), "{frame}");
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

    /// Checks that the client, which has read all, lacks nothing that it was not told of.
    fn check_whole(&self) {
        for (name, stream) in &self.streams {
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

/// The client's end, as far as bytes have come.
#[derive(Debug, Default)]
struct Wire {
    bytes: Mutex<Vec<u8>>,
    is_stalled: AtomicBool,
}

impl Wire {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut self.bytes.lock())
    }
}

impl SharedTransport for Wire {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.is_stalled.load(Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut bytes = self.bytes.lock();
        let before = bytes.len();
        slices
            .iter()
            .for_each(|slice| bytes.extend_from_slice(slice));
        Ok(bytes.len() - before)
    }
}

/// The same, for the socket's own task.
struct Own<'a>(&'a Wire);

impl Transport for Own<'_> {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write(slices)
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the payloads of text frames.
fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let [first, length, rest @ ..] = bytes {
        let (length, rest) = match *length {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            length => (usize::from(length), rest),
        };
        if *first == 0x81 {
            frames.push(&rest[..length]);
        }
        bytes = &rest[length..];
    }
    frames
}
