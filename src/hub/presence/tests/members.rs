//! Members that come, go and come back, and what is said of them.

use std::sync::Arc;

use serde_json::json;

use super::clock::{Clock, LOBBY, id, users};
use crate::hub::presence::{
    change::PresenceCause,
    info::Info,
    member::Holder,
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
fn a_better_word_on_the_cause_counts_until_the_user_has_left() {
    let mut clock = Clock::lobby();
    clock.enter("ann", 1);
    clock.leave("ann", PresenceCause::Closed);
    clock.apply(Move::Explained {
        group: LOBBY.into(),
        user: "ann".into(),
        cause: PresenceCause::Lost,
    });
    assert_eq!(clock.changes(), ["+ann"]);
    clock.wait(10_000);
    assert_eq!(clock.changes(), ["-ann lost"]);
    clock.apply(Move::Explained {
        group: LOBBY.into(),
        user: "ann".into(),
        cause: PresenceCause::Closed,
    });
    assert!(clock.table.groups.is_empty());
}

#[test]
fn what_is_said_of_a_user_is_told_and_stays_until_it_has_left() {
    let mut clock = Clock::lobby();
    clock.watch(9);
    assert_eq!(clock.frames().len(), 1);
    clock.say("ann", 1, "here");
    assert_eq!(
        clock.table.view(LOBBY).expect("a rule").users,
        0,
        "not in it"
    );
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
    let view = clock.table.view(LOBBY).expect("a rule");
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
    assert_eq!(
        clock.table.view(LOBBY).expect("a rule").members[0].info(),
        None
    );
}

#[test]
fn what_is_taken_back_is_taken_back_on_all_nodes() {
    let mut clock = Clock::lobby();
    let said = |clock: &Clock| {
        let view = clock.table.view(LOBBY).expect("a rule");
        view.members[0].info().map(ToOwned::to_owned)
    };
    clock.enter("ann", 1);
    clock.watch(9);
    assert_eq!(clock.frames().len(), 1);
    let (group, user) = (LOBBY.into(), "ann".into());
    let elsewhere = |clock: &mut Clock, info| {
        let holder = Holder {
            node: 2,
            sockets: 1,
            info: Some(info),
        };
        let (cause, now) = (PresenceCause::Closed, clock.now);
        clock.table.set(&group, &user, holder, cause, now);
    };
    let word = Info::of(&"there").expect("it fits");
    elsewhere(&mut clock, word);
    assert_eq!(said(&clock).as_deref(), Some("\"there\""));
    clock.wait(1_000);
    assert_eq!(clock.frames().len(), 1);
    let nothing = |stamp| {
        Arc::new(Info {
            stamp,
            json: Info::of(&()).expect("it fits").json.clone(),
        })
    };
    clock.apply(Move::Said {
        socket: id(1),
        user: "ann".into(),
        groups: vec![LOBBY.into()],
        info: nothing(u64::MAX - 1),
    });
    assert_eq!(said(&clock), None);
    clock.wait(1_000);
    assert_eq!(clock.frames()[0].1["joined"], users(&["ann"]));
    // The other node takes it back as well, of which there is nothing to tell.
    elsewhere(&mut clock, nothing(u64::MAX));
    clock.wait(1_000);
    assert_eq!(clock.frames(), []);
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
    let view = clock.table.view(LOBBY).expect("a rule");
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
