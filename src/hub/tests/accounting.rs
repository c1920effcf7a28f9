//! That every message is delivered, refused or counted as lost, whatever happens in which order, and
//! that nothing is written while a lock is held that all sockets share.

use std::{
    io::{self, IoSlice},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
};

use proptest::{array::uniform4, collection::vec, prelude::*};
use tokio::{runtime, task::yield_now};

use crate::{
    config::{Config, Overflow},
    frame::Frame,
    hub::{Drained, Hub, Identity, Push, Registration, SharedTransport, Transport, User},
    protocol::{CloseReason, SocketMessage},
    sync::Mutex,
};

const SOCKETS: usize = 4;
const QUEUE: usize = 600;

proptest! {
    #[test]
    fn every_message_is_accounted_for(
        overflow in overflow(),
        hub_bound in 400..3_000_usize,
        is_attached in uniform4(any::<bool>()),
        steps in vec(step(), 0..150),
    ) {
        let runtime = runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(overflow, hub_bound, is_attached, &steps))?;
    }
}

#[tokio::test]
async fn what_a_stream_took_before_it_panicked_is_not_charged() {
    struct Trap;

    impl Transport for Trap {
        fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(slices.iter().map(|slice| slice.len()).sum())
        }

        fn try_flush(&mut self) -> io::Result<()> {
            panic!("a stream of the host's own");
        }
    }

    let hub = Arc::new(Hub::new(&Config::new()));
    let registration = hub.register(Identity::anonymous(), User::Claimed);
    let registration = registration.expect("room in the hub");
    registration.activate();
    assert_eq!(hub.broadcast(&SocketMessage::new("one")).queued, 1);
    let drained = catch_unwind(AssertUnwindSafe(|| registration.outbox().drain(&mut Trap)));
    assert!(drained.is_err());
    drop(registration);
    let stats = hub.stats();
    assert_eq!((stats.messages_out, stats.undelivered), (1, 0));
    assert_eq!(stats.bytes_queued, 0);
}

#[derive(Clone, Debug)]
enum Step {
    ForAll(usize),
    ForSome(usize),
    Reply(usize, usize),
    Room(usize, usize),
    /// The socket's own task writes.
    Drain(usize),
    /// The flusher writes.
    Turn,
    Close(usize),
    CloseGroup,
    CloseAll,
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        Just(Overflow::Close),
        Just(Overflow::DropNewest),
        Just(Overflow::DropOldest),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let socket = 0..SOCKETS;
    prop_oneof![
        8 => (0..200_usize).prop_map(Step::ForAll),
        6 => (0..200_usize).prop_map(Step::ForSome),
        2 => (socket.clone(), 0..200_usize).prop_map(|(socket, length)| Step::Reply(socket, length)),
        6 => (socket.clone(), 0..900_usize).prop_map(|(socket, bytes)| Step::Room(socket, bytes)),
        6 => socket.clone().prop_map(Step::Drain),
        4 => Just(Step::Turn),
        1 => socket.prop_map(Step::Close),
        1 => prop_oneof![Just(Step::CloseGroup), Just(Step::CloseAll)],
    ]
}

