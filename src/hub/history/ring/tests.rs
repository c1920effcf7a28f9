//! What a ring keeps, and what it knows of each place.

use std::time::Duration;

use tokio::time::Instant;

use super::{Place, Ring, Since};
use crate::{config::HistoryRule, frame::Frame, hub::history::entry::Entry};

fn entry(offset: u64, at: Instant) -> Entry {
    Entry {
        offset,
        tag: offset as u32 + 100,
        at,
        frame: Frame::text(b"{}"),
        excludes: None,
    }
}

fn place(offset: u64) -> Place {
    Place {
        offset,
        tag: if offset == 0 { 0 } else { offset as u32 + 100 },
    }
}

fn offsets(ring: &Ring) -> Vec<u64> {
    ring.entries().iter().map(|entry| entry.offset).collect()
}

#[test]
fn it_keeps_so_many_and_knows_what_is_gone() {
    let keep = HistoryRule::users().messages(2).keep;
    let now = Instant::now();
    let mut ring = Ring::default();
    assert_eq!(ring.since(place(0)), Since::Whole(0));
    for offset in 1..=4 {
        ring.push(entry(offset, now), &keep, usize::MAX);
    }
    assert_eq!(offsets(&ring), [3, 4]);
    for (offset, expected) in [
        (0, Since::Gone),
        (1, Since::Gone),
        (2, Since::Whole(0)),
        (3, Since::Whole(1)),
        (4, Since::Whole(2)),
        (5, Since::Unknown),
    ] {
        assert_eq!(ring.since(place(offset)), expected, "{offset}");
    }
    for offset in 2..=4 {
        let other = Place { offset, tag: 7 };
        assert_eq!(ring.since(other), Since::Unknown, "{offset}");
    }
}

#[test]
fn offsets_may_have_holes_which_are_no_places() {
    let keep = HistoryRule::users().keep;
    let now = Instant::now();
    let mut ring = Ring::default();
    ring.push(entry(10, now), &keep, usize::MAX);
    ring.push(entry(20, now), &keep, usize::MAX);
    assert_eq!(ring.since(place(10)), Since::Whole(1));
    assert_eq!(ring.since(place(15)), Since::Unknown);
    assert_eq!(ring.since(place(0)), Since::Whole(0));
}

#[test]
fn nothing_is_known_across_a_break() {
    let keep = HistoryRule::users().messages(3).keep;
    let now = Instant::now();
    let mut ring = Ring::default();
    ring.push(entry(1, now), &keep, usize::MAX);
    ring.break_off(place(2));
    assert_eq!((ring.top(), offsets(&ring)), (place(2), vec![1]));
    for (offset, expected) in [
        (0, Since::Broken),
        (1, Since::Broken),
        (2, Since::Whole(1)),
        (3, Since::Unknown),
    ] {
        assert_eq!(ring.since(place(offset)), expected, "{offset}");
    }
    ring.push(entry(3, now), &keep, usize::MAX);
    ring.push(entry(4, now), &keep, usize::MAX);
    assert_eq!(ring.since(place(1)), Since::Broken);
    assert_eq!(ring.since(place(2)), Since::Whole(1));
    assert_eq!(ring.since(Place { offset: 2, tag: 7 }), Since::Unknown);
    assert_eq!(ring.since(place(3)), Since::Whole(2));
    ring.push(entry(5, now), &keep, usize::MAX);
    assert_eq!(ring.since(place(2)), Since::Whole(0));
    ring.push(entry(6, now), &keep, usize::MAX);
    assert_eq!(ring.since(place(2)), Since::Gone);
}

