//! The loads that are measured.

use std::{fmt, str::FromStr};

/// One load: how many sockets, how long the messages, how many of them in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) sockets: usize,
    pub(crate) bytes: usize,
    pub(crate) window: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Every socket gets every message.
    All,
    /// So many of the sockets are a group, and only they get the messages.
    Group(usize),
    /// So many further sockets are connected and read nothing.
    Stalled(usize),
    /// The sockets send messages, and each gets an answer of its own.
    Inbound,
}

impl Cell {
    /// How many sockets get each message.
    pub(crate) fn receivers(&self) -> usize {
        match self.kind {
            Kind::All | Kind::Stalled(_) => self.sockets,
            Kind::Group(members) => members,
            Kind::Inbound => 1,
        }
    }

    /// How many messages make about so many deliveries, within what takes a sensible time.
    pub(crate) fn messages(&self, deliveries: u64) -> u64 {
        if let Kind::Stalled(_) = self.kind {
            // More would fill the stalled sockets' queues, and closed sockets cost nothing.
            return STALLED_MESSAGES;
        }
        // With several in flight a delivery costs a fraction, and a short run is only noise.
        let times = if self.window == 1 { 1 } else { 4 };
        let several_windows = 20 * self.window as u64;
        let messages = times * deliveries / self.receivers() as u64;
        messages.max(several_windows).min(MOST_MESSAGES)
    }

    /// How many messages go before the measured ones.
    pub(crate) fn warm_up(&self, messages: u64) -> u64 {
        match self.kind {
            // Fills what the kernel holds for a peer that reads nothing.
            Kind::Stalled(_) => STALLED_MESSAGES / 2,
            _ => (messages / 10).max(self.window as u64),
        }
    }

    pub(crate) const QUICK: [Self; 2] = [Self::new(1_000, 128, 1), Self::new(1_000, 128, 32)];

    pub(crate) const ALL: [Self; 14] = [
        Self::new(1_000, 128, 1),
        Self::new(1_000, 128, 32),
        Self::new(1_000, 4_096, 1),
        Self::new(1_000, 4_096, 32),
        Self::new(10_000, 128, 1),
        Self::new(10_000, 128, 32),
        Self::new(10_000, 4_096, 1),
        Self::new(10_000, 4_096, 32),
        Self::new(10, 128, 1),
        Self::new(1_000, 128, 1).kind(Kind::Group(10)),
        Self::new(10_000, 128, 1).kind(Kind::Group(10)),
        Self::new(1_000, 4_096, 1).kind(Kind::Stalled(50)),
        Self::new(1_000, 128, 1).kind(Kind::Inbound),
        Self::new(1_000, 128, 32).kind(Kind::Inbound),
    ];

    const fn new(sockets: usize, bytes: usize, window: usize) -> Self {
        Self {
            sockets,
            bytes,
            window,
            kind: Kind::All,
        }
    }

    const fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(',');
        let mut number = |what| {
            let word = words.next().unwrap_or_default();
            match word.parse() {
                Ok(0) | Err(_) => Err(format!("{word:?} is not a number of {what}")),
                Ok(number) => Ok(number),
            }
        };
        let cell = Self::new(number("sockets")?, number("bytes")?, number("messages")?);
        let kind = match words
            .next()
            .map(|word| word.split_once('=').unwrap_or((word, "")))
        {
            None => Kind::All,
            Some(("inbound", "")) => Kind::Inbound,
            Some(("group", n)) => Kind::Group(
                n.parse()
                    .map_err(|_| "the size of the group is not a number")?,
            ),
            Some(("stalled", n)) => Kind::Stalled(
                n.parse()
                    .map_err(|_| "the number of stalled sockets is not a number")?,
            ),
            Some((word, _)) => return Err(format!("{word:?} is not a kind of cell")),
        };
        Ok(cell.kind(kind))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.sockets, self.bytes, self.window)?;
        match self.kind {
            Kind::All => Ok(()),
            Kind::Group(members) => write!(f, ",group={members}"),
            Kind::Stalled(peers) => write!(f, ",stalled={peers}"),
            Kind::Inbound => f.write_str(",inbound"),
        }
    }
}

/// Of 4 KiB each they stay below a queue of 1 MiB, warm-up included.
const STALLED_MESSAGES: u64 = 160;
const MOST_MESSAGES: u64 = 50_000;
