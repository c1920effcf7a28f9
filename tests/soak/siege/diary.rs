//! What was attacked how at what time, beside the longest waits.

use std::{cmp::Reverse, time::Duration};

use super::{attacks::Attack, page::Pages, target::Kind};

#[derive(Default)]
pub(super) struct Diary(Vec<(Duration, Kind, Vec<Attack>)>);

impl Diary {
    pub(super) fn note(&mut self, at: Duration, kind: Kind, attacks: &[Attack]) {
        eprintln!("soak: {} s: {kind}: {attacks:?}", at.as_secs());
        self.0.push((at, kind, attacks.to_vec()));
    }

    /// Prints the ten longest waits, what ran then, and how long a server in peace was waited for.
    pub(super) fn print_worst(&self, pages: &Pages, quiet: &Pages, kind: Kind) {
        let mut worst = pages.asked.clone();
        worst.sort_by_key(|asked| Reverse(asked.took));
        for asked in worst.iter().take(10) {
            let then = self.0.iter().rev();
            let mut then = then.filter(|(at, target, _)| *target == kind && *at <= asked.at);
            let attacks = then.next().map_or(&[][..], |(_, _, attacks)| attacks);
            eprintln!(
                "soak: {kind}: {} ms at {:.1} s over a {} connection, {} ms in peace: {attacks:?}",
                asked.took.as_millis(),
                asked.at.as_secs_f64(),
                if asked.is_new { "new" } else { "kept" },
                quiet.longest_during(*asked).as_millis(),
            );
        }
    }
}
