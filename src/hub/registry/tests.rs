//! The registry by example, and against a model of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::{Just, ProptestConfig, Strategy, prop, prop_oneof, proptest};

use super::{
    membership::Join,
    name_limits::NameLimits,
    registry::{Registry, Stage},
};
use crate::{
    config::{PresenceRule, PresenceRules},
    protocol::{ConnectionId, DefaultAudience, GroupId, Recipient, Selection, StreamRef, UserId},
};

fn id(serial: u64) -> ConnectionId {
    ConnectionId::new(7, serial)
}

/// With room for so many groups of four bytes each.
fn registry_of(groups: usize) -> Registry<u64> {
    Registry::new(NameLimits {
        groups,
        name: 4,
        names: 4 * (groups + 1),
    })
}

fn registry() -> Registry<u64> {
    let mut registry = registry_of(3);
    for (serial, user, groups) in [
        (1, "ann", &["a", "b"] as &[&str]),
        (2, "ann", &["b"]),
        (3, "bob", &[]),
        (4, "", &["a"]),
    ] {
        registry.insert(id(serial), serial);
        let groups = groups.iter().map(|&group| group.into());
        assert_eq!(
            registry.identify(id(serial), user.into(), groups),
            Join::Member
        );
        registry.activate(id(serial));
    }
    registry
}

fn audience(registry: &mut Registry<u64>, recipients: &[Recipient]) -> Vec<u64> {
    let mut audience = Vec::new();
    registry.resolve(recipients, DefaultAudience::All, |&value| {
        audience.push(value);
    });
    audience.sort_unstable();
    audience
}

#[test]
fn a_pending_socket_has_groups_and_receives_nothing() {
    let mut registry = registry();
    registry.insert(id(5), 5);
    registry.identify(id(5), "eve".into(), []);
    registry.join(id(5), "a".into());
    assert_eq!(audience(&mut registry, &[Recipient::group("a")]), [1, 4]);
    assert!(audience(&mut registry, &[Recipient::connection(id(5))]).is_empty());
    registry.activate(id(5));
    assert_eq!(audience(&mut registry, &[Recipient::group("a")]), [1, 4, 5]);
    assert_eq!(audience(&mut registry, &[Recipient::user("eve")]), [5]);
}

#[test]
fn a_stream_has_the_sockets_that_are_active() {
    let mut registry = registry();
    registry.insert(id(5), 5);
    registry.identify(id(5), "ann".into(), ["b".into()]);
    for (stream, expected) in [
        (StreamRef::Group("b"), &[1_u64, 2] as &[u64]),
        (StreamRef::Group("c"), &[]),
        (StreamRef::User("ann"), &[1, 2]),
        (StreamRef::All, &[1, 2, 3, 4]),
    ] {
        let members = registry.members_of(stream).copied();
        assert!(members.eq(expected.iter().copied()), "{stream:?}");
    }
}

#[test]
fn a_user_can_be_closed_before_its_socket_is_active() {
    let mut registry = registry();
    registry.insert(id(5), 5);
    registry.identify(id(5), "ann".into(), []);
    assert_eq!(present(&registry, &Selection::User("ann")), [1, 2, 5]);
    registry.deactivate(id(5));
    registry.deactivate(id(1));
    assert_eq!(present(&registry, &Selection::User("ann")), [2]);
    assert!(registry.pending.is_empty());
}

#[test]
fn a_removed_socket_leaves_no_trace() {
    let mut registry = registry();
    for serial in 1..=4 {
        assert!(registry.remove(id(serial)));
        assert!(!registry.remove(id(serial)));
    }
    assert_eq!(registry.len(), 0);
    assert_eq!(registry.users().len() + registry.groups().len(), 0);
    assert!(registry.ungrouped.is_empty() && registry.entries.is_empty());
    assert_eq!(registry.join(id(1), "a".into()), Join::NotConnected);
}

#[test]
fn a_deactivated_socket_is_neither_selected_nor_revived() {
    let mut registry = registry();
    registry.deactivate(id(1));
    registry.activate(id(1));
    assert_eq!(registry.join(id(1), "c".into()), Join::NotConnected);
    assert_eq!(audience(&mut registry, &[]), [2, 3, 4]);
    assert!(audience(&mut registry, &[Recipient::connection(id(1))]).is_empty());
    assert_eq!(registry.groups_of(id(1)).len(), 2);
    assert_eq!(registry.all().len(), 4);
}

#[test]
fn groups_of_a_socket_are_bounded_and_the_default_group_is_free() {
    let mut registry = registry();
    assert_eq!(registry.join(id(1), "c".into()), Join::Member);
    assert_eq!(registry.join(id(1), "d".into()), Join::TooManyGroups);
    assert_eq!(registry.join(id(1), "a".into()), Join::Member);
    assert_eq!(registry.join(id(1), "".into()), Join::Member);
    assert!(registry.leave(id(1), "c"));
    assert!(!registry.leave(id(1), "c"));
    assert_eq!(registry.join(id(1), "d".into()), Join::Member);
}

