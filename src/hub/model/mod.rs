//! The hub under many schedules of its threads, for promises that hold under all of them.
//!
//! Threads, locks and counters are the explorer's, which decides at each of their operations which
//! thread goes on, and fails as well if none can. Flushers are the hub's own. Sockets are played:
//! their tasks do with their outbox what a session's does, over a pipe that takes bytes as its reader
//! makes room.

mod delivery;
mod gates;
mod leaving;
mod overflow;
mod pipe;
mod socket;
mod waiting;

use std::{
    env,
    sync::{Arc, OnceLock},
};

use shuttle::{
    Runner,
    scheduler::{PctScheduler, RandomScheduler},
    thread::{self, JoinHandle},
};
use tokio::runtime::{Builder, Runtime};

use self::socket::{Socket, Target};
use crate::{
    config::Config,
    hub::Hub,
    protocol::{BroadcastReport, SocketMessage},
};

/// Runs a scenario under so many schedules of each kind as `MODEL_SCHEDULES` says.
pub(in crate::hub) fn explore(scenario: impl Fn() + Send + Sync + Clone + 'static) {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();

    // Nothing runs on it: the fan-out wants to know how many threads there are.
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(2).build().expect("a runtime")
    });
    let _entered = runtime.enter();
    let schedules = env::var("MODEL_SCHEDULES").ok();
    let schedules = schedules.map_or(1_000, |count| count.parse().expect("a number"));
    let mut config = shuttle::Config::new();
    config.stack_size = 256 * 1_024;
    Runner::new(RandomScheduler::new(schedules), config.clone()).run(scenario.clone());
    Runner::new(PctScheduler::new(4, schedules), config).run(scenario);
}

fn hub(config: &Config) -> Arc<Hub> {
    Arc::new(Hub::new(config))
}

/// Broadcasts messages named `publisher` one after the other from a thread of their own, and returns
/// what was reported of each.
fn publisher(
    hub: &Arc<Hub>,
    publisher: char,
    targets: &[Target],
) -> JoinHandle<Vec<BroadcastReport>> {
    let hub = hub.clone();
    let messages: Vec<_> = (0..)
        .zip(targets)
        .map(|(number, target)| message(publisher, number, *target))
        .collect();
    thread::spawn(move || messages.iter().map(|one| hub.broadcast(one)).collect())
}

fn message(publisher: char, number: usize, target: Target) -> SocketMessage {
    let message = SocketMessage::new("m").text(format!("{publisher}{number}"));
    match target {
        Target::All => message,
        Target::Group(group) => message.to_group(group),
        Target::One(id) => message.to_connection(id),
    }
}

/// Joins publishers and adds up what was queued and dropped.
fn joined(publishers: Vec<JoinHandle<Vec<BroadcastReport>>>) -> (usize, usize) {
    let reports = publishers
        .into_iter()
        .flat_map(|publisher| publisher.join().expect("a publisher that does not panic"));
    reports.fold((0, 0), |(queued, dropped), report| {
        assert_eq!(report.matched, report.queued + report.dropped);
        (queued + report.queued, dropped + report.dropped)
    })
}

/// Waits until the flushers have noticed that every socket is gone.
fn wait_for_flushers(hub: &Hub) {
    for _ in 0..PATIENCE {
        if !hub.fanout.is_running() {
            break;
        }
        thread::yield_now();
    }
    assert!(!hub.fanout.is_running(), "a flusher outlives its sockets");
}

/// What holds once every socket is gone.
fn check_end(hub: &Hub, queued: usize, dropped: usize) {
    wait_for_flushers(hub);
    let stats = hub.stats();
    assert_eq!((stats.sockets, stats.users, stats.groups), (0, 0, 0));
    assert_eq!(stats.bytes_queued, 0);
    assert_eq!(stats.dropped, dropped as u64);
    assert_eq!(stats.messages_out + stats.undelivered, queued as u64);
    assert_eq!(hub.state.lock().registry.all().len(), 0);
}

/// The numbers of a publisher's messages among those that a socket got, in the order that it got
/// them.
fn numbers(texts: &[String], publisher: char) -> Vec<usize> {
    let own = texts.iter().filter_map(|text| text.strip_prefix(publisher));
    own.map(|number| number.parse().expect("a number"))
        .collect()
}

fn is_ascending(numbers: &[usize]) -> bool {
    numbers.windows(2).all(|pair| pair[0] < pair[1])
}

fn is_gapless(numbers: &[usize]) -> bool {
    numbers.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

/// Opens active sockets, each with a thread of its own.
fn sockets(hub: &Arc<Hub>, rooms: &[&'static [usize]]) -> Vec<Socket> {
    let sockets = rooms.iter().map(|rooms| Socket::open(hub, rooms));
    sockets.collect()
}

/// How often others get a turn before they count as stuck.
const PATIENCE: usize = 1_000;
