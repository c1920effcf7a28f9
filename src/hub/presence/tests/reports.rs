//! What one node says of its members, and what another makes of it.

use std::{collections::HashSet, time::Duration};

use super::clock::{Clock, LOBBY};
use crate::hub::{
    cluster::{
        MemberEntry, MemberNews, MemberReport, MemberVersions, Name, ReportPart, partition_of,
    },
    presence::{change::PresenceCause, info::Info},
};

/// Two nodes, of which the second hears the first.
struct Pair {
    own: Clock,
    other: Clock,
    /// Of the first.
    incarnation: u64,
}

impl Pair {
    fn new() -> Self {
        let mut own = Clock::lobby();
        own.table.publish();
        let mut other = Clock::lobby();
        (other.now, other.table.node) = (own.now, 2);
        other.learn(MemberNews::Hears(u64::MAX));
        let mut pair = Self {
            own,
            other,
            incarnation: 1,
        };
        pair.beat(MemberVersions::default());
        pair
    }

    fn beat(&mut self, versions: MemberVersions) {
        self.other.learn(MemberNews::Beat {
            node: 1,
            incarnation: self.incarnation,
            versions,
        });
    }

    fn hear(&mut self, (partition, report): (u8, MemberReport)) {
        self.other.learn(MemberNews::Report {
            node: 1,
            incarnation: self.incarnation,
            partition,
            report,
        });
    }

    /// Has what is due by then arrive.
    fn pass(&mut self, millis: u64) {
        for report in self.reports(millis) {
            self.hear(report);
        }
    }

    fn reports(&mut self, millis: u64) -> Vec<(u8, MemberReport)> {
        self.own.wait(millis);
        self.other.now = self.own.now;
        self.own.table.reports(self.own.now)
    }

    /// Returns the partitions of which the second node wants all members now.
    fn wanted(&mut self) -> Option<u64> {
        self.other.table.tick(self.other.now);
        let wanted = self.other.table.remotes.take_wanted();
        wanted.first().map(|(_, partitions)| *partitions)
    }

    fn seen(&self) -> usize {
        self.other.view().users
    }
}

#[test]
fn changes_are_reported_at_once_and_then_twice_a_second() {
    let mut pair = Pair::new();
    pair.own.enter("ann", 1);
    assert_eq!(pair.reports(0).len(), 1);
    pair.own.enter("bob", 2);
    assert_eq!(pair.reports(499).len(), 0);
    pair.own.enter("eve", 3);
    pair.own.leave("eve", PresenceCause::Closed);
    let reports = pair.reports(1);
    assert_eq!((reports.len(), reports[0].1.version), (1, 2));
    assert_eq!(reports[0].1.entries.len(), 2);
    assert_eq!(
        pair.reports(10_000).len(),
        0,
        "nothing is said of those that stay"
    );
}

#[test]
fn a_large_group_is_sent_in_small_parts_and_what_changes_meanwhile_is_not_lost() {
    let mut pair = Pair::new();
    for at in 0..50_000 {
        pair.own
            .enter(&format!("a user with a longer name {at}"), at);
    }
    let changes = pair.reports(0);
    assert!(changes.len() > 30, "{}", changes.len());
    // None of them arrives, which the heartbeats tell.
    pair.beat(pair.own.table.member_versions());
    assert_eq!(
        pair.wanted(),
        None,
        "a heartbeat may be faster than a report"
    );
    pair.beat(pair.own.table.member_versions());
    let wanted = pair.wanted().expect("it is asked");
    pair.own.learn(MemberNews::Wanted(wanted));
    pair.own.learn(MemberNews::Wanted(wanted));
    let (mut parts, mut rounds) = (HashSet::new(), 0);
    while rounds < 1_000 {
        rounds += 1;
        pair.own.enter(&format!("late {rounds}"), 0);
        let reports = pair.reports(50);
        let is_over = rounds > 20
            && reports
                .iter()
                .all(|(_, report)| report.part == ReportPart::Changes);
        for (partition, report) in reports {
            let bytes: usize = report.entries.iter().map(|entry| entry.len()).sum();
            assert!(bytes <= 64 << 10, "{bytes}");
            if let ReportPart::Snapshot { number, .. } = report.part {
                assert!(parts.insert(number), "it is sent once");
            }
            pair.hear((partition, report));
        }
        if is_over {
            break;
        }
    }
    assert!(parts.len() > 30, "{}", parts.len());
    pair.pass(1_000);
    assert_eq!(pair.seen(), 50_000 + rounds as usize);
    pair.beat(pair.own.table.member_versions());
    assert_eq!(pair.wanted(), None);
    assert_eq!(pair.other.table.figures().members, pair.seen());
}