#[test]
fn the_narrow_default_audience_is_the_sockets_without_a_group() {
    let mut registry = registry();
    let mut seen = Vec::new();
    registry.resolve(&[], DefaultAudience::Ungrouped, |&value| seen.push(value));
    assert_eq!(seen, [3]);
    registry.leave(id(4), "a");
    registry.join(id(3), "b".into());
    seen.clear();
    registry.resolve(&[], DefaultAudience::Ungrouped, |&value| seen.push(value));
    assert_eq!(seen, [4]);
}

#[test]
fn an_identity_brings_its_groups_and_takes_those_of_the_one_before() {
    let mut registry = registry();
    assert_eq!(registry.join(id(1), "c".into()), Join::Member);
    let groups = ["b", "c", "b", ""].map(GroupId::from);
    assert_eq!(registry.identify(id(1), "eve".into(), groups), Join::Member);
    assert_eq!(registry.groups_of(id(1)), ["b", "c"]);
    assert_eq!(audience(&mut registry, &[Recipient::user("ann")]), [2]);
    assert_eq!(audience(&mut registry, &[Recipient::user("eve")]), [1]);
    assert_eq!(audience(&mut registry, &[Recipient::group("a")]), [4]);
    assert_eq!(audience(&mut registry, &[Recipient::group("c")]), [1]);

    assert_eq!(registry.identify(id(1), "".into(), []), Join::Member);
    assert_eq!(registry.groups_of(id(1)), ["c"]);
    assert_eq!(registry.users().count(), 2);
}

#[test]
fn a_group_of_the_identitys_that_is_joined_as_well_stays() {
    let mut registry = registry();
    assert_eq!(registry.join(id(1), "a".into()), Join::Member);
    assert_eq!(registry.identify(id(1), "ann".into(), []), Join::Member);
    assert_eq!(registry.groups_of(id(1)), ["a"]);
    assert!(registry.leave(id(1), "a"));
    assert!(registry.groups_of(id(1)).is_empty());
}

#[test]
fn an_identity_of_too_many_groups_changes_nothing() {
    let mut registry = registry();
    assert_eq!(registry.join(id(1), "c".into()), Join::Member);
    let groups = ["d", "e", "f"].map(GroupId::from);
    let outcome = registry.identify(id(1), "eve".into(), groups);
    assert_eq!(outcome, Join::TooManyGroups);
    assert_eq!(registry.groups_of(id(1)), ["a", "b", "c"]);
    assert_eq!(audience(&mut registry, &[Recipient::user("ann")]), [1, 2]);
}

/// A socket of the model.
#[derive(Clone, Debug)]
struct Model {
    stage: Stage,
    user: &'static str,
    named: BTreeSet<&'static str>,
    joined: BTreeSet<&'static str>,
}

impl Model {
    fn is_in(&self, group: &str) -> bool {
        self.named.contains(group) || self.joined.contains(group)
    }

