//! The load of messages from the sockets.

use std::time::Duration;

use mio::{Events, Poll};
use tokio::time::Instant;

use super::{connect::Sockets, exercise::Exercise, receiver::Receiver};
use crate::{cell::Cell, error::Result, frame::TEXT, message, run::Run};

/// Sockets that send, one message each until it is answered.
pub(super) struct Inbound {
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
    receivers: Vec<Receiver>,
    /// What each socket waits for, and since when.
    waiting: Vec<Option<(u64, Instant)>>,
    sent: u64,
    answered: u64,
    reads: u64,
    cell: Cell,
}

impl Inbound {
    pub(super) fn new(sockets: Sockets, cell: Cell) -> Result<Self> {
        if cell.window > cell.sockets {
            return Err("each socket has one message under way: too few sockets".into());
        }
        let poll = Poll::new()?;
        let mut receivers = sockets.receivers;
        for (index, receiver) in receivers.iter_mut().enumerate() {
            receiver.register(poll.registry(), index)?;
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            buffer: vec![0; 64 * 1024],
            waiting: vec![None; receivers.len()],
            receivers,
            sent: 0,
            answered: 0,
            reads: 0,
            cell,
        })
    }

    fn send(&mut self) -> Result<()> {
        // Answers may overtake each other, so the next socket in turn may still wait for its own.
        let mut index = usize::try_from(self.sent)? % self.receivers.len();
        while self.waiting[index].is_some() {
            index = (index + 1) % self.receivers.len();
        }
        let json = message::write(self.sent, self.cell);
        self.waiting[index] = Some((self.sent, Instant::now()));
        self.receivers[index].send(TEXT, json.as_bytes())?;
        self.sent += 1;
        Ok(())
    }

    fn receive(&mut self, latencies: &mut Vec<Duration>) -> Result<()> {
        self.poll.poll(&mut self.events, Some(PATIENCE))?;
        if self.events.is_empty() {
            return Err(format!("no answer came for {PATIENCE:?}").into());
        }
        for event in &self.events {
            let index = event.token().0;
            let waiting = &mut self.waiting[index];
            let answered = &mut self.answered;
            self.reads += self.receivers[index].read(&mut self.buffer, |text| {
                let number = message::number(text);
                match waiting.take() {
                    Some((expected, since)) if number == Some(expected) => {
                        latencies.push(since.elapsed());
                        *answered += 1;
                        Ok(())
                    }
                    _ => Err(format!("socket {index} got an answer to something else").into()),
                }
            })?;
        }
        Ok(())
    }
}

impl Exercise for Inbound {
    fn run(&mut self, messages: u64) -> Result<Run> {
        let begun = Instant::now();
        let end = self.sent + messages;
        let mut latencies = Vec::new();
        self.reads = 0;
        while self.answered < end {
            while self.sent < end && self.sent - self.answered < self.cell.window as u64 {
                self.send()?;
            }
            self.receive(&mut latencies)?;
        }
        Ok(Run::new(begun.elapsed(), latencies, self.reads))
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
