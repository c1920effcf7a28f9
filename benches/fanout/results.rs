//! What the rounds of a cell found, summed up.

use std::fmt;

use crate::{
    cell::Cell,
    contender::Contender,
    figures::{Figure, Figures},
};

/// What the rounds of a cell found.
pub(crate) struct Results {
    pub(crate) cell: Cell,
    pub(crate) rows: Vec<Row>,
}

/// A contender and what each round found.
pub(crate) type Row = (Contender, Vec<Option<Figures>>);

/// A median, and that of the ratios to the same rounds' floor.
pub(crate) struct Entry {
    pub(crate) value: f64,
    pub(crate) ratio: Option<f64>,
}

impl Results {
    pub(crate) fn failed(&self) -> usize {
        let rounds = self.rows.iter().flat_map(|(_, rounds)| rounds);
        rounds.filter(|figures| figures.is_none()).count()
    }

    /// Sums up a figure; `None` where it was not measured.
    pub(crate) fn entry(&self, (contender, rounds): &Row, figure: Figure) -> Option<Entry> {
        let floor = contender.floor(self.cell);
        let floor = self.rows.iter().find(|(other, _)| *other == floor);
        let floor = floor.map_or(&[][..], |(_, rounds)| rounds);
        let ratios = rounds.iter().zip(floor).filter_map(|(own, floor)| {
            let ratio = figure(own.as_ref()?)? / figure(floor.as_ref()?)?;
            (ratio.is_finite() && ratio < 100.0).then_some(ratio)
        });
        Some(Entry {
            value: median(rounds.iter().flatten().filter_map(figure).collect())?,
            ratio: median(ratios.collect()),
        })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        let digits = match value {
            ..0.1 => 3,
            0.1..10.0 => 2,
            10.0..100.0 => 1,
            _ => 0,
        };
        write!(f, "{value:.digits$}")
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
