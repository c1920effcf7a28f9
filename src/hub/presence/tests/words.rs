//! Values that are set on several sockets and nodes: the latest counts until the user has left.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;

use super::{
    clock::{Clock, LOBBY, id, users},
    world::World,
};
use crate::{
    hub::presence::{change::PresenceCause, info::Info, member::Holder, moves::Move},
    protocol::{GroupId, UserId},
};

/// Has another node say something of ann, by a clock that is so many milliseconds ahead.
fn elsewhere(clock: &mut Clock, sockets: u32, word: Option<&str>, ahead: u64) -> u64 {
    let info = word.map(|word| later(&Info::of(&word).expect("it fits"), ahead));
    report(clock, sockets, info)
}

/// Has another node report a value of ann, and returns its stamp.
fn report(clock: &mut Clock, sockets: u32, info: Option<Arc<Info>>) -> u64 {
    let stamp = info.as_ref().map_or(0, |info| info.stamp);
    let (group, user) = (GroupId::from(LOBBY), UserId::from("ann"));
    clock.table.hear_word(stamp);
    let holder = Holder {
        node: 2,
        sockets,
        info,
    };
    let (cause, now) = (PresenceCause::Closed, clock.now);
    clock.table.set(&group, &user, holder, cause, now);
    stamp
}

fn later(info: &Info, ahead: u64) -> Arc<Info> {
    Arc::new(Info {
        stamp: info.stamp.saturating_add(ahead),
        json: info.json.clone(),
    })
}

fn take_back(clock: &mut Clock, socket: u64) {
    say(clock, socket, Info::of(&()).expect("it fits"));
}

fn say(clock: &mut Clock, socket: u64, info: Arc<Info>) {
    clock.apply(Move::Said {
        socket: id(socket),
        user: "ann".into(),
        groups: vec![LOBBY.into()],
        info,
    });
}

fn at(stamp: u64, value: &impl Serialize) -> Arc<Info> {
    let json = Info::of(value).expect("it fits").json.clone();
    Arc::new(Info { stamp, json })
}

#[test]
fn it_counts_when_the_socket_it_was_said_on_has_ended_here_or_elsewhere() {
    for is_here in [true, false] {
        let mut clock = Clock::lobby();
        clock.enter("ann", 1);
        clock.say("ann", 1, "old");
        if is_here {
            clock.enter("ann", 2);
            clock.say("ann", 2, "new");
            clock.leave("ann", PresenceCause::Closed);
            clock.apply(Move::Ended(id(2)));
        } else {
            elsewhere(&mut clock, 1, Some("new"), 1);
            elsewhere(&mut clock, 0, None, 0);
        }
        assert_eq!(clock.said().as_deref(), Some("new"), "{is_here}");
        // The next word counts, also if it is the one before.
        clock.say("ann", 1, "old");
        assert_eq!(clock.said().as_deref(), Some("old"), "{is_here}");
    }
}

#[test]
fn it_counts_although_the_clocks_of_the_nodes_are_apart() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    for ahead in [0, 3_600_000] {
        elsewhere(&mut clock, 1, Some("there"), ahead);
        assert_eq!(clock.said().as_deref(), Some("there"));
        clock.say("ann", 1, "here");
        assert_eq!(clock.said().as_deref(), Some("here"), "{ahead}");
    }
    // What is said of a socket before it is in the group is later, too.
    clock.apply(Move::Said {
        socket: id(2),
        user: "ann".into(),
        groups: Vec::new(),
        info: Info::of(&"on its way").expect("it fits"),
    });
    clock.enter("ann", 2);
    assert_eq!(clock.said().as_deref(), Some("on its way"));
}

#[test]
fn of_two_values_in_one_millisecond_the_later_one_counts() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    say(&mut clock, 1, at(1_000, &"typing"));
    let ann = &clock.table.groups[&GroupId::from(LOBBY)].members[&UserId::from("ann")];
    let carried = ann.last_word().cloned();
    say(&mut clock, 1, at(1_000, &()));
    // The other node has heard of the first one alone, and carries it.
    report(&mut clock, 1, carried);
    assert_eq!(clock.said(), None);
    say(&mut clock, 1, at(1_000, &"here"));
    assert_eq!(clock.said().as_deref(), Some("here"));
}

#[test]
fn a_clock_that_no_node_has_is_not_followed() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    elsewhere(&mut clock, 1, Some("forged"), u64::MAX);
    elsewhere(&mut clock, 0, None, 0);
    clock.enter("bob", 3);
    clock.say("bob", 3, "here");
    let bob = &clock.table.groups[&GroupId::from(LOBBY)].members[&UserId::from("bob")];
    let stamp = bob.info().expect("it was said").stamp;
    let now = Info::of(&1).expect("it fits").stamp;
    assert!(stamp <= now + 24 * 3_600_000, "{stamp}");
}

#[test]
fn what_is_taken_back_is_taken_back_on_all_nodes_and_does_not_return() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    clock.watch(9);
    assert_eq!(clock.frames().len(), 1);
    clock.say("ann", 1, "here");
    elsewhere(&mut clock, 1, Some("there"), 1);
    clock.wait(1_000);
    assert_eq!(clock.frames().len(), 1);
    clock.enter("ann", 2);
    take_back(&mut clock, 2);
    assert_eq!(clock.said(), None);
    clock.wait(1_000);
    assert_eq!(clock.frames()[0].1["joined"], users(&["ann"]));
    elsewhere(&mut clock, 0, None, 0);
    for _ in 0..2 {
        clock.leave("ann", PresenceCause::Closed);
    }
    clock.enter("ann", 1);
    assert_eq!(clock.said(), None, "the last word was none");
    clock.wait(1_000);
    assert_eq!(clock.frames(), []);
}

#[test]
fn nothing_is_said_of_those_without_a_name() {
    let mut clock = Clock::lobby();
    clock.table.publish();
    clock.enter("", 1);
    assert_eq!(clock.table.reports(clock.now).len(), 1);
    clock.wait(1_000);
    clock.say("", 1, "here");
    assert_eq!(clock.table.reports(clock.now).len(), 0);
    assert!(clock.table.infos.is_empty());
    assert_eq!(clock.view().count, 1);
}

#[test]
fn a_node_on_which_it_was_said_takes_it_along_neither_when_it_has_none_left_nor_when_it_dies() {
    for dies in [true, false] {
        let mut world = World::new(7, 3, 0);
        world.run(3_000);
        world.enter(1, "ann");
        world.say(1, "ann", "old");
        world.run(2_000);
        world.enter(2, "ann");
        world.say(2, "ann", "new");
        world.run(2_000);
        if dies {
            world.kill(2);
        } else {
            world.leave(2, "ann");
        }
        for _ in 0..800 {
            world.run(25);
            for node in [1, 3] {
                let said = world.said(node, "ann");
                assert_eq!(said.as_deref(), Some("new"), "{dies} {node}");
            }
        }
        world.leave(1, "ann");
        world.run(20_000);
        world.enter(3, "ann");
        world.run(3_000);
        assert_eq!(world.said(1, "ann"), None, "it had left");
    }
}

#[test]
fn the_same_word_again_is_told_to_no_watcher() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    clock.watch(9);
    clock.say("ann", 1, "here");
    let all = json!([{ "userId": "ann", "info": "here" }]);
    assert_eq!(clock.frames()[0].1["joined"], all);
    elsewhere(&mut clock, 1, Some("here"), 5);
    clock.wait(1_000);
    assert_eq!(clock.frames(), []);
}
