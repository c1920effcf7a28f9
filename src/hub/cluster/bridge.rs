//! The tasks of a node's link: one keeps it open and does what is due, one sends, one receives.

use std::{
    hash::{BuildHasher, RandomState},
    mem,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::watch,
    task::{JoinSet, yield_now},
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    node::{FAREWELL, Node, Stage},
    wire::Draft,
};
use crate::{
    backplane::{BackplaneError, Command, Inlet, Link, Outlet, Topic},
    protocol::Receipt,
    sync::atomic::Ordering::Relaxed,
};

impl Node {
    /// Starts the tasks of the link, if there is a runtime and they do not run. They end with the
    /// runtime, and are started again on another one.
    pub(in crate::hub) fn start(self: &Arc<Self>) {
        if self.is_running.load(Relaxed) || *self.stage.borrow() > Stage::Running {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            if !self.is_running.swap(true, Relaxed) {
                runtime.spawn(run(self.clone()));
            }
        }
    }
}

/// Keeps a link open until the node leaves, or its hub is gone.
async fn run(node: Arc<Node>) {
    let running = Running(&node);
    let mut backoff = Backoff::default();
    let mut stage = node.stage.subscribe();
    loop {
        let attempt = async {
            sleep(backoff.wait()).await;
            timeout(MAX_CONNECT, open(&node)).await
        };
        let attempt = tokio::select! {
            attempt = attempt => attempt,
            () = leaving(&mut stage) => break,
        };
        let (link, topics) = match attempt {
            Ok(Ok(opened)) => opened,
            Ok(Err(error)) => {
                backoff.failed(&node, &error.to_string());
                continue;
            }
            Err(_elapsed) => {
                backoff.failed(&node, "the broker did not answer within 5 s");
                continue;
            }
        };
        let since = Instant::now();
        match serve(&node, link, &topics).await {
            End::Link => backoff.ended(since),
            End::Node => break,
        }
    }
    drop(running);
    node.stage.send_replace(Stage::Left);
}

/// Opens a link and subscribes to what this node wants to hear.
async fn open(node: &Node) -> Result<(Link, Vec<Topic>), BackplaneError> {
    let (mut outlet, inlet) = node.backplane.connect().await?;
    let topics = node.topics();
    let commands = topics.iter().copied().map(Command::Subscribe).collect();
    outlet.send(commands).await?;
    Ok(((outlet, inlet), topics))
}

/// Why a link is not used any more.
enum End {
    Link,
    Node,
}

/// Uses a link until it is over, deaf, or not needed any more.
async fn serve(node: &Arc<Node>, (outlet, inlet): Link, topics: &[Topic]) -> End {
    if !node.link_is_open(topics) {
        return End::Node;
    }
    let mut halves = JoinSet::new();
    halves.spawn(send(node.clone(), outlet));
    halves.spawn(receive(node.clone(), inlet));
    let end = keep(node, &mut halves).await;
    halves.shutdown().await;
    node.link_is_over();
    end
}

/// Does what is due while a link is open.
async fn keep(node: &Node, halves: &mut JoinSet<()>) -> End {
    let mut stage = node.stage.subscribe();
    loop {
        let due = node.state.lock().deadline();
        let due = due.unwrap_or_else(|| Instant::now() + MAX_CONNECT);
        tokio::select! {
            _ = halves.join_next() => return End::Link,
            () = leaving(&mut stage) => {
                part(node, halves).await;
                return End::Node;
            }
            () = node.changed.notified() => {}
            () = sleep_until(due) => {}
        }
        match node.do_what_is_due() {
            Some(true) => {}
            Some(false) => return End::Link,
            None => return End::Node,
        }
    }
}

/// Waits until the node is to leave.
async fn leaving(stage: &mut watch::Receiver<Stage>) {
    // It fails only without the node, which the task holds.
    _ = stage.wait_for(|stage| *stage > Stage::Running).await;
}

/// Says farewell, and waits for the broker to have it.
async fn part(node: &Node, halves: &mut JoinSet<()>) {
    let beat = node.state.lock().last_beat();
    let pulse = node.farewell(beat);
    let ticket = node.outgoing.farewell(Draft::bye(&pulse));
    tokio::select! {
        _ = timeout(FAREWELL, ticket.settled()) => {}
        _ = halves.join_next() => {}
    }
}

/// Sends what waits.
async fn send(node: Arc<Node>, mut outlet: Box<dyn Outlet>) {
    loop {
        let mut batch = node.outgoing.next(node.key.as_ref()).await;
        let commands = mem::take(&mut batch.commands);
        let result = outlet.send(commands).await;
        batch.settle(result.as_ref().copied());
        if let Err(error) = result {
            tracing::debug!(%error, "the link to the broker has failed");
            return;
        }
    }
}

/// Takes what arrives.
async fn receive(node: Arc<Node>, mut inlet: Box<dyn Inlet>) {
    let mut effects = Vec::new();
    let mut taken = 0_u32;
    while let Some(arrival) = inlet.receive().await {
        let Some(local) = Weak::upgrade(&node.local) else {
            return;
        };
        node.receive(&*local, &arrival, &mut effects);
        taken = taken.wrapping_add(1);
        if taken % BETWEEN_YIELDS == 0 {
            yield_now().await;
        }
    }
}

/// The waits between attempts to open a link.
#[derive(Debug, Default)]
struct Backoff {
    /// The longest that the next wait may be.
    limit: Duration,
    warned: Option<Instant>,
    suppressed: u64,
}

impl Backoff {
    /// Returns a random part of the limit.
    fn wait(&self) -> Duration {
        // The keys of a `RandomState` are random.
        let part = RandomState::new().hash_one("wait") % 1_000;
        self.limit * part as u32 / 1_000
    }

    fn failed(&mut self, node: &Node, why: &str) {
        self.limit = (self.limit * 2).clamp(FIRST_LIMIT, LAST_LIMIT);
        node.counters.failed_links.fetch_add(1, Relaxed);
        let now = Instant::now();
        if self
            .warned
            .is_some_and(|last| now < last + BETWEEN_WARNINGS)
        {
            self.suppressed += 1;
            return;
        }
        self.warned = Some(now);
        let suppressed = mem::take(&mut self.suppressed);
        tracing::warn!(
            suppressed,
            "there is no link to the broker, so messages stay on this node; trying again for as long as \
             it takes: {why}"
        );
    }

    /// Has the next attempt made at once, unless links do not last.
    fn ended(&mut self, since: Instant) {
        let lasted = since.elapsed() >= LAST_LIMIT;
        self.limit = if lasted {
            Duration::ZERO
        } else {
            (self.limit * 2).clamp(FIRST_LIMIT, LAST_LIMIT)
        };
    }
}

/// Says when the tasks are gone, also with their runtime.
struct Running<'a>(&'a Node);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.link_is_over();
        self.0.is_running.store(false, Relaxed);
    }
}

/// How long a link may take to be open and subscribed.
const MAX_CONNECT: Duration = Duration::from_secs(5);

const FIRST_LIMIT: Duration = Duration::from_millis(100);
const LAST_LIMIT: Duration = Duration::from_millis(1_500);

const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// How many messages are taken before others of the thread's tasks have their turn.
const BETWEEN_YIELDS: u32 = 64;
