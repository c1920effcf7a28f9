//! One table of all cells, for a page of documentation.

use std::fmt;

use crate::{
    cell::{Cell, Kind},
    figures::{CPU, FURTHER, Figure, IDLE},
    results::{Results, Row},
};

/// A row for each contender, and for each cell the figure that it is for.
pub(crate) struct Markdown<'r>(pub(crate) &'r [Results]);

impl fmt::Display for Markdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.0.iter().flat_map(columns).collect();
        f.write_str("| |")?;
        for column in &columns {
            write!(f, " {} |", column.title)?;
        }
        write!(f, "\n|{}", "---|".repeat(columns.len() + 1))?;
        for title in self.titles() {
            write!(f, "\n| {title} |")?;
            for column in &columns {
                write!(f, " {} |", column.entry(&title))?;
            }
        }
        writeln!(f)
    }
}

impl Markdown<'_> {
    /// Each contender once, in the order in which they came.
    fn titles(&self) -> Vec<String> {
        let mut titles = Vec::new();
        for (contender, _) in self.0.iter().flat_map(|results| &results.rows) {
            let title = contender.title();
            if !titles.contains(&title) {
                titles.push(title);
            }
        }
        titles
    }
}

struct Column<'r> {
    results: &'r Results,
    title: String,
    figure: Figure,
    /// Whether what counts is the ratio to the floor.
    is_relative: bool,
}

impl Column<'_> {
    fn entry(&self, title: &str) -> String {
        let is_named = |row: &&Row| row.0.title() == title;
        let row = self.results.rows.iter().find(is_named);
        match row.and_then(|row| self.results.entry(row, self.figure)) {
            Some(entry) => match entry.ratio {
                Some(ratio) if self.is_relative => format!("{entry} ({ratio:.2}×)"),
                _ => entry.to_string(),
            },
            None => "–".to_owned(),
        }
    }
}

fn columns(results: &Results) -> Vec<Column<'_>> {
    let cell = results.cell;
    let column = |title, figure, is_relative| Column {
        results,
        title,
        figure,
        is_relative,
    };
    match cell.kind {
        Kind::Idle => vec![
            column(
                format!("KiB of {}", thousands(cell.sockets)),
                IDLE.figure,
                false,
            ),
            column("KiB beyond".to_owned(), FURTHER.figure, false),
        ],
        _ => vec![column(title(cell), CPU.figure, true)],
    }
}

/// What readers know a cell by.
fn title(cell: Cell) -> String {
    let Cell { bytes, window, .. } = cell;
    let sockets = thousands(cell.sockets);
    let load = match bytes {
        4_096 => format!("4 KiB, {window} in flight"),
        _ => format!("{bytes} B, {window} in flight"),
    };
    match cell.kind {
        Kind::All | Kind::Idle => format!("{sockets} × {load}"),
        Kind::Lockstep => format!("{sockets} × {load}, in lockstep"),
        Kind::Group(members) => format!("a group of {members} of {sockets} × {load}"),
        Kind::User(members) => format!("a user's {members} of {sockets} × {load}"),
        Kind::Stalled(peers) => format!("{sockets} beside {peers} stalled × {load}"),
        Kind::Inbound => format!("from {sockets} × {load}"),
    }
}

fn thousands(number: usize) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands} {rest:03}"),
    }
}
