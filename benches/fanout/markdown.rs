//! One table of all cells, for a page of documentation.

use std::fmt;

use crate::{
    cell::{Cell, Kind},
    figures::{CPU, FURTHER, Figure, IDLE},
    results::{Entry, Results, Row},
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
    show: fn(&Entry) -> String,
}

impl Column<'_> {
    fn entry(&self, title: &str) -> String {
        let is_named = |row: &&Row| row.0.title() == title;
        let row = self.results.rows.iter().find(is_named);
        let entry = row.and_then(|row| self.results.entry(row, self.figure));
        entry.as_ref().map_or("–".to_owned(), self.show)
    }
}

fn columns(results: &Results) -> Vec<Column<'_>> {
    let cell = results.cell;
    let column = |title, figure, show| Column {
        results,
        title,
        figure,
        show,
    };
    match cell.kind {
        Kind::Idle => vec![
            column(
                format!("idle, first {}", thousands(cell.sockets)),
                IDLE.figure,
                kib,
            ),
            column("idle, beyond".to_owned(), FURTHER.figure, kib),
        ],
        _ => vec![column(title(cell), CPU.figure, relative)],
    }
}

fn relative(entry: &Entry) -> String {
    match entry.ratio {
        Some(ratio @ ..10.0) => format!("{entry} ({ratio:.2}×)"),
        Some(ratio) => format!("{entry} ({ratio:.0}×)"),
        None => entry.to_string(),
    }
}

fn kib(entry: &Entry) -> String {
    format!("{:.1} KiB", entry.value)
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
        Kind::Inbound => format!("inbound, {load}"),
    }
}

fn thousands(number: usize) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands} {rest:03}"),
    }
}