    fn groups(&self) -> BTreeSet<&'static str> {
        self.named.union(&self.joined).copied().collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Activate,
    Deactivate,
    Remove,
    Identify(&'static str, Vec<&'static str>),
    Join(&'static str),
    Leave(&'static str),
}

fn step() -> impl Strategy<Value = Step> {
    let groups = prop::collection::vec(prop::sample::select(&GROUPS), 0..5);
    prop_oneof![
        2 => Just(Step::Activate),
        1 => Just(Step::Deactivate),
        1 => Just(Step::Remove),
        6 => (prop::sample::select(&USERS), groups)
            .prop_map(|(user, groups)| Step::Identify(user, groups)),
        4 => prop::sample::select(&GROUPS).prop_map(Step::Join),
        4 => prop::sample::select(&GROUPS).prop_map(Step::Leave),
    ]
}

/// Takes a step in the model.
fn apply(sockets: &mut BTreeMap<u64, Model>, serial: u64, step: &Step) {
    let Some(socket) = sockets.get_mut(&serial) else {
        return;
    };
    let is_open = socket.stage != Stage::Removed;
    match step {
        Step::Activate if socket.stage == Stage::Pending => socket.stage = Stage::Active,
        Step::Activate => {}
        Step::Deactivate => socket.stage = Stage::Removed,
        Step::Remove => _ = sockets.remove(&serial),
        Step::Identify(user, groups) => {
            let groups = groups.iter().copied();
            let named: BTreeSet<_> = groups
                .filter(|group| !group.is_empty() && !socket.joined.contains(group))
                .collect();
            if is_open && named.len() + socket.joined.len() <= 3 {
                (socket.user, socket.named) = (user, named);
            }
        }
        Step::Join(group) => {
            let has_room = socket.groups().len() < 3 || socket.is_in(group);
            if is_open && !group.is_empty() && has_room {
                socket.named.remove(group);
                socket.joined.insert(group);
            }
        }
        Step::Leave(group) => {
            socket.named.remove(group);
            socket.joined.remove(group);
        }
    }
}

fn act(registry: &mut Registry<u64>, serial: u64, step: &Step) {
    let id = id(serial);
    match step {
        Step::Activate => _ = registry.activate(id),
        Step::Deactivate => registry.deactivate(id),
        Step::Remove => _ = registry.remove(id),
        Step::Identify(user, groups) => {
            let groups = groups.iter().map(|&group| group.into());
            registry.identify(id, (*user).into(), groups);
        }
        Step::Join(group) => _ = registry.join(id, (*group).into()),
        Step::Leave(group) => _ = registry.leave(id, group),
    }
}

fn present(registry: &Registry<u64>, selection: &Selection<'_>) -> Vec<u64> {
    let mut present: Vec<_> = registry.present(selection).into_iter().copied().collect();
    present.sort_unstable();
    present
}

fn check(registry: &mut Registry<u64>, sockets: &BTreeMap<u64, Model>) {
    let those = |so: &dyn Fn(&Model) -> bool| -> Vec<u64> {
        let sockets = sockets.iter().filter(|(_, socket)| so(socket));
        sockets.map(|(&serial, _)| serial).collect()
    };
    let is_active = |socket: &Model| socket.stage == Stage::Active;
    let is_here = |socket: &Model| socket.stage != Stage::Removed;
    for (&serial, socket) in sockets {
        let groups = registry.groups_of(id(serial)).iter();
        let groups: Vec<_> = groups.map(GroupId::as_str).collect();
        let set: BTreeSet<_> = groups.iter().copied().collect();
        assert_eq!((set.len(), set), (groups.len(), socket.groups()));
    }
    for user in USERS.into_iter().filter(|user| !user.is_empty()) {
        let recipients = [Recipient::user(user)];
        let expected = those(&|socket| is_active(socket) && socket.user == user);
        assert_eq!(audience(registry, &recipients), expected);
        let expected = those(&|socket| is_here(socket) && socket.user == user);
        assert_eq!(present(registry, &Selection::User(user)), expected);
    }
    assert_eq!(present(registry, &Selection::User("")), [0; 0]);
    assert_eq!(present(registry, &Selection::All), those(&is_here));
    for &serial in sockets.keys() {
        let expected = those(&|socket| is_here(socket) && std::ptr::eq(socket, &sockets[&serial]));
        let selection = Selection::Connection(id(serial));
        assert_eq!(present(registry, &selection), expected);
    }
    for group in GROUPS.into_iter().filter(|group| !group.is_empty()) {
        let recipients = [Recipient::group(group)];
        let expected = those(&|socket| is_active(socket) && socket.is_in(group));
        assert_eq!(audience(registry, &recipients), expected);
        let expected = those(&|socket| is_here(socket) && socket.is_in(group));
        assert_eq!(present(registry, &Selection::Group(group)), expected);
    }
    let mut ungrouped = Vec::new();
    registry.resolve(&[], DefaultAudience::Ungrouped, |&value| {
        ungrouped.push(value);
    });
    ungrouped.sort_unstable();
    let expected = those(&|socket| is_active(socket) && socket.groups().is_empty());
    assert_eq!(ungrouped, expected);
    assert_eq!(registry.len(), those(&is_active).len());
    assert!(
        registry
            .users()
            .all(|(user, count)| !user.is_empty() && count > 0)
    );
    assert!(registry.groups().all(|(_, count)| count > 0));
}

fn every_group() -> Arc<PresenceRules> {
    let mut rules = PresenceRules::default();
    rules.add(PresenceRule::group("*"));
    Arc::new(rules)
}

/// What the journal says adds up to who is a member, and each step changes something.
fn check_journal(
    registry: &mut Registry<u64>,
    members: &mut BTreeSet<(ConnectionId, UserId, GroupId)>,
    sockets: &BTreeMap<u64, Model>,
) {
    for step in registry.take_steps() {
        let member = (step.socket, step.user, step.group);
        let is_news = if step.is_in {
            members.insert(member)
        } else {
            members.remove(&member)
        };
        assert!(is_news, "{}", step.is_in);
    }
    let active = sockets
        .iter()
        .filter(|(_, socket)| socket.stage == Stage::Active);
    let expected: BTreeSet<_> = active
        .flat_map(|(&serial, socket)| {
            let groups = socket.groups().into_iter();
            groups.map(move |group| (id(serial), socket.user.into(), group.into()))
        })
        .collect();
    assert_eq!(*members, expected);
}

const USERS: [&str; 3] = ["", "ann", "bob"];
const GROUPS: [&str; 6] = ["", "a", "b", "c", "d", "e"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_indexes_are_the_models_after_any_steps(
        steps in prop::collection::vec((0..4u64, step()), 0..40),
    ) {
        let mut registry = registry_of(3);
        registry.keep_journal(&every_group());
        let mut members = BTreeSet::new();
        let mut sockets = BTreeMap::new();
        for serial in 0..4 {
            registry.insert(id(serial), serial);
            sockets.insert(serial, Model {
                stage: Stage::Pending,
                user: "",
                named: BTreeSet::new(),
                joined: BTreeSet::new(),
            });
        }
        for (serial, step) in &steps {
            act(&mut registry, *serial, step);
            apply(&mut sockets, *serial, step);
            check(&mut registry, &sockets);
            check_journal(&mut registry, &mut members, &sockets);
        }
    }
}