#[test]
fn a_report_that_is_missing_has_the_node_asked_for_all() {
    let mut pair = Pair::new();
    pair.own.enter("ann", 1);
    let first = pair.reports(500).remove(0);
    pair.own.enter("bob", 1);
    let lost = pair.reports(500).remove(0);
    pair.own.leave("ann", PresenceCause::Lost);
    let third = pair.reports(500).remove(0);
    pair.hear(first.clone());
    pair.hear(third);
    assert_eq!(pair.seen(), 1, "what comes out of turn is not believed");
    let wanted = pair.wanted().expect("it is asked");
    assert_eq!(wanted, 1 << first.0);
    assert_eq!(pair.wanted(), None, "once");
    pair.hear(lost);
    pair.own.learn(MemberNews::Wanted(wanted));
    pair.pass(0);
    let view = pair.other.view();
    let users: Vec<_> = view
        .members
        .iter()
        .map(|one| (one.user.as_str(), one.sockets))
        .collect();
    assert_eq!(users, [("ann", 0), ("bob", 1)]);
    pair.hear(first);
    assert_eq!(pair.seen(), 2, "an old one says nothing");
    pair.other.wait(3_000);
    assert_eq!(pair.wanted(), None);
}

#[test]
fn without_an_answer_the_node_is_asked_again() {
    let mut pair = Pair::new();
    pair.own.enter("ann", 1);
    pair.reports(0);
    let versions = pair.own.table.member_versions();
    pair.other.learn(MemberNews::Gone(1));
    pair.beat(versions);
    assert!(pair.wanted().is_some(), "it is new here");
    for _ in 0..3 {
        pair.other.wait(2_999);
        assert_eq!(pair.wanted(), None);
        pair.other.wait(1);
        assert!(pair.wanted().is_some());
    }
    let due = pair.other.table.deadline(pair.other.now);
    assert_eq!(due, Some(pair.other.now + Duration::from_secs(3)));
    assert!(!pair.other.table.remotes.is_synced(0) || pair.seen() == 0);
}

#[test]
fn snapshots_that_are_being_put_together_are_under_one_bound() {
    let mut pair = Pair::new();
    pair.other.table.remotes.max_waiting = 100_000;
    let partition = partition_of(Name::Group(LOBBY));
    let part = |number, is_last| {
        let info = Info::of(&"x".repeat(1_000)).expect("it fits");
        let entries = (0..30).map(|at| MemberEntry {
            group: LOBBY.into(),
            user: at.to_string().into(),
            sockets: 1,
            cause: 0,
            info: Some((1, info.json.clone())),
        });
        MemberReport {
            version: 1,
            part: ReportPart::Snapshot { number, is_last },
            entries: entries.collect(),
        }
    };
    pair.hear((partition, part(0, false)));
    pair.hear((partition, part(1, false)));
    let waiting = pair.other.table.remotes.waiting();
    assert!((60_000..100_000).contains(&waiting), "{waiting}");
    // Changes that come meanwhile count as well.
    let mut changes = part(0, false);
    (changes.version, changes.part) = (2, ReportPart::Changes);
    pair.hear((partition, changes.clone()));
    pair.hear((partition, changes));
    assert_eq!(pair.other.table.remotes.waiting(), 0);
    for number in 0..10 {
        pair.hear((partition, part(number, false)));
        assert!(pair.other.table.remotes.waiting() <= 100_000);
    }
    // One that needs no room is taken nevertheless, and others once there is some.
    pair.hear((partition, part(0, true)));
    assert_eq!(pair.seen(), 30);
    assert_eq!(pair.other.table.remotes.waiting(), 0);
}

