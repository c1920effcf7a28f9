//! The broker in memory: its ports, their faults, and the links that are open on them.

use std::{
    collections::{HashSet, VecDeque},
    mem,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, futures::OwnedNotified, oneshot},
    time::Instant,
};

use crate::{
    backplane::{
        command::{Arrival, Command},
        prefix::Prefix,
        topic::Topic,
    },
    sync::Mutex,
};

/// The broker that several nodes share.
#[derive(Debug, Default)]
pub(super) struct Broker(Mutex<Vec<Weak<Mutex<Port>>>>);

impl Broker {
    pub(super) fn add_port(&self) -> Arc<Mutex<Port>> {
        let port = Arc::new(Mutex::new(Port::default()));
        self.0.lock().push(Arc::downgrade(&port));
        port
    }

    /// Hands a message to all links that are subscribed to the channel.
    fn publish(&self, channel: &str, payload: &Bytes) {
        let mut ports = self.0.lock();
        ports.retain(|port| port.strong_count() > 0);
        let ports = ports.clone();
        for port in ports.iter().filter_map(Weak::upgrade) {
            port.lock().take(channel, payload);
        }
    }
}

/// One node's way to the broker.
#[derive(Debug, Default)]
pub(super) struct Port {
    links: Vec<Weak<MemoryLink>>,
    /// What was sent while the broker was frozen.
    held: Vec<Held>,
    delay: Duration,
    is_cut: bool,
    is_frozen: bool,
    is_mute: bool,
    is_deaf: bool,
    changed: Arc<Notify>,
}

/// Commands of a link, and who waits for their confirmation.
#[derive(Debug)]
struct Held(Arc<MemoryLink>, Vec<Command>, oneshot::Sender<()>);

impl Port {
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// Waits until a fault begins or ends, or something arrives.
    pub(super) fn changed(&self) -> OwnedNotified {
        self.changed.clone().notified_owned()
    }

    pub(super) fn notify(&self) {
        self.changed.notify_waiters();
    }

    pub(super) fn open(&mut self, prefix: &Prefix) -> Arc<MemoryLink> {
        self.links.retain(|link| link.strong_count() > 0);
        let link = Arc::new(MemoryLink {
            prefix: prefix.clone(),
            state: Mutex::default(),
        });
        self.links.push(Arc::downgrade(&link));
        link
    }

    pub(super) fn set_cut(&mut self) {
        self.is_cut = true;
        self.end_links();
    }

    pub(super) fn set_frozen(&mut self) {
        self.is_frozen = true;
        self.changed.notify_waiters();
    }

    pub(super) fn set_mute(&mut self) {
        self.is_mute = true;
    }

    pub(super) fn set_deaf(&mut self) {
        self.is_deaf = true;
    }

    pub(super) fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
    }

    pub(super) fn end_links(&mut self) {
        for link in mem::take(&mut self.links).iter().filter_map(Weak::upgrade) {
            link.end();
        }
        self.changed.notify_waiters();
    }

    /// Ends all faults, and returns what is to be executed now.
    pub(super) fn restore(&mut self) -> Vec<Execution> {
        self.delay = Duration::ZERO;
        (self.is_cut, self.is_frozen) = (false, false);
        (self.is_mute, self.is_deaf) = (false, false);
        self.changed.notify_waiters();
        let held = mem::take(&mut self.held).into_iter();
        held.map(|Held(link, commands, done)| Execution {
            link,
            commands,
            done: Some(done),
        })
        .collect()
    }

    /// Accepts commands of a link: to be executed at once, or once the broker answers again.
    pub(super) fn accept(&mut self, link: &Arc<MemoryLink>, commands: Vec<Command>) -> Accepted {
        if self.is_frozen {
            let (done, confirmed) = oneshot::channel();
            self.held.push(Held(link.clone(), commands, done));
            return Accepted::Held(confirmed);
        }
        let commands = if self.is_mute { Vec::new() } else { commands };
        Accepted::Now(Execution {
            link: link.clone(),
            commands,
            done: None,
        })
    }

    fn take(&mut self, channel: &str, payload: &Bytes) {
        if self.is_deaf {
            return;
        }
        let due = (!self.delay.is_zero()).then(|| Instant::now() + self.delay);
        for link in self.links.iter().filter_map(Weak::upgrade) {
            link.take(channel, payload, due);
        }
        self.changed.notify_waiters();
    }
}

