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
    events: Events,
    buffer: Vec<u8>,
    receivers: Vec<Receiver>,
    _others: Vec<net::TcpStream>,
    publisher: Publisher,
    answered: u64,
    progress: Progress,
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
            events: Events::with_capacity(1024),
            buffer: vec![0; 512 * 1024],
            progress: Progress::new(receivers.len()),
            receivers,
            _others: sockets.others,
            answered: 0,
            cell,
        })
    }

    /// Publishes as many as may be in flight: those that came free together leave together.
    fn publish(&mut self, end: u64) -> Result<()> {
        let complete = self.progress.received().min(self.answered);
        let end = end.min(complete + self.cell.window as u64);
        let group = match self.cell.kind {
            Kind::Group(_) => Some("ten"),
            _ => None,
        };
        if self.progress.published() == end {
            return Ok(());
        }
        let from = self.progress.published();
        for number in from..end {
            let json = message::write(number, self.cell.bytes, group);
            self.publisher.publish(&json);
        }
        let now = Instant::now();
        for _ in from..end {
            self.progress.publish(now);
        }
        self.publisher.flush()
    }

    fn receive(&mut self) -> Result<()> {
        self.poll.poll(&mut self.events, Some(PATIENCE))?;
        if self.events.is_empty() {
            return Err(format!(
                "nothing came for {PATIENCE:?}: {} messages were published, {} answered, and {} \
                 have reached all sockets",
                self.progress.published(),
                self.answered,
                self.progress.received()
            )
            .into());
        }
        for event in &self.events {
            match event.token() {
                PUBLISHER => {
                    self.publisher.flush()?;
                    self.answered += self.publisher.answers(&mut self.buffer)?;
                }
                Token(index) => {
                    let progress = &mut self.progress;
                    self.receivers[index].read(&mut self.buffer, |text| {
                        let number = message::number(text).ok_or("a message without a number")?;
                        progress.receive(index, number)
                    })?;
                }
            }
        }
        Ok(())
    }
}

impl Exercise for FanOut {
    fn run(&mut self, messages: u64) -> Result<Run> {
        let begun = Instant::now();
        let end = self.progress.published() + messages;
        while self.progress.received().min(self.answered) < end {
            self.publish(end)?;
            self.receive()?;
        }
        Ok(Run::new(begun.elapsed(), self.progress.take_latencies()))
    }
}

const PUBLISHER: Token = Token(usize::MAX - 1);
const PATIENCE: Duration = Duration::from_secs(20);
