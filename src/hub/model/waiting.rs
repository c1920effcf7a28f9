//! A socket that ends while its message waits for its turn: the message is handled, or was cut off;
//! its end is told; nothing is kept of it; and all such work stays within the limits.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use shuttle::{
    future::block_on,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use super::{explore, hub, wait_for_flushers};
use crate::{
    config::Config,
    hub::{ConnectionPermit, Hub, Identity, Kill, Lane, User},
    protocol::CloseReason,
};

/// What came of all visits.
#[derive(Default)]
struct Seen {
    /// Sockets of which something is left.
    alive: AtomicUsize,
    handled: AtomicUsize,
    cut: AtomicUsize,
    told: AtomicUsize,
}

#[test]
fn its_message_has_its_turn_and_its_end_is_told() {
    explore(|| {
        let seen = Arc::new(Seen::default());
        let hub = hub(&Config::new().max_sockets(1).max_dispatches(1));
        let visits = play(&hub, &seen, |_| {});
        assert_eq!(seen.handled.load(SeqCst), visits);
        check_end(&hub, &seen, visits);
    });
}

/// As a shutdown does that waits no longer. A turn may come at that moment.
#[test]
fn cut_off_it_leaves_its_turn_to_another() {
    explore(|| {
        let seen = Arc::new(Seen::default());
        let hub = hub(&Config::new().max_sockets(1).max_dispatches(1));
        let visits = play(&hub, &seen, |hub| {
            let all: Vec<_> = {
                let state = hub.state.lock();
                let all = state.registry.all();
                all.map(|(_, entry)| entry.clone()).collect()
            };
            for entry in all {
                entry.outbox.kill(Kill::Connection);
            }
        });
        let cut = seen.cut.load(SeqCst);
        assert_eq!(seen.handled.load(SeqCst) + cut, visits);
        check_end(&hub, &seen, visits);
    });
}

/// Has three visitors come at the same time as something else happens, while the only place is
/// taken for a moment, and tells how many of them found room.
fn play(hub: &Arc<Hub>, seen: &Arc<Seen>, beside: fn(&Hub)) -> usize {
    let visitors: Vec<_> = (0..3)
        .map(|_| {
            let (hub, seen) = (hub.clone(), seen.clone());
            thread::spawn(move || {
                for _ in 0..3 {
                    if let Ok(permit) = hub.permit(None) {
                        visit(&hub, permit, &seen);
                        return 1;
                    }
                    thread::yield_now();
                }
                0
            })
        })
        .collect();
    beside(hub);
    let visits = visitors.into_iter().map(|visitor| visitor.join());
    visits.map(|visit| visit.expect("no panic")).sum()
}

/// As an upgrade and a session do it.
fn visit(hub: &Arc<Hub>, permit: ConnectionPermit, seen: &Seen) {
    let alive = seen.alive.fetch_add(1, SeqCst);
    assert!(alive < 2, "more than twice the limit");
    let registration = hub.register(Identity::user("u"), User::Claimed);
    let mut registration = registration.expect("room in the hub");
    registration.hold_permit(permit);
    registration.activate();

    let entry = registration.entry().clone();
    let key = hub.key_of(&entry, None);
    let messages = hub.turns(Lane::Messages).clone();
    block_on(async {
        let mut turn = pin!(messages.turn(key.clone(), 1));
        // While the connection lasts.
        let first = poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx))).await;
        registration.end(&CloseReason::LOST);
        let rest = async {
            let turn = match first {
                Poll::Ready(turn) => turn,
                Poll::Pending => turn.await,
            };
            let _turn = turn.expect("a limit bounds what waits");
            thread::yield_now();
        };
        match registration.unless_killed(Kill::Connection, rest).await {
            Some(()) => seen.handled.fetch_add(1, SeqCst),
            None => seen.cut.fetch_add(1, SeqCst),
        };
    });
    block_on(async {
        let events = hub.turns(Lane::Events);
        let turn = events.turn(key, 0).await;
        let _turn = turn.expect("events are never too many");
        seen.told.fetch_add(1, SeqCst);
    });
    // Its place in the hub is free after this, so it counts no more from here on.
    seen.alive.fetch_sub(1, SeqCst);
}

fn check_end(hub: &Hub, seen: &Seen, visits: usize) {
    wait_for_flushers(hub);
    assert_eq!(seen.told.load(SeqCst), visits);
    assert_eq!(hub.state.lock().registry.all().len(), 0);
    for lane in [Lane::Messages, Lane::Events] {
        assert!(hub.turns(lane).is_idle(), "{lane:?}");
    }
    assert!(hub.permit(None).is_ok(), "the permits are free again");
}