/// What becomes of commands.
#[derive(Debug)]
pub(super) enum Accepted {
    Now(Execution),
    Held(oneshot::Receiver<()>),
}

/// Commands that the broker is about to execute.
#[derive(Debug)]
pub(super) struct Execution {
    link: Arc<MemoryLink>,
    commands: Vec<Command>,
    done: Option<oneshot::Sender<()>>,
}

impl Execution {
    /// Executes the commands. To be called without a lock.
    pub(super) fn run(self, broker: &Broker) {
        for command in self.commands {
            match command {
                Command::Subscribe(topic) => self.link.subscribe(topic),
                Command::Unsubscribe(topic) => self.link.unsubscribe(topic),
                Command::Publish(topic, payload) => {
                    broker.publish(&self.link.prefix.channel(topic), &payload);
                }
            }
        }
        if let Some(done) = self.done {
            // The link may have been given up meanwhile, as with a real broker.
            _ = done.send(());
        }
    }
}

/// What both halves of a link share.
#[derive(Debug)]
pub(super) struct MemoryLink {
    prefix: Prefix,
    state: Mutex<LinkState>,
}

#[derive(Debug, Default)]
struct LinkState {
    subscriptions: HashSet<String>,
    arrived: VecDeque<(Option<Instant>, Arrival)>,
    bytes: usize,
    is_over: bool,
}

/// What a receiver finds.
#[derive(Debug)]
pub(super) enum Next {
    Arrived(Arrival),
    /// Something is on its way, until then.
    Due(Instant),
    Nothing,
    Over,
}

impl MemoryLink {
    pub(super) fn is_over(&self) -> bool {
        self.state.lock().is_over
    }

    /// Ends the link. What arrived and was not taken is lost.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        *state = LinkState::default();
        state.is_over = true;
    }

    /// Takes the next message that has arrived.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state.lock();
        match state.arrived.front() {
            _ if state.is_over => Next::Over,
            Some(&(Some(due), _)) if due > Instant::now() => Next::Due(due),
            Some(_) => {
                let (_, arrival) = state.arrived.pop_front().expect("one is at the front");
                state.bytes -= arrival.payload.len();
                Next::Arrived(arrival)
            }
            None => Next::Nothing,
        }
    }

    fn subscribe(&self, topic: Topic) {
        let channel = self.prefix.channel(topic);
        self.state.lock().subscriptions.insert(channel.into_owned());
    }

    fn unsubscribe(&self, topic: Topic) {
        let channel = self.prefix.channel(topic);
        self.state.lock().subscriptions.remove(&*channel);
    }

    fn take(&self, channel: &str, payload: &Bytes, due: Option<Instant>) {
        let Some(topic) = self.prefix.topic(channel) else {
            return;
        };
        let mut state = self.state.lock();
        if state.is_over || !state.subscriptions.contains(channel) {
            return;
        }
        state.bytes += payload.len();
        let arrival = Arrival::new(topic, payload.clone());
        state.arrived.push_back((due, arrival));
        if state.arrived.len() > MAX_ARRIVED || state.bytes > MAX_ARRIVED_BYTES {
            drop(state);
            self.end();
        }
    }
}

/// What may wait on a link before it is ended, as Redis does with slow subscribers.
const MAX_ARRIVED: usize = 65_536;
const MAX_ARRIVED_BYTES: usize = 32 << 20;
