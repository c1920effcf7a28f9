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
    /// Every socket gets every message; the next one leaves as soon as one has reached all.
    All,
    /// The same, but what came free while the client read leaves together.
    Lockstep,
    /// So many of the sockets are a group, and only they get the messages.
    Group(usize),
    /// So many of the sockets are of one user, and only they get the messages.
    User(usize),
    /// So many further sockets are connected and read nothing.
    Stalled(usize),
    /// The sockets send messages, and each gets an answer of its own.
    Inbound,
    /// The sockets stay idle; then as many again open, as far as the machine allows.
    Idle,
}

impl Cell {
    pub(crate) const fn new(sockets: usize, bytes: usize, window: usize) -> Self {
        Self {
            sockets,
            bytes,
            window,
            kind: Kind::All,
        }
    }

    pub(crate) const fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// How many sockets get each message.
    pub(crate) fn receivers(&self) -> usize {
        match self.kind {
            Kind::All | Kind::Lockstep | Kind::Stalled(_) | Kind::Idle => self.sockets,
            Kind::Group(members) | Kind::User(members) => members,
            Kind::Inbound => 1,
        }
    }

    /// Tells whether a socket gets the messages: the receivers are spread evenly over all sockets.
    pub(crate) fn is_receiver(&self, index: usize) -> bool {
        match self.kind {
            Kind::Group(members) | Kind::User(members) => {
                index * members % self.sockets < members && index < self.sockets
            }
            _ => true,
        }
    }

    /// How many messages make about so many deliveries, within what takes a sensible time.
    pub(crate) fn messages(&self, deliveries: u64) -> u64 {
        if let Kind::Stalled(_) = self.kind {
            // More would fill the stalled sockets' queues, and closed sockets cost nothing.
            return STALLED_MESSAGES;
        }
        let several_windows = 4 * self.window as u64;
        let messages = deliveries / self.receivers() as u64;
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
}

impl FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(',');
        let mut next = |what| number(words.next().unwrap_or_default(), what);
        let cell = Self::new(next("sockets")?, next("bytes")?, next("messages")?);
        let kind = match words.next() {
            None => Kind::All,
            Some(word) => match word.split_once('=').unwrap_or((word, "")) {
                ("lockstep", "") => Kind::Lockstep,
                ("group", n) => Kind::Group(number(n, "members")?),
                ("user", n) => Kind::User(number(n, "sockets of the user")?),
                ("stalled", n) => Kind::Stalled(number(n, "stalled sockets")?),
                ("inbound", "") => Kind::Inbound,
                ("idle", "") => Kind::Idle,
                _ => return Err(format!("{word:?} is not a kind of cell")),
            },
        };
        let cell = cell.kind(kind);
        if cell.receivers() > cell.sockets {
            return Err("more sockets get the messages than there are".to_owned());
        }
        Ok(cell)
    }
}

fn number(word: &str, what: &str) -> Result<usize, String> {
    match word.parse() {
        Ok(0) | Err(_) => Err(format!("{word:?} is not a number of {what}")),
        Ok(number) => Ok(number),
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{}", self.sockets, self.bytes, self.window)?;
        match self.kind {
            Kind::All => Ok(()),
            Kind::Lockstep => f.write_str(",lockstep"),
            Kind::Group(members) => write!(f, ",group={members}"),
            Kind::User(sockets) => write!(f, ",user={sockets}"),
            Kind::Stalled(peers) => write!(f, ",stalled={peers}"),
            Kind::Inbound => f.write_str(",inbound"),
            Kind::Idle => f.write_str(",idle"),
        }
    }
}

/// Of 4 KiB each they stay below a queue of 1 MiB, warm-up included.
const STALLED_MESSAGES: u64 = 160;
const MOST_MESSAGES: u64 = 50_000;
