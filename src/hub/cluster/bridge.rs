//! The tasks of a node's link: one keeps it open and does what is due, one sends, one receives.

use std::{
    mem,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::watch,
    task::{JoinError, JoinSet, yield_now},
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};

use super::{
    node::{FAREWELL, Node, Stage},
    wire::Draft,
};
use crate::{
    backplane::{BackplaneError, Command, Inlet, Link, Outlet, Topic, backoff::Backoff},
    protocol::Receipt,
    sync::atomic::Ordering::Relaxed,
    unwind::{Contained, Panicked},
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
                // Made here, since a runtime that ends may drop the task before it has begun.
                runtime.spawn(run(Running(self.clone())));
            }
        }
    }
}

/// Keeps a link open until the node leaves, or its hub is gone.
async fn run(running: Running) {
    let node = running.0.clone();
    let mut backoff = Backoff::new("the broker", "messages stay on this node");
    let mut stage = node.stage.subscribe();
    loop {
        let attempt = async {
            sleep(backoff.wait()).await;
            // A panic of the backplane is an error, after which it is tried again.
            timeout(MAX_CONNECT, Contained::new(open(&node), || {})).await
        };
        let attempt = tokio::select! {
            attempt = attempt => attempt,
            () = leaving(&mut stage) => break,
        };
        let opened = match attempt {
            Ok(Ok(opened)) => opened.map_err(|error| error.to_string()),
            Ok(Err(Panicked)) => Err("the backplane panicked".to_owned()),
            Err(_elapsed) => Err("the broker did not answer within 5 s".to_owned()),
        };
        let (link, topics) = match opened {
            Ok(opened) => opened,
            Err(why) => {
                node.counters.failed_links.fetch_add(1, Relaxed);
                backoff.failed(&why);
                continue;
            }
        };
        let since = Instant::now();
        match serve(&node, link, &topics).await {
            End::Link(why) => {
                backoff.ended(since, &why.text);
            }
            End::Node => break,
        }
    }
    drop(running);
    node.stage.send_replace(Stage::Left);
}

/// Opens a link and subscribes to what this node wants to hear.
pub(super) async fn open(node: &Node) -> Result<(Link, Vec<Topic>), BackplaneError> {
    let (mut outlet, inlet) = node.backplane.connect().await?;
    let topics = node.topics();
    let commands = topics.iter().copied().map(Command::Subscribe).collect();
    outlet.send(commands).await?;
    Ok(((outlet, inlet), topics))
}

/// Why a link is not used any more.
enum End {
    Link(Why),
    Node,
}

/// Why a link is over.
struct Why {
    text: String,
    /// Whether all that has arrived was taken.
    is_received: bool,
}

/// A half of a link that has ended.
pub(super) enum Half {
    Sender(BackplaneError),
    Receiver,
}

impl Why {
    fn of(half: Option<&Result<Half, JoinError>>) -> Self {
        let text = match half {
            Some(Ok(Half::Sender(error))) => error.to_string(),
            Some(Err(error)) if error.is_panic() => "the backplane panicked".to_owned(),
            _ => "the connection was closed".to_owned(),
        };
        let is_received = matches!(half, Some(Ok(Half::Receiver)));
        Self { text, is_received }
    }
}

/// Uses a link until it is over, deaf, or not needed any more.
async fn serve(node: &Arc<Node>, (outlet, inlet): Link, topics: &[Topic]) -> End {
    if !node.link_is_open(topics) {
        return End::Node;
    }
    let mut halves = JoinSet::new();
    halves.spawn(send(node.clone(), outlet));
    halves.spawn(receive(node.clone(), inlet));
    let end = match keep(node, &mut halves).await {
        End::Link(why) => End::Link(drain(&mut halves, why).await),
        End::Node => End::Node,
    };
    halves.shutdown().await;
    node.link_is_over();
    end
}

/// Takes what has arrived before the link was over, so that it is not reported as missing, and what the
/// other half says of the reason.
async fn drain(halves: &mut JoinSet<Half>, mut why: Why) -> Why {
    // The half that sends may have nothing to send, and a link that is deaf has no end by itself.
    let until = Instant::now() + if why.is_received { SAY_WHY } else { DRAIN };
    while let Ok(Some(half)) = timeout_at(until, halves.join_next()).await {
        match half {
            Ok(Half::Receiver) => break,
            half => why = Why::of(Some(&half)),
        }
    }
    why
}

/// Does what is due while a link is open.
async fn keep(node: &Node, halves: &mut JoinSet<Half>) -> End {
    let mut stage = node.stage.subscribe();
    loop {
        let due = node.state.lock().deadline();
        let due = due.unwrap_or_else(|| Instant::now() + MAX_CONNECT);
        tokio::select! {
            half = halves.join_next() => return End::Link(Why::of(half.as_ref())),
            () = leaving(&mut stage) => {
                part(node, halves).await;
                return End::Node;
            }
            () = node.changed.notified() => {}
            () = sleep_until(due) => {}
        }
        match node.do_what_is_due() {
            Some(true) => {}
            Some(false) => {
                return End::Link(Why {
                    text: "it carried nothing".to_owned(),
                    is_received: false,
                });
            }
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
async fn part(node: &Node, halves: &mut JoinSet<Half>) {
    let beat = node.state.lock().last_beat();
    let pulse = node.farewell(beat);
    let ticket = node.outgoing.farewell(Draft::bye(&pulse));
    tokio::select! {
        _ = timeout(FAREWELL, ticket.settled()) => {}
        _ = halves.join_next() => {}
    }
}

/// Sends what waits.
pub(super) async fn send(node: Arc<Node>, mut outlet: Box<dyn Outlet>) -> Half {
    loop {
        let mut batch = node.outgoing.next(node.key.as_ref()).await;
        let commands = mem::take(&mut batch.commands);
        let result = outlet.send(commands).await;
        batch.settle(result.as_ref().copied());
        if let Err(error) = result {
            // Until the rest of what has arrived is taken nothing is sent.
            node.outgoing.close();
            return Half::Sender(error);
        }
    }
}

/// Takes what arrives.
pub(super) async fn receive(node: Arc<Node>, mut inlet: Box<dyn Inlet>) -> Half {
    let mut effects = Vec::new();
    let mut taken = 0_u32;
    while let Some(arrival) = inlet.receive().await {
        let Some(local) = Weak::upgrade(&node.local) else {
            break;
        };
        node.receive(&*local, &arrival, &mut effects);
        taken = taken.wrapping_add(1);
        if taken % BETWEEN_YIELDS == 0 {
            yield_now().await;
        }
    }
    Half::Receiver
}

/// Says when the tasks are gone, also with their runtime.
struct Running(Arc<Node>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.link_is_over();
        self.0.is_running.store(false, Relaxed);
    }
}

/// How long a link may take to be open and subscribed.
const MAX_CONNECT: Duration = Duration::from_secs(5);

/// How long it may take to take what has arrived on a link that is over: more than a full inbox needs.
const DRAIN: Duration = Duration::from_millis(250);

/// How long the half that sends may take to say why the link is over.
const SAY_WHY: Duration = Duration::from_millis(10);

/// How many messages are taken before others of the thread's tasks have their turn.
const BETWEEN_YIELDS: u32 = 64;
