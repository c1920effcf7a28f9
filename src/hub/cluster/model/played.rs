//! A node's sockets and its broker, as far as the model needs them.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;

use crate::{
    backplane::{
        Backplane, BackplaneError, BoxFuture, Command, Link, MemoryBackplane, Outlet, Topic,
    },
    frame::Frame,
    hub::cluster::{Counts, Local, MemberNews, MemberVersions, Placed, Question, Value},
    protocol::Recipient,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

/// A node's sockets: what they were sent, and the partitions that have one.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) interest: AtomicU64,
    texts: Mutex<Vec<String>>,
}

impl Sockets {
    pub(super) fn texts(&self) -> Vec<String> {
        self.texts.lock().clone()
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.texts.lock().iter().any(|one| one == text)
    }
}

impl Local for Sockets {
    fn deliver(&self, _recipients: &[Recipient], frame: &Frame) {
        let text = str::from_utf8(frame.payload()).ok();
        let text = text.and_then(|text| text.strip_prefix('{')?.strip_suffix('}'));
        self.texts
            .lock()
            .push(text.expect("what was sent").to_owned());
    }

    fn enter(&self, _sender: u64, _: &[Recipient], _placed: Placed, _entry: &Bytes) {
        unreachable!("no stream has a store");
    }

    fn interest(&self) -> u64 {
        self.interest.load(SeqCst)
    }

    fn counts(&self) -> Counts {
        Counts::default()
    }

    fn answer(&self, question: &Question) -> Value {
        Value::none(question)
    }

    fn member_versions(&self) -> MemberVersions {
        MemberVersions::default()
    }

    fn members(&self, _news: MemberNews) -> bool {
        true
    }

    fn hook_panicked(&self) {
        unreachable!("there is none");
    }
}

/// The broker, and what the last link is subscribed to.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) broker: MemoryBackplane,
    pub(super) subscribed: Arc<Mutex<BTreeSet<Topic>>>,
}

impl Watched {
    pub(super) fn new(broker: MemoryBackplane) -> Self {
        let subscribed = Arc::default();
        Self { broker, subscribed }
    }
}

impl Backplane for Watched {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        Box::pin(async {
            let (outlet, inlet) = self.broker.connect().await?;
            self.subscribed.lock().clear();
            let subscribed = self.subscribed.clone();
            let link: Link = (Box::new(WatchedOutlet { outlet, subscribed }), inlet);
            Ok(link)
        })
    }
}

struct WatchedOutlet {
    outlet: Box<dyn Outlet>,
    subscribed: Arc<Mutex<BTreeSet<Topic>>>,
}

impl Outlet for WatchedOutlet {
    fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>> {
        for command in &commands {
            match command {
                Command::Subscribe(topic) => _ = self.subscribed.lock().insert(*topic),
                Command::Unsubscribe(topic) => _ = self.subscribed.lock().remove(topic),
                Command::Publish(..) => {}
            }
        }
        self.outlet.send(commands)
    }
}
