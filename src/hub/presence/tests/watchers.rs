//! What watchers are told, and who may watch.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::clock::{Clock, LOBBY, id, users};
use crate::{
    config::{PresenceRule, PresenceRules},
    hub::{
        identity::{Principal, User},
        presence::{
            change::PresenceCause,
            moves::{Move, Watch},
            table::Table,
        },
    },
    protocol::{GroupId, UserId},
};

#[test]
fn watchers_get_all_first_and_then_what_changes_once_a_second() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    clock.watch(1);
    let all = json!({ "reset": true, "joined": users(&["ann"]), "left": [], "count": 1 });
    assert_eq!(clock.frames(), [(vec![1], all)]);
    clock.enter("bob", 2);
    clock.enter("", 3);
    assert_eq!(clock.frames(), [], "not twice in a second");
    clock.watch(2);
    clock.wait(1_000);
    let news = json!({ "joined": users(&["bob"]), "left": [], "count": 3 });
    let all = json!({ "reset": true, "joined": users(&["ann", "bob"]), "left": [], "count": 3 });
    assert_eq!(clock.frames(), [(vec![1], news), (vec![2], all)]);
    clock.leave("", PresenceCause::Closed);
    clock.leave("bob", PresenceCause::Closed);
    clock.wait(5_000);
    let fewer = json!({ "joined": [], "left": [], "count": 2 });
    assert_eq!(clock.frames(), [(vec![1, 2], fewer)]);
    clock.wait(5_000);
    let left = json!({ "joined": [], "left": users(&["bob"]), "count": 1 });
    assert_eq!(clock.frames(), [(vec![1, 2], left)]);
    clock.wait(60_000);
    assert_eq!(clock.frames(), []);
}

#[test]
fn what_comes_and_goes_between_two_frames_is_not_told() {
    let mut clock = Clock::new(PresenceRule::group(LOBBY).leave_after(Duration::ZERO));
    clock.watch(1);
    assert_eq!(clock.frames().len(), 1);
    clock.enter("ann", 1);
    assert_eq!(clock.frames(), []);
    clock.leave("ann", PresenceCause::Closed);
    clock.wait(1_000);
    assert_eq!(clock.frames(), []);
    clock.enter("ann", 1);
    assert_eq!(clock.frames().len(), 1, "the first change is told at once");
    clock.leave("ann", PresenceCause::Closed);
    assert_eq!(clock.frames(), []);
    clock.enter("ann", 1);
    clock.wait(1_000);
    assert_eq!(clock.frames(), []);
}

#[test]
fn a_group_too_large_to_list_is_counted_and_listed_again_when_it_is_well_smaller() {
    let mut clock = Clock::lobby();
    let name = |at: u64| format!("user{at}");
    (0..8).for_each(|at| clock.enter(&name(at), at));
    clock.watch(0);
    let frames = clock.frames();
    assert_eq!(frames[0].1["joined"].as_array().map(Vec::len), Some(8));
    clock.enter(&name(8), 8);
    clock.wait(1_000);
    assert_eq!(clock.frames(), [(vec![0], json!({ "count": 9 }))]);
    clock.watch(1);
    clock.wait(1_000);
    assert_eq!(clock.frames(), [(vec![1], json!({ "count": 9 }))]);
    clock.leave(&name(8), PresenceCause::Closed);
    clock.wait(10_000);
    assert_eq!(clock.frames(), [(vec![0, 1], json!({ "count": 8 }))]);
    clock.leave(&name(7), PresenceCause::Closed);
    clock.wait(10_000);
    let frames = clock.frames();
    assert_eq!((frames.len(), &frames[0].0), (1, &vec![0, 1]));
    assert_eq!(frames[0].1["reset"], true);
    assert_eq!(frames[0].1["joined"].as_array().map(Vec::len), Some(7));
    clock.leave(&name(6), PresenceCause::Closed);
    clock.wait(10_000);
    let left = json!({ "joined": [], "left": users(&["user6"]), "count": 6 });
    assert_eq!(clock.frames(), [(vec![0, 1], left)]);
}

#[test]
fn ten_thousand_joins_in_a_second_are_a_frame() {
    let mut clock = Clock::lobby();
    clock.watch(0);
    assert_eq!(clock.frames().len(), 1);
    let mut frames = 0;
    for at in 0..20_000 {
        clock.enter(&format!("user{at}"), at);
        if at % 10 == 0 {
            clock.wait(1);
            frames += clock.frames().len();
        }
    }
    assert_eq!(frames, 2, "in two seconds");
}

