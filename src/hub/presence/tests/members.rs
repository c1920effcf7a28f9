//! Members that come, go and come back, and what is said of them.

use serde_json::json;

use super::clock::{Clock, LOBBY, id, users};
use crate::hub::presence::{
    change::PresenceCause,
    info::Info,
    moves::{Move, Watch},
    table::Figures,
};

#[test]
fn a_user_joins_once_and_leaves_once_after_its_last_socket() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    clock.enter("ann", 2);
    assert_eq!(clock.changes(), ["+ann"]);
    clock.leave("ann", PresenceCause::Closed);
    clock.wait(60_000);
    assert_eq!(clock.changes(), [""; 0], "one is left");
    clock.leave("ann", PresenceCause::Lost);
    clock.wait(9_999);
    assert_eq!(clock.changes(), [""; 0]);
    clock.wait(1);
    assert_eq!(clock.changes(), ["-ann lost"]);
    assert!(clock.table.groups.is_empty(), "nothing is kept");
    assert_eq!(clock.table.deadline(clock.now), None);
}

#[test]
fn a_return_within_the_time_is_no_absence() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    assert_eq!(clock.changes(), ["+ann"]);
    for socket in 2..20 {
        clock.leave("ann", PresenceCause::Closed);
        clock.wait(7_000);
        assert_eq!(clock.changes(), [""; 0]);
        clock.enter("ann", socket);
        clock.wait(2_000);
        assert_eq!(clock.changes(), [""; 0]);
    }
    clock.leave("ann", PresenceCause::LeftGroup);
    clock.wait(9_000);
    assert_eq!(clock.changes(), [""; 0], "each absence has its own time");
    clock.wait(1_000);
    assert_eq!(clock.changes(), ["-ann left_group"]);
}

#[test]
fn what_is_said_of_a_user_is_told_and_stays_until_it_has_left() {
    let mut clock = Clock::lobby();
    clock.watch(9);
    assert_eq!(clock.frames().len(), 1);
    clock.say("ann", 1, "here");
    assert_eq!(clock.view().users, 0, "not in it");
    clock.enter("ann", 1);
    clock.wait(1_000);
    let said = |text: &str| json!([{ "userId": "ann", "info": text }]);
    assert_eq!(clock.frames()[0].1["joined"], said("here"));
    clock.say("ann", 1, "here");
    clock.wait(1_000);
    assert_eq!(clock.frames(), [], "the same again");
    clock.say("ann", 1, "typing");
    assert_eq!(clock.frames()[0].1["joined"], said("typing"));
    clock.leave("ann", PresenceCause::Closed);
    clock.apply(Move::Ended(id(1)));
    clock.wait(5_000);
    clock.enter("ann", 2);
    clock.wait(5_000);
    assert_eq!(clock.frames(), []);
    let view = clock.view();
    assert_eq!(view.members[0].info(), Some("\"typing\""));
    clock.apply(Move::Said {
        socket: id(2),
        user: "ann".into(),
        groups: vec![LOBBY.into()],
        info: Info::of(&()).expect("it fits"),
    });
    assert_eq!(clock.frames()[0].1["joined"], users(&["ann"]));
}

#[test]
fn a_socket_that_ends_leaves_no_trace() {
    let mut clock = Clock::lobby();
    clock.say("ann", 1, "here");
    clock.watch(1);
    clock.watch_as(1, "hall", Watch::ByIdentity);
    assert_eq!(clock.table.not_watched, 1, "no rule names it");
    clock.apply(Move::Ended(id(1)));
    clock.run_down();
    assert!(clock.table.groups.is_empty());
    assert_eq!(clock.table.figures(), Figures::default());
    assert!(!clock.table.is_watching(id(1), &LOBBY.into()));
    clock.enter("ann", 1);
    assert_eq!(clock.view().members[0].info(), None);
}

#[test]
fn members_that_are_away_are_under_a_bound() {
    let mut clock = Clock::lobby();
    clock.table.max_absences = 2;
    let users = ["ann", "bob", "eve", "joe"];
    for (user, socket) in users.into_iter().zip(1..) {
        clock.enter(user, socket);
    }
    assert_eq!(clock.changes().len(), 4);
    for user in users {
        clock.leave(user, PresenceCause::Closed);
        clock.changes();
    }
    let view = clock.view();
    let away = view.members.iter().map(|member| member.user.as_str());
    assert_eq!(away.collect::<Vec<_>>(), ["ann", "bob"]);
    clock.wait(10_000);
    assert_eq!(clock.changes(), ["-ann closed", "-bob closed"]);
    // There is room again.
    clock.enter("joe", 5);
    clock.leave("joe", PresenceCause::Closed);
    assert_eq!(clock.changes(), ["+joe"]);
    clock.run_down();
    assert!(clock.table.groups.is_empty());
}

#[test]
fn all_whose_time_has_come_have_left_after_some_turns() {
    let mut clock = Clock::lobby();
    for at in 0..5_000 {
        clock.enter(&at.to_string(), at);
    }
    while !clock.changes().is_empty() {}
    for at in 0..5_000 {
        clock.leave(&at.to_string(), PresenceCause::Closed);
    }
    clock.wait(10_000);
    let (mut left, mut turns) = (0, 0);
    while clock
        .table
        .deadline(clock.now)
        .is_some_and(|due| due <= clock.now)
    {
        let told = clock.changes().len();
        assert!(told <= 1_024, "{told} at once");
        (left, turns) = (left + told, turns + 1);
    }
    assert!((5..10).contains(&turns), "{turns}");
    assert_eq!(left, 5_000);
    assert!(clock.table.groups.is_empty());
}

#[test]
fn a_list_that_is_left_out_is_counted_all_the_same() {
    let mut clock = Clock::lobby();
    for (user, socket) in [("ann", 1), ("ann", 2), ("bob", 3), ("", 4)] {
        clock.enter(user, socket);
    }
    clock.leave("bob", PresenceCause::Closed);
    let view = |up_to| clock.table.view(LOBBY, up_to).expect("a rule");
    let (whole, counted) = (view(2), view(1));
    assert_eq!((whole.members.len(), counted.members.len()), (2, 0));
    for view in [whole, counted] {
        assert_eq!((view.users, view.sockets, view.count), (2, 3, 3));
        assert!(view.is_complete);
    }
}
