//! What is true of a run, and whether the subscriber has said so.

use std::collections::BTreeMap;

/// Milliseconds.
pub(super) type Time = u64;

pub(super) const STORM: Time = 22_000;
pub(super) const CALM: Time = 14_000;
/// How long into the calm what is left of the storm may cost messages.
pub(super) const SETTLED: Time = 5_500;
pub(super) const BEAT: Time = 2_000;
pub(super) const OVERDUE: Time = 4_000;

/// What the judge knows of the messages that one process of the publisher has numbered.
#[derive(Default)]
pub(super) struct Truth {
    /// When each was numbered.
    pub(super) numbered: Vec<Time>,
    /// In which subscription each was delivered.
    pub(super) delivered: Vec<Option<u64>>,
    pub(super) last_delivered: u64,
}

/// What the subscriber has said of one process while it was subscribed.
#[derive(Default)]
pub(super) struct Account {
    pub(super) asked: Option<Time>,
    pub(super) baseline: Option<(Time, u64)>,
    pub(super) missing: u64,
    pub(super) unknown: u64,
}

/// Everything that was published and reported.
#[derive(Default)]
pub(super) struct Judge {
    pub(super) seed: u64,
    /// When the calm begins.
    pub(super) calm: Time,
    pub(super) truths: BTreeMap<u64, Truth>,
    /// When each subscription began.
    pub(super) since: BTreeMap<u64, Time>,
    /// By subscription and incarnation.
    pub(super) accounts: BTreeMap<(u64, u64), Account>,
    /// The subscription and incarnation of the calm.
    pub(super) last: (u64, u64),
}

impl Judge {
    /// Compares what was reported with what was lost, and adds up both.
    pub(super) fn check(&self, totals: &mut [u64; 7]) {
        for ((subscription, incarnation), account) in &self.accounts {
            let is_last = (*subscription, *incarnation) == self.last;
            let none = Truth::default();
            let truth = self.truths.get(incarnation).unwrap_or(&none);
            // One that comes when the node has left the topic and come back is not of that time.
            let in_time = |one: u64| one <= *subscription;
            let lost = |number: usize| !truth.delivered[number - 1].is_some_and(in_time);
            let Some((when, baseline)) = account.baseline else {
                assert!(!is_last, "no baseline in the calm");
                continue;
            };
            let baseline = usize::try_from(baseline).expect("a small number");
            let since = self.since[subscription];
            let made = (baseline + 1..=truth.delivered.len())
                .filter(|number| lost(*number) && truth.numbered[number - 1] >= since);
            let made = made.count() as u64;
            if is_last {
                assert_eq!(
                    account.missing, made,
                    "seed {}: reported, and lost",
                    self.seed
                );
            } else {
                assert!(account.missing <= made, "seed {}: a false gap", self.seed);
            }
            assert!(account.unknown <= 1);
            if is_last {
                let calm = (1..=truth.delivered.len())
                    .filter(|number| truth.numbered[number - 1] >= self.calm + SETTLED);
                let all = calm.clone().count();
                assert!(all > 0 && calm.filter(|number| lost(*number)).count() == 0);
            }
            if let Some(asked) = account.asked.filter(|asked| when >= asked + OVERDUE) {
                let silent = (1..=baseline.min(truth.delivered.len()))
                    .filter(|number| truth.numbered[number - 1] >= asked && lost(*number));
                assert!(
                    silent.count() == 0 || account.unknown == 1,
                    "seed {}: a loss before the baseline that was not reported",
                    self.seed
                );
            }
            totals[1] += account.missing;
            totals[2] += account.unknown;
        }
        for truth in self.truths.values() {
            totals[0] += truth.delivered.iter().flatten().count() as u64;
        }
    }
}

impl Truth {
    pub(super) fn deliver(&mut self, number: u64, subscription: u64) {
        let delivered = &mut self.delivered[number as usize - 1];
        assert_eq!(*delivered, None, "delivered twice");
        *delivered = Some(subscription);
        assert!(number > self.last_delivered, "out of order");
        self.last_delivered = number;
    }
}
