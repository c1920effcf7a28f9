//! A socket that closes is neither revived nor counted.

use shuttle::thread;

use super::{
    check_end, explore, hub, is_gapless, joined, message, numbers, publisher,
    socket::{Socket, Target},
};
use crate::{
    config::Config,
    hub::{Identity, Kill},
    protocol::CloseReason,
};

const SLOW: &[usize] = &[60, 20];
const QUICK: &[usize] = &[1_000_000];

#[test]
fn no_join_brings_a_closing_socket_back() {
    explore(|| {
        let hub = hub(&Config::new());
        let socket = Socket::open(&hub, QUICK);
        let id = socket.id();
        let joiner = {
            let hub = hub.clone();
            thread::spawn(move || {
                let joined = hub.join(id, "late").is_ok();
                (joined, hub.leave(id, "g"))
            })
        };
        let publishers = vec![publisher(&hub, 'a', &[Target::Group("late"), Target::All])];
        assert_eq!(hub.close(id, &CloseReason::NORMAL), 1);
        // From here on no call sees it, whatever the others do.
        assert!(hub.is_empty());
        assert!(hub.sockets_of("u").is_empty());
        assert!(hub.groups().is_empty());
        assert_eq!(
            hub.broadcast(&message('b', 0, Target::Group("late")))
                .matched,
            0
        );
        assert_eq!(hub.broadcast(&message('b', 1, Target::One(id))).matched, 0);
        assert_eq!(hub.broadcast(&message('b', 2, Target::All)).matched, 0);
        assert_eq!(hub.close(id, &CloseReason::NORMAL), 0);
        joiner.join().expect("no panic");
        assert!(hub.groups().is_empty());
        let (queued, dropped) = joined(publishers);
        let (texts, undelivered) = socket.ended();
        assert_eq!(numbers(&texts, 'b'), [0; 0]);
        assert_eq!((texts.len(), undelivered), (queued, 0));
        check_end(&hub, queued, dropped);
    });
}

#[test]
fn no_new_identity_brings_a_closing_socket_back() {
    explore(|| {
        let hub = hub(&Config::new());
        let socket = Socket::open(&hub, QUICK);
        let id = socket.id();
        let identifier = {
            let hub = hub.clone();
            thread::spawn(move || {
                hub.reidentify(id, Identity::user("v").group("late"))
                    .is_ok()
            })
        };
        let publishers = vec![publisher(&hub, 'a', &[Target::Group("late"), Target::All])];
        assert_eq!(hub.close(id, &CloseReason::NORMAL), 1);
        for _ in 0..2 {
            assert!(hub.users().is_empty() && hub.groups().is_empty());
            assert_eq!(hub.close_user("v", &CloseReason::NORMAL), 0);
            assert_eq!(hub.close_group("late", &CloseReason::NORMAL), 0);
            assert_eq!(hub.close_all(&CloseReason::NORMAL), 0);
            assert_eq!(
                hub.broadcast(&message('b', 0, Target::Group("late")))
                    .matched,
                0
            );
            thread::yield_now();
        }
        identifier.join().expect("no panic");
        assert!(hub.users().is_empty() && hub.groups().is_empty());
        let (queued, dropped) = joined(publishers);
        let (texts, undelivered) = socket.ended();
        assert_eq!((texts.len(), undelivered), (queued, 0));
        check_end(&hub, queued, dropped);
    });
}

/// As a shutdown does that waits no longer.
#[test]
fn what_was_queued_for_a_socket_that_is_cut_off_is_delivered_or_counted() {
    explore(|| {
        let hub = hub(&Config::new());
        let cut = Socket::open(&hub, SLOW);
        let stays = Socket::open(&hub, QUICK);
        let publishers = vec![
            publisher(&hub, 'a', &[Target::All, Target::Group("g"), Target::All]),
            publisher(&hub, 'b', &[Target::One(cut.id()), Target::All]),
        ];
        let entry = hub.state.lock().registry.get(cut.id()).cloned();
        entry.expect("it is there").outbox.kill(Kill::Connection);
        let (texts, lost) = cut.ended();
        assert_eq!(stays.pipe().wait_for(4).len(), 4);
        let (queued, dropped) = joined(publishers);
        assert_eq!(4 + texts.len() + lost as usize, queued);
        assert_eq!(hub.close(stays.id(), &CloseReason::NORMAL), 1);
        assert_eq!(stays.ended().1, 0);
        check_end(&hub, queued, dropped);
    });
}

/// What was counted as queued is delivered before the close frame, or counted as undelivered where
/// the connection breaks.
#[test]
fn what_was_queued_for_a_socket_that_leaves_is_delivered_or_counted() {
    explore(|| {
        let hub = hub(&Config::new());
        let closed = Socket::open(&hub, SLOW);
        let broken = Socket::open(&hub, SLOW);
        let publishers = vec![
            publisher(&hub, 'a', &[Target::All, Target::Group("g"), Target::All]),
            publisher(&hub, 'b', &[Target::All; 2]),
        ];
        let breaker = {
            let pipe = broken.pipe().clone();
            thread::spawn(move || pipe.break_off())
        };
        assert_eq!(hub.close(closed.id(), &CloseReason::NORMAL), 1);
        breaker.join().expect("no panic");
        let (queued, dropped) = joined(publishers);
        let (texts, undelivered) = closed.ended();
        assert_eq!(undelivered, 0);
        for publisher in ['a', 'b'] {
            let seen = numbers(&texts, publisher);
            assert!(
                is_gapless(&seen) && seen.first().is_none_or(|first| *first == 0),
                "{seen:?}"
            );
        }
        // A task that has nothing to write does not find out.
        hub.close(broken.id(), &CloseReason::NORMAL);
        let (seen, lost) = broken.ended();
        assert_eq!(texts.len() + seen.len() + lost as usize, queued);
        check_end(&hub, queued, dropped);
    });
}