#[test]
fn what_a_store_has_is_put_in_front() {
    let keep = HistoryRule::users().keep;
    let now = Instant::now();
    let older = |offsets: &[u64]| offsets.iter().map(|at| entry(*at, now)).collect();
    let ring = || {
        let mut ring = Ring::after(place(5));
        ring.push(entry(6, now), &keep, usize::MAX);
        ring
    };
    let forged = |offset| Place { offset, tag: 7 };
    let mut whole = ring();
    assert_eq!(whole.since(place(5)), Since::Whole(0));
    assert_eq!(whole.since(forged(5)), Since::Unknown);
    assert_eq!(whole.since(place(4)), Since::Gone);
    assert!(whole.reaches_back_to(5) && !whole.reaches_back_to(4));
    whole.extend_back(older(&[3, 5, 6]), Some(place(2)));
    assert_eq!(offsets(&whole), [3, 5, 6]);
    assert_eq!(whole.since(place(2)), Since::Whole(0));
    assert_eq!(whole.since(forged(2)), Since::Unknown);
    assert_eq!(whole.since(place(3)), Since::Whole(1));
    assert_eq!(whole.since(place(1)), Since::Gone);
    // One that does not reach what is here.
    let mut apart = ring();
    apart.extend_back(older(&[3, 4]), Some(place(2)));
    assert_eq!(offsets(&apart), [6]);
    // One from a place that is here.
    let mut known = ring();
    known.extend_back(older(&[]), Some(place(6)));
    assert_eq!((offsets(&known), known.floor), (vec![6], place(5)));
    known.extend_back(older(&[6]), Some(place(5)));
    assert_eq!((offsets(&known), known.floor), (vec![6], place(5)));
    // The newest alone.
    let mut empty = Ring::after(place(5));
    empty.extend_back(older(&[5]), None);
    assert_eq!(offsets(&empty), [5]);
    assert_eq!(empty.since(place(3)), Since::Gone);
    assert_eq!(empty.since(place(4)), Since::Gone, "its tag is not known");
    assert_eq!(empty.since(place(5)), Since::Whole(1));
    let bytes = empty.bytes();
    assert_eq!(bytes, entry(5, now).cost());
}

#[test]
fn from_a_place_whose_tag_is_not_known_none_goes_on() {
    let keep = HistoryRule::users().keep;
    let mut ring = Ring::after_offset(5);
    assert!(!ring.reaches_back_to(5));
    for tag in [0, 7, 105] {
        assert_eq!(ring.since(Place { offset: 5, tag }), Since::Gone);
        assert_eq!(ring.emptied().since(Place { offset: 5, tag }), Since::Gone);
    }
    ring.push(entry(6, Instant::now()), &keep, usize::MAX);
    assert_eq!(ring.since(Place { offset: 5, tag: 0 }), Since::Gone);
    assert!(ring.reaches_back_to(6) && !ring.reaches_back_to(5));
    assert_eq!(ring.since(place(6)), Since::Whole(1));
    assert_eq!(ring.emptied().since(place(6)), Since::Whole(0));
    // A store has told what it is.
    ring.extend_back(Vec::new(), Some(place(5)));
    assert_eq!(ring.since(place(5)), Since::Whole(0));
    assert_eq!(ring.since(Place { offset: 5, tag: 0 }), Since::Unknown);
}

#[test]
fn a_beginning_has_a_tag_once_there_is_something_to_have() {
    let keep = HistoryRule::users().keep;
    let begin = Place { offset: 0, tag: 9 };
    let mut ring = Ring::fresh(begin);
    assert_eq!(ring.since(begin), Since::Whole(0));
    ring.extend_back(Vec::new(), Some(begin));
    assert_eq!(ring.since(Place::default()), Since::Whole(0));
    ring.push(entry(1, Instant::now()), &keep, usize::MAX);
    assert_eq!(ring.since(begin), Since::Whole(0));
    assert_eq!(ring.since(Place::default()), Since::Unknown);
}

#[test]
fn after_twice_the_age_a_message_is_gone_and_its_place_is_known() {
    let keep = HistoryRule::users().age(Duration::from_secs(10)).keep;
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut ring = Ring::default();
    ring.push(entry(1, at(0)), &keep, usize::MAX);
    ring.push(entry(2, at(15)), &keep, usize::MAX);
    ring.expire(&keep, at(20));
    assert_eq!(offsets(&ring), [1, 2]);
    ring.expire(&keep, at(21));
    assert_eq!(offsets(&ring), [2]);
    ring.expire(&keep, at(36));
    assert_eq!(offsets(&ring), [0; 0]);
    assert_eq!(
        (ring.bytes(), ring.top(), ring.floor),
        (0, place(2), place(2))
    );
    assert_eq!(ring.since(place(2)), Since::Whole(0));
    assert_eq!(ring.since(place(1)), Since::Gone);
}

#[test]
fn a_message_that_exceeds_the_bound_alone_is_not_kept() {
    let keep = HistoryRule::users().keep;
    let now = Instant::now();
    let cost = entry(1, now).cost();
    let mut ring = Ring::default();
    for offset in 1..=3 {
        ring.push(entry(offset, now), &keep, 2 * cost);
    }
    assert_eq!((offsets(&ring), ring.bytes()), (vec![2, 3], 2 * cost));
    ring.push(entry(4, now), &keep, cost - 1);
    assert!(ring.is_empty());
    assert_eq!((ring.bytes(), ring.top()), (0, place(4)));
}
