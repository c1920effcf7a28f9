//! Nodes at random: all come to know the same, and none says twice that a user has left.

use std::time::Duration;

use super::{
    clock::LOBBY,
    world::{Totals, USERS, World},
};
use crate::hub::cluster::{Name, partition_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Faults {
    None,
    Deaths,
    /// A node without a link is as good as dead for the others, so its users leave and return.
    DeathsAndCuts,
}

/// Lets users come and go for a minute, and all news arrive.
fn play(seed: u64, loss: u64, faults: Faults) -> World {
    let mut world = World::new(seed, 4, loss);
    let mut next_node = 5;
    world.run(3_000);
    for step in 0..120 {
        let (node, user) = (world.any_node(), world.any_user());
        match world.random(100) {
            0..33 => world.enter(node, user),
            33..78 => world.leave(node, user),
            78..95 => world.say(node, user, &step.to_string()),
            95..97 if faults != Faults::None && world.nodes.len() > 2 && node != 1 => {
                world.kill(node);
                world.open(next_node);
                next_node += 1;
            }
            97..99 if faults == Faults::DeathsAndCuts => {
                let seconds = 1 + world.random(14);
                world.cut(node, seconds);
            }
            _ => {}
        }
        let pause = 100 + world.random(1_000);
        // Now and then long enough for an absence.
        let pause = if world.random(20) == 0 { 15_000 } else { pause };
        world.run(pause);
    }
    world.loss = 0;
    world.run(60_000);
    world
}

fn check_convergence(world: &World, seed: u64) {
    for (name, node) in &world.nodes {
        let view = node.table.view(LOBBY, usize::MAX).expect("a rule");
        let seen: Vec<_> = view
            .members
            .iter()
            .map(|member| (member.user.as_str(), member.sockets))
            .collect();
        let expected = USERS.map(|user| (user, world.total(user) as usize));
        let expected: Vec<_> = expected
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(seen, expected, "node {name} of run {seed}");
        let sockets: usize = seen.iter().map(|(_, sockets)| sockets).sum();
        assert_eq!(view.sockets, sockets, "node {name} of run {seed}");
        for (user, _) in seen {
            let said = [1, *name].map(|node| world.said(node, user));
            assert_eq!(said[0], said[1], "{user}, node {name} of run {seed}");
        }
        let partition = partition_of(Name::Group(LOBBY));
        assert!(
            node.table.remotes.is_synced(partition),
            "node {name} of run {seed}"
        );
        for (user, told) in &node.told {
            let alternates = told
                .iter()
                .enumerate()
                .all(|(at, joined)| *joined == (at % 2 == 0));
            assert!(alternates, "node {name} of run {seed}: {user} {told:?}");
            let is_here = told.last() == Some(&true);
            assert_eq!(
                is_here,
                world.total(user.as_str()) > 0,
                "{name} {seed} {user}"
            );
        }
    }
}

/// Each absence was told once, as far as it was clearly one, and no shorter one was.
fn check_absences(world: &mut World, seed: u64, detection: u64) {
    let World {
        nodes,
        history,
        totals,
        ..
    } = world;
    let node = &nodes[&1];
    for (user, history) in history {
        let ends = history
            .iter()
            .filter(|(_, is_here)| !is_here)
            .map(|(at, _)| *at);
        let mut starts = history
            .iter()
            .filter(|(_, is_here)| *is_here)
            .map(|(at, _)| *at);
        let _first = starts.next();
        let (mut sure, mut unsure) = (0, 0);
        for end in ends {
            let next = starts.next().unwrap_or(Duration::MAX);
            let gap = next - end;
            if gap > Duration::from_secs(12 + detection) {
                sure += 1;
            } else if gap > Duration::from_secs(9) {
                unsure += 1;
            }
        }
        let told = node.told.get(*user).into_iter().flatten();
        let left = told.filter(|joined| !**joined).count();
        assert!(
            (sure..=sure + unsure).contains(&left),
            "run {seed}: {user} left {left} times, {sure} to {} in truth: {history:?}",
            sure + unsure
        );
        totals.absences += sure;
    }
}

#[test]
fn without_losses_each_absence_is_told_once() {
    let mut totals = Totals::default();
    for seed in 0..25 {
        let mut world = play(seed, 0, Faults::None);
        check_convergence(&world, seed);
        check_absences(&mut world, seed, 0);
        totals.add(&world.totals);
    }
    // Without them the rest proves nothing.
    assert!(totals.absences > 25 && totals.left > 100, "{totals:?}");
}

#[test]
fn what_is_lost_is_asked_for_and_all_nodes_come_to_know_the_same() {
    let mut totals = Totals::default();
    for seed in 1_000..1_025 {
        let world = play(seed, 30, Faults::None);
        check_convergence(&world, seed);
        totals.add(&world.totals);
    }
    // Without them the rest proves nothing.
    assert!(
        totals.lost_frames > 5_000 && totals.left > 100,
        "{totals:?}"
    );
}

#[test]
fn of_nodes_that_die_each_absence_is_told_once() {
    let mut totals = Totals::default();
    for seed in 2_000..2_030 {
        let mut world = play(seed, 0, Faults::Deaths);
        check_convergence(&world, seed);
        check_absences(&mut world, seed, 7);
        totals.add(&world.totals);
    }
    // Without them the rest proves nothing.
    assert!(
        totals.kills > 30 && totals.absences > 30 && totals.left > 100,
        "{totals:?}"
    );
}

#[test]
fn nodes_that_die_or_lose_their_link_leave_no_ghost() {
    let mut totals = Totals::default();
    for seed in 3_000..3_030 {
        let loss = if seed % 2 == 0 { 0 } else { 15 };
        let world = play(seed, loss, Faults::DeathsAndCuts);
        check_convergence(&world, seed);
        totals.add(&world.totals);
    }
    // Without them the rest proves nothing.
    assert!(
        totals.kills > 30 && totals.cuts > 50 && totals.lost_frames > 1_500 && totals.left > 100,
        "{totals:?}"
    );
}
