//! Every accepted message comes once, and in its publisher's order.

use std::sync::Arc;

use shuttle::thread;

use super::{
    check_end, explore, hub, is_ascending, is_gapless, joined, numbers, publisher,
    socket::{Socket, Target},
    sockets,
};
use crate::{config::Config, frame::Frame, hub::Hub, protocol::CloseReason};

/// Steps that tear frames, or leave nothing to take for a while.
const SLOW: &[usize] = &[70, 3, 100, 1];
const SLOWER: &[usize] = &[0, 10, 80, 80, 0, 5];
const QUICK: &[usize] = &[1_000_000];

fn close_all(hub: &Hub, sockets: Vec<Socket>) {
    for socket in &sockets {
        assert_eq!(hub.close(socket.id(), &CloseReason::NORMAL), 1);
    }
    for socket in sockets {
        assert_eq!(socket.ended().1, 0, "something was not delivered");
    }
}

/// Sockets that block, are detached and attached again, while others publish.
#[test]
fn slow_readers_get_everything_once_and_in_order() {
    explore(|| {
        let hub = hub(&Config::new());
        let sockets = sockets(&hub, &[SLOW, SLOWER, QUICK]);
        sockets.iter().for_each(Socket::opened);
        let publishers = vec![
            publisher(&hub, 'a', &[Target::All; 4]),
            publisher(&hub, 'b', &[Target::All, Target::Group("g"), Target::All]),
        ];
        // Only the hub wakes the sockets: what it forgot to write would never come.
        for socket in &sockets {
            let texts = socket.pipe().wait_for(7);
            assert_eq!(numbers(&texts, 'a'), [0, 1, 2, 3]);
            assert_eq!(numbers(&texts, 'b'), [0, 1, 2]);
        }
        let (queued, dropped) = joined(publishers);
        assert_eq!((queued, dropped), (3 * 7, 0));
        close_all(&hub, sockets);
        check_end(&hub, queued, 0);
    });
}

/// What is for one socket stands among what is for all where its publisher put it.
#[test]
fn what_is_for_one_keeps_its_place_among_what_is_for_all() {
    explore(|| {
        let hub = hub(&Config::new());
        let sockets = sockets(&hub, &[SLOW, QUICK]);
        sockets.iter().for_each(Socket::opened);
        let (one, other) = (Target::One(sockets[0].id()), Target::One(sockets[1].id()));
        let publishers = vec![
            publisher(
                &hub,
                'a',
                &[Target::All, one, Target::All, one, Target::All],
            ),
            publisher(&hub, 'b', &[other, Target::All, other]),
        ];
        let texts = sockets[0].pipe().wait_for(6);
        assert_eq!(numbers(&texts, 'a'), [0, 1, 2, 3, 4]);
        assert_eq!(numbers(&texts, 'b'), [1]);
        let texts = sockets[1].pipe().wait_for(6);
        assert_eq!(numbers(&texts, 'a'), [0, 2, 4]);
        assert_eq!(numbers(&texts, 'b'), [0, 1, 2]);
        let (queued, _) = joined(publishers);
        close_all(&hub, sockets);
        check_end(&hub, queued, 0);
    });
}

/// A publisher's message that is accepted after a socket was activated reaches it, and so do all that
/// follow: what a socket gets has a beginning and no gap.
#[test]
fn a_socket_that_is_active_misses_nothing() {
    explore(|| {
        let hub = hub(&Config::new());
        let early = Socket::open(&hub, SLOW);
        let publishers = vec![publisher(&hub, 'a', &[Target::All; 4])];
        let late = {
            let hub = hub.clone();
            thread::spawn(move || {
                let late = Socket::open(&hub, SLOW);
                let own = hub.broadcast(&super::message('c', 0, Target::All));
                assert!(own.queued >= 1, "the new socket was not counted");
                (late, own)
            })
        };
        let (late, own) = late.join().expect("a socket that opens");
        assert_eq!(early.pipe().wait_for(5).len(), 5);
        late.pipe().wait_for(1);
        let (queued, _) = joined(publishers);
        let first = (early.pipe().texts(), queued + own.queued);
        assert_eq!(numbers(&first.0, 'a'), [0, 1, 2, 3]);
        // How many it has to get is what was counted beyond the early one's.
        let texts = late.pipe().wait_for(first.1 - 5);
        let seen = numbers(&texts, 'a');
        assert!(
            is_gapless(&seen) && seen.last().is_none_or(|last| *last == 3),
            "{seen:?}"
        );
        assert_eq!(numbers(&texts, 'c'), [0]);
        close_all(&hub, vec![early, late]);
        check_end(&hub, first.1, 0);
    });
}

