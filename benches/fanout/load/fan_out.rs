//! The load of broadcasts.

use std::{net, time::Duration};

use mio::{Events, Poll, Token};
use tokio::time::Instant;

use super::{
    connect::Sockets, exercise::Exercise, progress::Progress, publisher::Publisher,
    receiver::Receiver,
};
use crate::{
    cell::{Cell, Kind},
    error::Result,
    message,
    run::Run,
};

/// One publisher, and sockets that check what they get.
pub(super) struct FanOut {
    poll: Poll,
    buffer: Vec<u8>,
    receivers: Vec<Receiver>,
    _others: Vec<net::TcpStream>,
    publisher: Publisher,
    answered: u64,
    progress: Progress,
    reads: u64,
    cell: Cell,
}

impl FanOut {
    pub(super) fn new(sockets: Sockets, cell: Cell, port: u16) -> Result<Self> {
        let poll = Poll::new()?;
        let mut receivers = sockets.receivers;
        for (index, receiver) in receivers.iter_mut().enumerate() {
            receiver.register(poll.registry(), index)?;
        }
        Ok(Self {
            publisher: Publisher::connect(port, poll.registry(), PUBLISHER)?,
            poll,
            buffer: vec![0; 512 * 1024],
            progress: Progress::new(receivers.len()),
            receivers,
            _others: sockets.others,
            answered: 0,
            reads: 0,
            cell,
        })
    }

    /// Sends each message that may be in flight as soon as another has reached all sockets.
    fn slide(&mut self, end: u64) -> Result<()> {
        let end = end.min(self.progress.received() + self.cell.window as u64);
        while self.progress.published() < end {
            self.publish();
            self.publisher.flush()?;
        }
        Ok(())
    }

    /// Sends together what came free together, once it was answered as well.
    fn step(&mut self, end: u64) -> Result<()> {
        let complete = self.progress.received().min(self.answered);
        let end = end.min(complete + self.cell.window as u64);
        while self.progress.published() < end {
            self.publish();
        }
        self.publisher.flush()
    }

    fn publish(&mut self) {
        let json = message::write(self.progress.published(), self.cell);
        self.publisher.publish(&json);
        self.progress.publish(Instant::now());
    }

    /// Waits until something arrives, and handles it.
    fn receive(&mut self, events: &mut Events, end: u64) -> Result<()> {
        self.poll.poll(events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err(format!(
                "nothing came for {PATIENCE:?}: {} messages were published, {} answered, and {} \
                 have reached all sockets",
                self.progress.published(),
                self.answered,
                self.progress.received()
            )
            .into());
        }
        for event in &*events {
            match event.token() {
                PUBLISHER => {
                    self.publisher.flush()?;
                    self.answered += self.publisher.answers(&mut self.buffer)?;
                }
                Token(index) => {
                    let progress = &mut self.progress;
                    self.reads += self.receivers[index].read(&mut self.buffer, |text| {
                        let number = message::number(text).ok_or("a message without a number")?;
                        progress.receive(index, number)
                    })?;
                    if self.slides() {
                        self.slide(end)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn slides(&self) -> bool {
        self.cell.kind != Kind::Lockstep
    }
}

impl Exercise for FanOut {
    fn run(&mut self, messages: u64) -> Result<Run> {
        let mut events = Events::with_capacity(1024);
        let begun = Instant::now();
        let end = self.progress.published() + messages;
        self.reads = 0;
        while self.progress.received().min(self.answered) < end {
            if self.slides() {
                self.slide(end)?;
            } else {
                self.step(end)?;
            }
            self.receive(&mut events, end)?;
        }
        let latencies = self.progress.take_latencies();
        Ok(Run::new(begun.elapsed(), latencies, self.reads))
    }
}

const PUBLISHER: Token = Token(usize::MAX - 1);
const PATIENCE: Duration = Duration::from_secs(20);