async fn play(
    overflow: Overflow,
    hub_bound: usize,
    is_attached: [bool; SOCKETS],
    steps: &[Step],
) -> Result<(), TestCaseError> {
    let config = Config::new()
        .max_queue_bytes(QUEUE)
        .max_hub_queue_bytes(hub_bound)
        .overflow(overflow);
    let hub = Arc::new(Hub::new(&config));
    let sockets: Vec<_> = is_attached
        .iter()
        .map(|&it| Socket::open(&hub, it))
        .collect();
    let (mut queued, mut dropped, mut longest) = (0, 0, 0);
    for (number, step) in steps.iter().enumerate() {
        let message = |length| SocketMessage::new(format!("{number}")).text("x".repeat(length));
        match *step {
            Step::ForAll(length) | Step::ForSome(length) => {
                let mut message = message(length);
                if matches!(step, Step::ForSome(_)) {
                    message = message.to_group("some");
                }
                longest = longest.max(Frame::message(&message).cost());
                let report = hub.broadcast(&message);
                prop_assert_eq!(report.matched, report.queued + report.dropped);
                queued += report.queued as u64;
                dropped += report.dropped as u64;
            }
            Step::Reply(socket, length) => {
                let frame = Frame::message(&message(length));
                longest = longest.max(frame.cost());
                match hub.push(sockets[socket].registration.entry(), &frame) {
                    Push::Queued => queued += 1,
                    Push::Overflow => dropped += 1,
                    Push::Closed => {}
                    Push::Dropped => return Err(TestCaseError::fail("a dropped reply")),
                }
            }
            Step::Room(socket, bytes) => sockets[socket].pipe.taken.lock().room += bytes,
            Step::Drain(socket) => sockets[socket].drain(),
            Step::Turn => turn().await,
            Step::Close(socket) => {
                let id = sockets[socket].registration.entry().id;
                let was_open = hub.sockets().contains(&id);
                let closed = hub.close(id, &CloseReason::NORMAL);
                prop_assert_eq!(closed, usize::from(was_open));
            }
            Step::CloseGroup | Step::CloseAll => {
                let open = hub.len();
                let closed = match step {
                    Step::CloseGroup => hub.close_group("some", &CloseReason::NORMAL),
                    _ => hub.close_all(&CloseReason::NORMAL),
                };
                prop_assert_eq!((closed, hub.len()), (open, 0));
            }
        }
        // A socket that is detached brings along what it lacked of the log.
        let detached = is_attached
            .iter()
            .filter(|is_attached| **is_attached)
            .count()
            * QUEUE;
        let bound = hub_bound + SOCKETS * longest + detached;
        prop_assert!(hub.stats().bytes_queued <= bound);
    }

    let (mut delivered, mut undelivered) = (0, 0);
    for mut socket in sockets {
        undelivered += socket.registration.end(&CloseReason::LOST);
        let numbers = socket.delivered();
        prop_assert!(
            numbers.is_sorted_by(|one, next| one < next),
            "{:?}",
            numbers
        );
        delivered += numbers.len() as u64;
    }
    turn().await;
    let stats = hub.stats();
    prop_assert_eq!(delivered + undelivered, queued);
    prop_assert_eq!(stats.messages_out, delivered);
    prop_assert_eq!(stats.undelivered, undelivered);
    prop_assert_eq!(stats.dropped, dropped);
    prop_assert_eq!(stats.bytes_queued, 0);
    Ok(())
}

/// Lets the flusher go on until it waits.
async fn turn() {
    for _ in 0..20 {
        yield_now().await;
    }
}

struct Socket {
    registration: Registration,
    pipe: Arc<Pipe>,
}

impl Socket {
    fn open(hub: &Arc<Hub>, is_attached: bool) -> Self {
        let ann = Identity::user("ann").group("some");
        let registration = hub.register(ann, User::Claimed);
        let socket = Self {
            registration: registration.expect("room in the hub"),
            pipe: Arc::new(Pipe::new(hub)),
        };
        socket.registration.activate();
        if is_attached {
            socket.registration.attach(socket.pipe.clone());
        }
        socket.drain();
        socket
    }

    fn drain(&self) {
        let drained = self.registration.outbox().drain(&mut Own(&self.pipe));
        if drained.expect("a pipe does not break") == Drained::Reattach {
            self.registration.reattach();
        }
    }

    /// The numbers of the messages that came out whole.
    fn delivered(&self) -> Vec<usize> {
        let taken = &self.pipe.taken.lock().bytes;
        let mut rest = &taken[..];
        let mut numbers = Vec::new();
        while let [first, length, ..] = *rest {
            let (header, length) = match length {
                126 if rest.len() < 4 => break,
                126 => (4, usize::from(u16::from_be_bytes([rest[2], rest[3]]))),
                length => (2, usize::from(length)),
            };
            let Some(payload) = rest.get(header..header + length) else {
                break;
            };
            if first == 0x81 {
                let message: serde_json::Value =
                    serde_json::from_slice(payload).expect("a whole message");
                let number = message["action"].as_str().expect("an action").parse();
                numbers.push(number.expect("a number"));
            }
            rest = &rest[header + length..];
        }
        numbers
    }
}

/// Takes as many bytes as it has room for, and nothing under a lock that all sockets share. There is
/// one thread, so a lock that is taken is held by the one that writes.
#[derive(Debug)]
struct Pipe {
    taken: Mutex<Taken>,
    hub: Weak<Hub>,
}

#[derive(Debug, Default)]
struct Taken {
    room: usize,
    bytes: Vec<u8>,
}

impl Pipe {
    fn new(hub: &Arc<Hub>) -> Self {
        Self {
            taken: Mutex::default(),
            hub: Arc::downgrade(hub),
        }
    }
}

impl SharedTransport for Pipe {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let hub = self.hub.upgrade().expect("a hub outlives its sockets");
        assert!(
            hub.state.try_lock().is_some(),
            "written under the hub's lock"
        );
        assert!(hub.fanout.is_free(), "written under the fan-out's lock");
        let mut taken = self.taken.lock();
        let before = taken.bytes.len();
        for slice in slices {
            let take = slice.len().min(taken.room);
            taken.bytes.extend_from_slice(&slice[..take]);
            taken.room -= take;
        }
        match taken.bytes.len() - before {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }
}

/// The same, for the socket's task.
struct Own<'a>(&'a Pipe);

impl Transport for Own<'_> {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write(slices)
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