#[test]
fn a_forged_report_is_forgotten_with_the_heartbeats_that_follow() {
    let partition = partition_of(Name::Group(LOBBY));
    for (part, version) in [
        (ReportPart::Changes, u64::MAX),
        (
            ReportPart::Snapshot {
                number: 0,
                is_last: true,
            },
            u64::MAX,
        ),
        (
            ReportPart::Snapshot {
                number: 0,
                is_last: true,
            },
            7,
        ),
    ] {
        for has_members in [true, false] {
            let mut pair = Pair::new();
            if has_members {
                pair.own.enter("ann", 1);
                pair.pass(0);
            }
            let ghost = MemberEntry {
                group: LOBBY.into(),
                user: "ghost".into(),
                sockets: 1,
                cause: 0,
                info: None,
            };
            let forged = MemberReport {
                version,
                part,
                entries: vec![ghost],
            };
            pair.hear((partition, forged.clone()));
            pair.hear((partition, forged));
            for _ in 0..4 {
                pair.beat(pair.own.table.member_versions());
                if let Some(wanted) = pair.wanted() {
                    pair.own.learn(MemberNews::Wanted(wanted));
                }
                pair.pass(2_000);
            }
            pair.other.wait(10_000);
            pair.other.table.tick(pair.other.now);
            assert_eq!(pair.seen(), usize::from(has_members), "{part:?} {version}");
            assert!(pair.other.table.remotes.is_synced(partition));
            pair.own.enter("bob", 2);
            pair.pass(1_000);
            assert_eq!(pair.seen(), 1 + usize::from(has_members));
            assert!(pair.other.table.remotes.is_synced(partition));
        }
    }
}

#[test]
fn a_name_that_is_too_long_here_hides_no_other() {
    let mut pair = Pair::new();
    pair.own.enter("ann", 1);
    pair.own.enter(&"x".repeat(300), 2);
    pair.pass(0);
    assert_eq!(pair.seen(), 1);
    pair.beat(pair.own.table.member_versions());
    assert_eq!(pair.wanted(), None);
}

#[test]
fn members_for_whom_there_was_no_room_are_asked_for_once_there_is_some() {
    let mut pair = Pair::new();
    pair.other.table.max_remote_members = 32;
    for at in 0..40 {
        pair.own.enter(&at.to_string(), at);
    }
    pair.pass(0);
    assert_eq!(pair.seen(), 32);
    assert!(pair.other.table.is_truncated);
    for at in 0..20 {
        pair.own.leave(&at.to_string(), PresenceCause::Closed);
    }
    pair.pass(1_000);
    let wanted = pair.wanted().expect("it is asked");
    pair.own.learn(MemberNews::Wanted(wanted));
    // One partition after the other.
    for _ in 0..64 {
        pair.pass(200);
    }
    pair.other.table.tick(pair.other.now);
    assert!(!pair.other.table.is_truncated);
    assert_eq!(pair.seen(), 20);
    assert!(
        pair.other
            .table
            .remotes
            .is_synced(partition_of(Name::Group(LOBBY)))
    );
}

#[test]
fn one_that_comes_back_and_goes_again_between_two_reports_is_away_from_then_on() {
    let mut pair = Pair::new();
    pair.own.enter("ann", 1);
    pair.pass(0);
    pair.own.leave("ann", PresenceCause::Closed);
    pair.pass(1_000);
    pair.own.wait(9_000);
    pair.own.enter("ann", 2);
    pair.own.leave("ann", PresenceCause::Lost);
    pair.pass(0);
    assert_eq!(pair.other.changes(), ["+ann"]);
    pair.other.wait(9_900);
    assert_eq!(pair.other.changes(), [""; 0], "it was here 9.9 s ago");
    pair.other.wait(100);
    assert_eq!(pair.other.changes(), ["-ann lost"]);
}

#[test]
fn a_node_that_starts_again_under_its_name_has_other_members() {
    let mut pair = Pair::new();
    for user in ["ann", "bob"] {
        pair.own.enter(user, 1);
    }
    let before = pair.reports(0).remove(0);
    pair.hear(before.clone());
    assert_eq!(pair.other.changes().len(), 2);
    let now = pair.own.now;
    pair.own = Clock::lobby();
    pair.own.now = now;
    pair.own.table.publish();
    pair.own.enter("bob", 1);
    let report = pair.reports(1_000).remove(0);
    pair.incarnation = 2;
    pair.beat(pair.own.table.member_versions());
    // What is still on its way from the one before says nothing of this one.
    pair.incarnation = 1;
    pair.hear(before);
    pair.incarnation = 2;
    pair.hear(report);
    let wanted = pair.wanted().expect("a report alone is not all");
    pair.own.learn(MemberNews::Wanted(wanted));
    (0..64).for_each(|_| pair.pass(200));
    assert_eq!(pair.other.changes(), ["-ann node_gone"]);
    let view = pair.other.view();
    assert_eq!((view.users, view.sockets), (1, 1));
}
