//! Full queues: every message is accounted for, whichever way it goes.

use super::{
    check_end, explore, hub, is_ascending, joined, numbers, publisher,
    socket::{Socket, Target},
};
use crate::{
    config::{Config, Overflow},
    protocol::CloseReason,
};

/// Two messages and a bit.
const ROOM: usize = 200;
const STUCK: &[usize] = &[0, 0, 0, 0, 0, 0];

fn account_for(overflow: Overflow) {
    explore(move || {
        let config = Config::new()
            .max_queue_bytes(ROOM)
            .max_hub_queue_bytes(2 * ROOM)
            .overflow(overflow);
        let hub = hub(&config);
        let sockets = vec![Socket::open(&hub, STUCK), Socket::open(&hub, &[1_000_000])];
        sockets.iter().for_each(Socket::opened);
        let publishers = vec![
            publisher(&hub, 'a', &[Target::All; 4]),
            publisher(
                &hub,
                'b',
                &[Target::Group("g"), Target::All, Target::Group("g")],
            ),
        ];
        let (queued, dropped) = joined(publishers);
        let mut seen = 0;
        for socket in sockets {
            // A socket that overflowed is closing already.
            hub.close(socket.id(), &CloseReason::NORMAL);
            let (texts, undelivered) = socket.ended();
            for publisher in ['a', 'b'] {
                let seen = numbers(&texts, publisher);
                assert!(is_ascending(&seen), "{seen:?}");
            }
            seen += texts.len() + undelivered as usize;
        }
        assert_eq!(seen, queued);
        check_end(&hub, queued, dropped);
    });
}

#[test]
fn a_socket_closed_for_a_full_queue_is_accounted_for() {
    account_for(Overflow::Close);
}

#[test]
fn the_newest_that_is_dropped_is_accounted_for() {
    account_for(Overflow::DropNewest);
}

#[test]
fn the_oldest_that_is_dropped_is_accounted_for() {
    account_for(Overflow::DropOldest);
}