#[test]
fn an_identity_without_the_right_ends_what_came_of_the_right() {
    let mut rules = PresenceRules::default();
    rules.add(PresenceRule::group("*"));
    let mut clock = Clock::lobby();
    clock.table = Table::new(1, Arc::new(rules), 256);
    for (group, watch) in [
        ("own", Watch::ByIdentity),
        ("hall", Watch::ByIdentity),
        ("room:1", Watch::ByIdentity),
        ("attic", Watch::ByApplication),
    ] {
        clock.watch_as(1, group, watch);
    }
    // Asked for by the client as well.
    clock.watch_as(1, "attic", Watch::ByIdentity);
    let user = User::Verified(UserId::from("ann"));
    clock.apply(Move::Allowed {
        socket: id(1),
        groups: vec!["own".into()],
        principal: Principal::new(user, Vec::new(), vec!["room:*".into()], None),
    });
    let watched = ["own", "hall", "room:1", "attic"]
        .map(|group| clock.table.is_watching(id(1), &GroupId::from(group)));
    assert_eq!(watched, [true, false, true, true]);
}

#[test]
fn a_socket_watches_sixty_four_groups_at_most() {
    let mut rules = PresenceRules::default();
    rules.add(PresenceRule::group("room:*"));
    let mut clock = Clock::lobby();
    clock.table = Table::new(1, Arc::new(rules), 256);
    for at in 0..70 {
        clock.watch_as(1, &format!("room:{at}"), Watch::ByApplication);
    }
    clock.watch_as(1, "room:0", Watch::ByApplication);
    assert_eq!(clock.table.figures().watchers, 64);
    assert_eq!(clock.table.not_watched, 6);
}

#[test]
fn the_last_watcher_takes_with_it_what_was_to_be_told() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    clock.watch(1);
    assert_eq!(clock.frames().len(), 1);
    clock.enter("bob", 2);
    clock.apply(Move::Unwatching {
        socket: id(1),
        group: LOBBY.into(),
    });
    clock.wait(5_000);
    assert_eq!(clock.frames(), []);
    clock.enter("eve", 3);
    clock.watch(2);
    let all = json!({
        "reset": true, "joined": users(&["ann", "bob", "eve"]), "left": [], "count": 3,
    });
    assert_eq!(clock.frames(), [(vec![2], all)]);
    for user in ["ann", "bob", "eve"] {
        clock.leave(user, PresenceCause::Closed);
    }
    clock.apply(Move::Ended(id(2)));
    clock.run_down();
    assert!(clock.table.groups.is_empty());
}

#[test]
fn a_member_that_comes_back_before_watchers_are_told_is_told_with_what_is_said_of_it_now() {
    let mut clock = Clock::new(PresenceRule::group(LOBBY).leave_after(Duration::ZERO));
    clock.enter("ann", 1);
    clock.say("ann", 1, "here");
    clock.watch(9);
    assert_eq!(clock.frames().len(), 1);
    clock.wait(200);
    clock.leave("ann", PresenceCause::Closed);
    clock.apply(Move::Ended(id(1)));
    assert_eq!(clock.frames(), []);
    clock.wait(200);
    clock.enter("ann", 2);
    clock.wait(600);
    let back = json!({ "joined": users(&["ann"]), "left": [], "count": 1 });
    assert_eq!(clock.frames(), [(vec![9], back)]);
}

#[test]
fn groups_that_are_due_at_once_are_told_in_turns() {
    let mut clock = Clock::new(PresenceRule::group("room:*"));
    for at in 0..100 {
        clock.watch_as(at, &format!("room:{at}"), Watch::ByApplication);
    }
    let (mut told, mut turns) = (0, 0);
    while clock
        .table
        .deadline(clock.now)
        .is_some_and(|due| due <= clock.now)
    {
        let count = clock.table.tick(clock.now).len();
        assert!((1..=32).contains(&count), "{count} at once");
        (told, turns) = (told + count, turns + 1);
    }
    assert_eq!((told, turns), (100, 4));
}

#[test]
fn one_that_watches_no_longer_is_not_told_what_was_under_way() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    (1..=3).for_each(|socket| clock.watch(socket));
    assert_eq!(clock.frames().len(), 1);
    clock.enter("bob", 2);
    clock.wait(1_000);
    let told = clock.table.tick(clock.now);
    clock.apply(Move::Unwatching {
        socket: id(1),
        group: LOBBY.into(),
    });
    // This one is about to be told of all.
    clock.watch(2);
    let watchers = clock.table.watchers(&told[0].group, &told[0].watchers);
    assert_eq!(watchers, [3]);
    clock.wait(1_000);
    let frames = clock.frames();
    assert_eq!((frames.len(), &frames[0].0), (1, &vec![2]));
    assert_eq!(clock.table.frames, 5);
}
