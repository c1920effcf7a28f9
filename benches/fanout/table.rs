//! What is printed of a cell.

use std::fmt;

use crate::{cell::Cell, measure::Figures, server::Server};

/// What a cell's rounds found: medians, each with the median of its ratios to the same round's floor.
pub(crate) struct Table {
    cell: Cell,
    rows: Vec<Row>,
}

/// A server and what each round found.
type Row = (Server, Vec<Option<Figures>>);

impl Table {
    pub(crate) fn new(cell: Cell, rows: Vec<Row>) -> Self {
        Self { cell, rows }
    }

    pub(crate) fn failed(&self) -> usize {
        let rounds = self.rows.iter().flat_map(|(_, rounds)| rounds);
        rounds.filter(|figures| figures.is_none()).count()
    }

    /// The median of a figure, and that of its ratios to the floor.
    fn entry(&self, rounds: &[Option<Figures>], figure: fn(&Figures) -> f64) -> String {
        let floor = Server::floor(self.cell);
        let floor = self.rows.iter().find(|(server, _)| *server == floor);
        let floor = floor.map_or(&[][..], |(_, rounds)| rounds);
        let values = rounds.iter().flatten().map(figure).collect();
        let ratios = rounds.iter().zip(floor);
        let ratios =
            ratios.filter_map(|(own, floor)| Some(figure(own.as_ref()?) / figure(floor.as_ref()?)));
        let Some(value) = median(values) else {
            return "failed".to_owned();
        };
        let digits = if value < 10.0 {
            2
        } else if value < 100.0 {
            1
        } else {
            0
        };
        match median(ratios.collect()) {
            Some(ratio) if ratio.is_finite() && ratio < 100.0 => {
                format!("{value:.digits$} {:>7}", format!("({ratio:.2}x)"))
            }
            _ => format!("{value:.digits$} {:>7}", ""),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let floor = Server::floor(self.cell);
        writeln!(f, "{} (floor: {floor})", self.cell)?;
        write!(f, "{:15}", "")?;
        for (title, _) in COLUMNS {
            write!(f, "{title:>20}")?;
        }
        for (server, rounds) in &self.rows {
            write!(f, "\n{:15}", server.to_string())?;
            for (_, figure) in COLUMNS {
                write!(f, "{:>20}", self.entry(rounds, figure))?;
            }
        }
        writeln!(f)
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

type Column = (&'static str, fn(&Figures) -> f64);

const COLUMNS: [Column; 6] = [
    ("CPU us/delivery", |figures| figures.cpu),
    ("deliveries/s", |figures| figures.rate),
    ("p50 us", |figures| figures.p50),
    ("p99 us", |figures| figures.p99),
    ("KiB/idle socket", |figures| figures.idle),
    ("CPU us/connect", |figures| figures.connect),
];
