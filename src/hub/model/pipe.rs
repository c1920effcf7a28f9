//! A connection whose reader makes room for what the hub has to say.

use std::{
    io::{self, IoSlice},
    sync::{Arc, PoisonError},
    task::{Context, Waker},
};

use shuttle::{
    sync::{Condvar, Mutex, MutexGuard},
    thread::{self, JoinHandle},
};

use crate::{
    hub::{SharedTransport, Transport},
    protocol::SocketMessage,
};

/// Both ends of a connection.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    room: usize,
    /// The socket's task, where it waits for room.
    writer: Option<Waker>,
    is_broken: bool,
}

impl Pipe {
    /// Makes room for so many bytes, one step after the other, and in the end for all; from a thread
    /// of its own.
    pub(super) fn read(self: &Arc<Self>, rooms: &'static [usize]) -> JoinHandle<()> {
        let pipe = self.clone();
        thread::spawn(move || {
            for &room in rooms {
                pipe.make_room(room);
            }
            pipe.make_room(usize::MAX / 2);
        })
    }

    /// Breaks the connection: the task finds out when it writes.
    pub(super) fn break_off(&self) {
        self.lock().is_broken = true;
        self.make_room(0);
    }

    /// Waits until so many messages have come whole, and returns the texts of all.
    pub(super) fn wait_for(&self, count: usize) -> Vec<String> {
        let mut state = self.lock();
        loop {
            let texts = texts(&state.bytes);
            if texts.len() >= count {
                return texts;
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The texts of all messages that came whole.
    pub(super) fn texts(&self) -> Vec<String> {
        texts(&self.lock().bytes)
    }

    /// Makes room for so many bytes more.
    pub(super) fn make_room(&self, room: usize) {
        let mut state = self.lock();
        state.room += room;
        let writer = state.writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
    }

    fn write(&self, slices: &[IoSlice<'_>], cx: Option<&Context<'_>>) -> io::Result<usize> {
        let mut state = self.lock();
        if state.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if state.room == 0 {
            if let Some(cx) = cx {
                state.writer = Some(cx.waker().clone());
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut written = 0;
        for slice in slices {
            let part = slice.len().min(state.room);
            state.bytes.extend_from_slice(&slice[..part]);
            state.room -= part;
            written += part;
        }
        drop(state);
        self.arrived.notify_all();
        Ok(written)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedTransport for Pipe {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(slices, None)
    }
}

/// The pipe as the socket's task writes to it: it is woken when there is room.
pub(super) struct Polled<'a, 'cx> {
    pub(super) pipe: &'a Pipe,
    pub(super) cx: &'a Context<'cx>,
}

impl Transport for Polled<'_, '_> {
    fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.pipe.write(slices, Some(self.cx))
    }

    fn try_flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads whole frames: messages, and a close frame at the end.
fn texts(mut bytes: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    while let Some((first, length, rest)) = head(bytes) {
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        bytes = rest;
        match first {
            0x81 => {
                let message = SocketMessage::from_slice(payload).expect("a whole message");
                texts.push(message.message);
            }
            0x88 => assert!(rest.is_empty(), "something follows the close frame"),
            first => panic!("a frame is torn: {first:02x}"),
        }
    }
    texts
}

fn head(bytes: &[u8]) -> Option<(u8, usize, &[u8])> {
    match *bytes {
        [first, 126, high, low, ref rest @ ..] => {
            Some((first, usize::from(u16::from_be_bytes([high, low])), rest))
        }
        [_, 126, ..] => None,
        [first, length, ref rest @ ..] => Some((first, usize::from(length), rest)),
        _ => None,
    }
}
