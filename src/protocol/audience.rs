//! The sockets that receive a broadcast: includes minus excludes.

use crate::protocol::{ConnectionId, DedupSet, DefaultAudience, Recipient, RecipientType};

/// One set of sockets that an [`Index`] can list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection<'a> {
    /// Every socket.
    All,
    /// The sockets that joined no group.
    Ungrouped,
    /// The members of a group whose name is not empty.
    Group(&'a str),
    /// The sockets of a user whose name is not empty.
    User(&'a str),
    /// One socket.
    Connection(ConnectionId),
}

/// A list of sockets, each with a small number, its slot.
pub(crate) trait Index {
    /// Visits each slot of the selection once; a selection that nothing matches is empty.
    fn for_each(&self, selection: &Selection<'_>, visit: &mut dyn FnMut(usize));
}

/// Calls `emit` once for each slot of the audience.
///
/// The cost is the size of the named selections, not of the index; only an audience that starts from
/// all sockets visits all sockets.
pub(crate) fn resolve(
    recipients: &[Recipient],
    default: DefaultAudience,
    index: &impl Index,
    seen: &mut DedupSet,
    mut emit: impl FnMut(usize),
) {
    match recipients {
        [] => index.for_each(&when_empty(default), &mut emit),
        [only] if !only.kind.excludes() => {
            if let Some(selection) = select(only) {
                index.for_each(&selection, &mut emit);
            }
        }
        _ => resolve_deduplicated(recipients, index, seen, &mut emit),
    }
}

/// Tells whether the recipients plainly select every socket, so that no index is needed.
pub(crate) fn selects_all(recipients: &[Recipient], default: DefaultAudience) -> bool {
    match recipients {
        [] => default == DefaultAudience::All,
        [only] if !only.kind.excludes() => select(only) == Some(Selection::All),
        _ => false,
    }
}

fn resolve_deduplicated(
    recipients: &[Recipient],
    index: &impl Index,
    seen: &mut DedupSet,
    emit: &mut dyn FnMut(usize),
) {
    let order = seen.take_order(recipients);
    let selections = |excludes| {
        let of_kind = order.iter().map(|&at| &recipients[at]);
        let of_kind = of_kind.filter(move |to| to.kind.excludes() == excludes);
        of_kind.filter_map(select)
    };
    let from_all = recipients.iter().all(|to| to.kind.excludes())
        || selections(false).any(|selection| selection == Selection::All);
    let to_none = selections(true).any(|selection| selection == Selection::All);

    if !to_none {
        seen.clear();
        for selection in selections(true) {
            index.for_each(&selection, &mut |slot| {
                seen.insert(slot);
            });
        }
        if from_all {
            index.for_each(&Selection::All, &mut |slot| {
                if !seen.contains(slot) {
                    emit(slot);
                }
            });
        } else {
            for selection in selections(false) {
                index.for_each(&selection, &mut |slot| {
                    if seen.insert(slot) {
                        emit(slot);
                    }
                });
            }
        }
    }
    seen.return_order(order);
}

/// Returns the sockets that a recipient names, to be included or excluded; `None` is no socket.
fn select(recipient: &Recipient) -> Option<Selection<'_>> {
    let name = recipient.value.as_str();
    match recipient.kind {
        RecipientType::All => Some(Selection::All),
        // Every socket is a member of the default group, whose name is empty.
        RecipientType::Group | RecipientType::AllButGroup if name.is_empty() => {
            Some(Selection::All)
        }
        RecipientType::Group | RecipientType::AllButGroup => Some(Selection::Group(name)),
        // A socket without a user has the empty name, which must not select it.
        RecipientType::User | RecipientType::AllButUser => {
            (!name.is_empty()).then_some(Selection::User(name))
        }
        RecipientType::Connection | RecipientType::AllButConnection => {
            name.parse().ok().map(Selection::Connection)
        }
    }
}

fn when_empty(default: DefaultAudience) -> Selection<'static> {
    match default {
        DefaultAudience::All => Selection::All,
        DefaultAudience::Ungrouped => Selection::Ungrouped,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_oneof, proptest};

    use super::*;

    const NONE: [usize; 0] = [];

    /// A socket's user and its own groups; its slot is its position, its serial the slot.
    type Member = (&'static str, Vec<&'static str>);

    #[derive(Default)]
    struct Sockets {
        members: Vec<Member>,
        visited: Cell<usize>,
    }

    impl Index for Sockets {
        fn for_each(&self, selection: &Selection<'_>, visit: &mut dyn FnMut(usize)) {
            for (slot, (user, groups)) in self.members.iter().enumerate() {
                let selected = match selection {
                    Selection::All => true,
                    Selection::Ungrouped => groups.is_empty(),
                    Selection::Group(group) => groups.contains(group),
                    Selection::User(name) => user == name,
                    Selection::Connection(id) => *id == id_of(slot),
                };
                if selected {
                    self.visited.set(self.visited.get() + 1);
                    visit(slot);
                }
            }
        }
    }

    fn id_of(slot: usize) -> ConnectionId {
        ConnectionId::new(1, slot as u64)
    }

    fn audience(recipients: &[Recipient], default: DefaultAudience, index: &Sockets) -> Vec<usize> {
        let mut slots = Vec::new();
        let mut seen = DedupSet::default();
        resolve(recipients, default, index, &mut seen, |slot| {
            slots.push(slot)
        });
        slots.sort_unstable();
        slots
    }

    /// The rules of the protocol, applied to one socket at a time.
    fn model(recipients: &[Recipient], default: DefaultAudience, index: &Sockets) -> Vec<usize> {
        let named = |to: &Recipient, slot: usize| {
            let (user, groups) = &index.members[slot];
            let value = to.value.as_str();
            match to.kind {
                RecipientType::All => true,
                RecipientType::Group | RecipientType::AllButGroup => {
                    value.is_empty() || groups.contains(&value)
                }
                RecipientType::User | RecipientType::AllButUser => {
                    !value.is_empty() && *user == value
                }
                RecipientType::Connection | RecipientType::AllButConnection => {
                    value == id_of(slot).to_string()
                }
            }
        };
        let selected = |slot: &usize| {
            let (excludes, includes): (Vec<_>, Vec<_>) =
                recipients.iter().partition(|to| to.kind.excludes());
            let grouped = !index.members[*slot].1.is_empty();
            let left_out =
                recipients.is_empty() && default == DefaultAudience::Ungrouped && grouped;
            let included = includes.is_empty() || includes.iter().any(|to| named(to, *slot));
            included && !left_out && !excludes.iter().any(|to| named(to, *slot))
        };
        (0..index.members.len()).filter(selected).collect()
    }

    /// Ann in the chat, her second tab, Bob in the chat and in sales, a visitor without a name.
    fn four() -> Sockets {
        Sockets {
            members: vec![
                ("ann", vec!["chat"]),
                ("ann", vec![]),
                ("bob", vec!["chat", "sales"]),
                ("", vec![]),
            ],
            ..Sockets::default()
        }
    }

    fn to_four(recipients: &[Recipient]) -> Vec<usize> {
        audience(recipients, DefaultAudience::All, &four())
    }

    #[test]
    fn s08_an_empty_list_selects_every_socket() {
        assert_eq!(to_four(&[]), [0, 1, 2, 3]);
    }

    #[test]
    fn s08_the_default_group_is_every_socket() {
        assert_eq!(to_four(&[Recipient::group("")]), [0, 1, 2, 3]);
        assert_eq!(to_four(&[Recipient::all_but_group("")]), NONE);
    }

    #[test]
    fn s08_a_group_is_its_members() {
        assert_eq!(to_four(&[Recipient::group("chat")]), [0, 2]);
        assert_eq!(
            to_four(&[Recipient::group("Chat")]),
            NONE,
            "compared exactly"
        );
    }

    #[test]
    fn s08_a_user_is_every_socket_of_that_user() {
        assert_eq!(to_four(&[Recipient::user("ann")]), [0, 1]);
        assert_eq!(to_four(&[Recipient::user("eve")]), NONE);
        assert_eq!(
            to_four(&[Recipient::user("")]),
            NONE,
            "no user has the empty name"
        );
    }

    #[test]
    fn s08_all_but_user_excludes_every_socket_of_that_user() {
        assert_eq!(to_four(&[Recipient::all_but_user("ann")]), [2, 3]);
        assert_eq!(to_four(&[Recipient::all_but_user("eve")]), [0, 1, 2, 3]);
        assert_eq!(to_four(&[Recipient::all_but_user("")]), [0, 1, 2, 3]);
        let group = [Recipient::group("chat"), Recipient::all_but_user("ann")];
        assert_eq!(to_four(&group), [2]);
    }

    #[test]
    fn all_but_group_and_all_but_connection_exclude() {
        assert_eq!(to_four(&[Recipient::all_but_group("chat")]), [1, 3]);
        assert_eq!(
            to_four(&[Recipient::all_but_connection(id_of(2))]),
            [0, 1, 3]
        );
        let all = [Recipient::all(), Recipient::all_but_group("sales")];
        assert_eq!(to_four(&all), [0, 1, 3]);
    }

    #[test]
    fn recipients_add_up_to_one_copy_each() {
        let overlapping = [
            Recipient::group("chat"),
            Recipient::user("ann"),
            Recipient::connection(id_of(0)),
            Recipient::group("chat"),
        ];
        assert_eq!(to_four(&overlapping), [0, 1, 2]);
    }

    #[test]
    fn a_connection_that_does_not_parse_selects_no_socket() {
        let to = Recipient::new(RecipientType::Connection, "7");
        let except = Recipient::new(RecipientType::AllButConnection, "7");
        assert_eq!(to_four(std::slice::from_ref(&to)), NONE);
        assert_eq!(to_four(&[to.clone(), except.clone()]), NONE);
        assert_eq!(to_four(&[to, Recipient::user("bob")]), [2]);
        assert_eq!(to_four(&[except]), [0, 1, 2, 3]);
    }

    #[test]
    fn the_default_audience_narrows_the_empty_list_only() {
        let ungrouped = |to: &[Recipient]| audience(to, DefaultAudience::Ungrouped, &four());
        assert_eq!(ungrouped(&[]), [1, 3]);
        assert_eq!(ungrouped(&[Recipient::all()]), [0, 1, 2, 3]);
        assert_eq!(ungrouped(&[Recipient::group("")]), [0, 1, 2, 3]);
        assert_eq!(ungrouped(&[Recipient::all_but_user("ann")]), [2, 3]);
    }

    #[test]
    fn it_costs_what_is_named() {
        let mut members = vec![("ann", vec!["small"]); 10];
        members.resize(1_000, ("bob", vec!["large"]));
        let index = Sockets {
            members,
            ..Sockets::default()
        };
        let cost = |recipients: &[Recipient]| {
            index.visited.set(0);
            let size = audience(recipients, DefaultAudience::All, &index).len();
            (size, index.visited.get())
        };
        let large = Recipient::group("large");
        assert_eq!(cost(&[Recipient::group("small")]), (10, 10));
        assert_eq!(
            cost(&[Recipient::group("small"), Recipient::all_but_user("ann")]),
            (0, 20)
        );
        assert_eq!(cost(&[Recipient::all_but_user("ann")]), (990, 1_010));
        assert_eq!(cost(&[Recipient::all_but_group("")]), (0, 0));
        assert_eq!(cost(&vec![large.clone(); 1_024]), (990, 990));
        assert_eq!(cost(&[large, Recipient::all()]), (1_000, 1_000));
    }

    #[test]
    fn a_single_include_needs_no_marks() {
        let mut seen = DedupSet::default();
        for to in [
            vec![],
            vec![Recipient::group("chat")],
            vec![Recipient::all()],
        ] {
            resolve(&to, DefaultAudience::All, &four(), &mut seen, |_| ());
        }
        assert_eq!(seen.allocated(), 0);
    }

    fn name() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just(""), Just("a"), Just("A"), Just("b"), Just("c")]
    }

    fn sockets() -> impl Strategy<Value = Vec<Member>> {
        let groups = prop::collection::vec(name(), 0..3).prop_map(|mut groups| {
            groups.retain(|group| !group.is_empty());
            groups
        });
        prop::collection::vec((name(), groups), 0..12)
    }

    fn recipient() -> impl Strategy<Value = Recipient> {
        prop_oneof![
            1 => Just(Recipient::all()),
            4 => name().prop_map(Recipient::group),
            4 => name().prop_map(Recipient::user),
            2 => name().prop_map(Recipient::all_but_group),
            3 => name().prop_map(Recipient::all_but_user),
            3 => (0..14_usize).prop_map(|slot| Recipient::connection(id_of(slot))),
            2 => (0..14_usize).prop_map(|slot| Recipient::all_but_connection(id_of(slot))),
            1 => Just(Recipient::new(RecipientType::Connection, "nonsense")),
            1 => Just(Recipient::new(RecipientType::AllButConnection, "nonsense")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn s08_the_audience_is_the_models_set_with_one_copy_each(
            members in sockets(),
            broadcasts in prop::collection::vec(
                (prop::collection::vec(recipient(), 0..6), any::<bool>()),
                1..3,
            ),
        ) {
            let index = Sockets { members, ..Sockets::default() };
            // One set of seen for all broadcasts: nothing may be left over from the one before.
            let mut seen = DedupSet::default();
            for (recipients, narrow) in broadcasts {
                let default =
                    if narrow { DefaultAudience::Ungrouped } else { DefaultAudience::All };
                let mut slots = Vec::new();
                resolve(&recipients, default, &index, &mut seen, |slot| slots.push(slot));
                slots.sort_unstable();
                assert_eq!(slots, model(&recipients, default, &index), "{recipients:?}");
            }
        }
    }
}