/// More sockets than a flusher visits in one turn, of which some leave while it walks.
#[test]
fn a_socket_that_leaves_a_walk_takes_no_other_along() {
    explore(|| {
        let hub = hub(&Config::new());
        let sockets = sockets(&hub, &[QUICK, SLOW, QUICK, QUICK, SLOW, QUICK, QUICK]);
        sockets.iter().for_each(Socket::opened);
        let publishers = vec![publisher(&hub, 'a', &[Target::All; 3])];
        let leaver = {
            let (hub, ids) = (hub.clone(), [sockets[1].id(), sockets[2].id()]);
            thread::spawn(move || {
                for id in ids {
                    assert_eq!(hub.close(id, &CloseReason::NORMAL), 1);
                }
            })
        };
        let (left, stayed): (Vec<_>, Vec<_>) = sockets
            .into_iter()
            .enumerate()
            .partition(|(index, _)| matches!(index, 1 | 2));
        for (_, socket) in &stayed {
            assert_eq!(numbers(&socket.pipe().wait_for(3), 'a'), [0, 1, 2]);
        }
        let (queued, dropped) = joined(publishers);
        leaver.join().expect("no panic");
        for (_, socket) in left {
            let (texts, undelivered) = socket.ended();
            let seen = numbers(&texts, 'a');
            assert!(is_gapless(&seen) && is_ascending(&seen), "{seen:?}");
            assert_eq!((seen.first().copied().unwrap_or(0), undelivered), (0, 0));
        }
        close_all(&hub, stayed.into_iter().map(|(_, socket)| socket).collect());
        check_end(&hub, queued, dropped);
    });
}

/// Publishers that are faster than the flusher write in its place, several at a time, while sockets
/// leave and come.
#[test]
fn what_a_full_log_holds_comes_once_and_in_order() {
    explore(|| {
        // Half of it is full soon, and all that is to come fits into the whole.
        let cost = Frame::message(&super::message('a', 0, Target::All)).cost();
        let hub = hub(&Config::new().max_queue_bytes(6 * cost));
        let mut sockets = sockets(&hub, &[QUICK; 5]);
        for socket in &sockets {
            socket.opened();
            // None is to be closed because its reader had no turn.
            socket.pipe().make_room(1_000_000);
        }
        let publishers = vec![
            publisher(&hub, 'a', &[Target::All; 4]),
            publisher(&hub, 'b', &[Target::All, Target::Group("g"), Target::All]),
        ];
        let leaver = sockets.remove(1);
        assert_eq!(hub.close(leaver.id(), &CloseReason::NORMAL), 1);
        let late = Socket::open(&hub, QUICK);
        for socket in &sockets {
            let texts = socket.pipe().wait_for(7);
            assert_eq!(numbers(&texts, 'a'), [0, 1, 2, 3]);
            assert_eq!(numbers(&texts, 'b'), [0, 1, 2]);
        }
        let (queued, dropped) = joined(publishers);
        let (texts, undelivered) = leaver.ended();
        assert_eq!(undelivered, 0);
        let mut seen = texts.len();
        for publisher in ['a', 'b'] {
            let numbers = numbers(&texts, publisher);
            assert!(is_gapless(&numbers), "{numbers:?}");
            assert_eq!(numbers.first().copied().unwrap_or(0), 0);
        }
        seen += 7 * sockets.len();
        // What comes before its task has its turn may be more than its queue holds.
        hub.close(late.id(), &CloseReason::NORMAL);
        let (texts, undelivered) = late.ended();
        for publisher in ['a', 'b'] {
            let numbers = numbers(&texts, publisher);
            assert!(is_gapless(&numbers), "{numbers:?}");
        }
        seen += texts.len() + undelivered as usize;
        assert_eq!(seen, queued);
        close_all(&hub, sockets);
        check_end(&hub, queued, dropped);
    });
}

/// A runtime's last socket goes and another comes: a flusher writes for it.
#[test]
fn a_hub_that_was_empty_works_again() {
    explore(|| {
        let hub = hub(&Config::new());
        let one = Socket::open(&hub, QUICK);
        let closer = {
            let (hub, id) = (Arc::clone(&hub), one.id());
            thread::spawn(move || hub.close(id, &CloseReason::NORMAL))
        };
        let other = Socket::open(&hub, QUICK);
        let own = hub.broadcast(&super::message('a', 0, Target::All));
        assert_eq!(other.pipe().wait_for(1), ["a0"]);
        assert_eq!(closer.join().expect("no panic"), 1);
        assert_eq!(one.ended().1, 0);
        close_all(&hub, vec![other]);
        check_end(&hub, own.queued, 0);
    });
}
