//! What is printed of a cell.

use std::fmt;

use crate::{
    figures::{COLUMNS, Figure},
    results::{Results, Row},
    server::Server,
};

/// A cell's medians, each with the median of its ratios to the same round's floor.
pub(crate) struct Table<'r>(pub(crate) &'r Results);

impl Table<'_> {
    fn entry(&self, row: &Row, figure: Figure) -> String {
        match self.0.entry(row, figure) {
            Some(entry) => {
                let ratio = entry.ratio.map(|ratio| format!("({ratio:.2}x)"));
                format!("{entry} {:>8}", ratio.unwrap_or_default())
            }
            None if row.1.iter().all(Option::is_none) => "failed".to_owned(),
            None => "–".to_owned(),
        }
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Results { cell, rows }) = self;
        writeln!(f, "{cell} (floor: {})", Server::floor(*cell))?;
        let was_measured = |figure: &Figure| {
            let mut all = rows.iter().flat_map(|(_, rounds)| rounds).flatten();
            all.any(|figures| figure(figures).is_some())
        };
        let columns = COLUMNS.iter().filter(|column| was_measured(&column.figure));
        let columns: Vec<_> = columns.collect();
        write!(f, "{:25}", "")?;
        for column in &columns {
            write!(f, "{:>19}", column.title)?;
        }
        for row in rows {
            write!(f, "\n{:25}", row.0.to_string())?;
            for column in &columns {
                write!(f, "{:>19}", self.entry(row, column.figure))?;
            }
        }
        writeln!(f)
    }
}
