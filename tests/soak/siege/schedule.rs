//! Which attacks run when.

use std::{ops::Range, time::Duration};

use super::attacks::Attack;

/// How many kinds of attack each example has to bear at one time.
const AT_ONCE: usize = 5;

/// Rounds of equal length, in each of which a few kinds of attack run at once.
pub(super) struct Schedule {
    pub(super) round: Duration,
    pub(super) rounds: Range<usize>,
    only: Vec<Attack>,
}

impl Schedule {
    pub(super) fn new(time: Duration, only: Vec<Attack>, skip: usize) -> Self {
        // Long enough for what the servers' deadlines end, unless there is no time for each kind.
        let each = time / Attack::ALL.len() as u32;
        let round = each.clamp(Duration::from_secs(8), Duration::from_secs(45));
        let rounds = time.as_secs_f64() / round.as_secs_f64();
        let rounds = (rounds.round() as usize).max(1);
        Self {
            round,
            rounds: skip..rounds,
            only,
        }
    }

    /// The attacks on an example in a round. The examples are never attacked alike.
    pub(super) fn attacks(&self, round: usize, target: usize) -> Vec<Attack> {
        if !self.only.is_empty() {
            return self.only.clone();
        }
        let all = Attack::ALL;
        let first = round + 7 * target;
        // Other kinds meet in each round.
        let step = 1 + round % (all.len() - 1);
        let mut chosen = Vec::new();
        let mut at = first;
        while chosen.len() < AT_ONCE {
            let attack = all[at % all.len()];
            if chosen.contains(&attack) {
                at += 1;
            } else {
                chosen.push(attack);
                at += step;
            }
        }
        chosen
    }
}
