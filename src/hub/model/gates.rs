//! A gate that opens while others publish: what is kept of a stream comes once and in order.

use std::sync::{Arc, PoisonError};

use shuttle::{
    sync::Mutex,
    thread::{self, JoinHandle},
};

use super::{
    check_end, explore, hub, message, numbers,
    socket::{Socket, Target},
};
use crate::{
    config::Config,
    frame::{Frame, StreamMark},
    hub::{
        Hub, SocketEntry,
        delivery::{Awaited, Opening},
    },
    protocol::CloseReason,
};

/// A stream as its publishers and those who resume it share it: what it holds, and who is served under
/// its lock.
#[derive(Default)]
struct Stream {
    frames: Vec<Frame>,
    members: Vec<Arc<SocketEntry>>,
}

#[derive(Debug)]
struct Patient;

impl Awaited for Patient {
    fn give_up(&self) -> Frame {
        panic!("all that waits has room");
    }
}

fn mark(offset: usize) -> StreamMark {
    StreamMark {
        stream: 7,
        epoch: 1,
        offset: offset as u64,
    }
}

fn lock(stream: &Mutex<Stream>) -> shuttle::sync::MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Publishes so many messages, each as the next one of the stream, and returns how many were queued.
fn publish(hub: &Hub, stream: &Mutex<Stream>, messages: usize) -> usize {
    let mut queued = 0;
    for _ in 0..messages {
        let mut stream = lock(stream);
        let number = stream.frames.len();
        let json = message('s', number, Target::All).encode();
        let frame = Frame::marked(mark(number + 1), 0, |out| out.extend_from_slice(&json));
        stream.frames.push(frame.clone());
        for member in &stream.members {
            hub.push(member, &frame);
            queued += 1;
        }
    }
    queued
}

fn publisher(hub: &Arc<Hub>, stream: &Arc<Mutex<Stream>>) -> JoinHandle<usize> {
    let (hub, stream) = (hub.clone(), stream.clone());
    thread::spawn(move || publish(&hub, &stream, 2))
}

/// Opens the gate of a socket that has the first message, and returns how many were replayed.
fn resume(hub: &Hub, stream: &Mutex<Stream>, entry: &Arc<SocketEntry>) -> usize {
    let replay = lock(stream).frames[1..].to_vec();
    let missed = replay.len();
    let first = Frame::message(&message('f', 0, Target::All));
    let opening = Opening {
        first,
        replay,
        seen: vec![mark(1)],
    };
    hub.open_gate(entry, opening);
    missed
}

/// Flushers may write to the socket before the gate opens, or only afterwards.
#[test]
fn what_a_stream_holds_comes_once_and_in_order() {
    explore(|| {
        let hub = hub(&Config::new());
        let stream = Arc::new(Mutex::new(Stream::default()));
        publish(&hub, &stream, 2);
        let publishers = [publisher(&hub, &stream), publisher(&hub, &stream)];
        let mut resuming = None;
        let socket = Socket::open_as(&hub, &[30, 1, 200, 3], |registration| {
            registration.outbox().shut_gate(Arc::new(Patient));
            registration.activate();
            let entry = registration.entry().clone();
            lock(&stream).members.push(entry.clone());
            let (hub, stream) = (hub.clone(), stream.clone());
            resuming = Some(thread::spawn(move || resume(&hub, &stream, &entry)));
        });
        let own = hub.broadcast(&message('o', 0, Target::All));
        assert_eq!(own.queued, 1);
        let texts = socket.pipe().wait_for(7);
        assert_eq!(texts[0], "f0");
        assert_eq!(numbers(&texts, 's'), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(&texts, 'o'), [0]);
        for publisher in publishers {
            publisher.join().expect("no panic");
        }
        resuming.map(JoinHandle::join);
        lock(&stream).members.clear();
        assert_eq!(hub.close(socket.id(), &CloseReason::NORMAL), 1);
        let (texts, undelivered) = socket.ended();
        assert_eq!((texts.len(), undelivered), (7, 0));
        check_end(&hub, 7, 0);
    });
}

/// What waits or was replayed is written or counted, whatever comes first.
#[test]
fn a_socket_that_closes_while_it_resumes_loses_nothing_uncounted() {
    explore(|| {
        let hub = hub(&Config::new());
        let stream = Arc::new(Mutex::new(Stream::default()));
        publish(&hub, &stream, 2);
        let mut resuming = None;
        let socket = Socket::open_as(&hub, &[100], |registration| {
            registration.outbox().shut_gate(Arc::new(Patient));
            registration.activate();
            let entry = registration.entry().clone();
            lock(&stream).members.push(entry.clone());
            let (hub, stream) = (hub.clone(), stream.clone());
            resuming = Some(thread::spawn(move || resume(&hub, &stream, &entry)));
        });
        let publisher = publisher(&hub, &stream);
        hub.close(socket.id(), &CloseReason::NORMAL);
        publisher.join().expect("no panic");
        resuming.map(JoinHandle::join);
        lock(&stream).members.clear();
        let (texts, undelivered) = socket.ended();
        let seen = numbers(&texts, 's');
        let first = texts.iter().filter(|text| *text == "f0").count();
        // Without the frame that tells what it missed it has nothing of the stream.
        assert!(first == 1 || seen.is_empty(), "{texts:?}");
        assert!(seen.iter().copied().eq(1..=seen.len()), "{texts:?}");
        check_end(&hub, texts.len() + undelivered as usize, 0);
        assert_eq!(hub.stats().undelivered, undelivered);
    });
}
