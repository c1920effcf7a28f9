//! The lines of a settings file, by position.

use std::cell::Cell;

/// Counts lines on from the position that was asked for last: from the beginning each time, a file of
/// many short settings would take time quadratic in its length.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// A position and its line.
    counted: Cell<(usize, usize)>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            counted: Cell::new(START),
        }
    }

    /// Returns the line, counted from 1, of a position; beyond the end it is the last one.
    pub(super) fn at(&self, position: usize) -> usize {
        let position = position.min(self.text.len());
        let (counted, line) = match self.counted.get() {
            last if last.0 <= position => last,
            _ => START,
        };
        let between = &self.text.as_bytes()[counted..position];
        let line = line + between.iter().filter(|byte| **byte == b'\n').count();
        self.counted.set((position, line));
        line
    }

    /// Returns the number of the last line.
    pub(super) fn last(&self) -> usize {
        self.at(self.text.len())
    }
}

const START: (usize, usize) = (0, 1);

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn positions_have_their_lines_in_any_order() {
        let lines = Lines::new("a\nb\n\nü\n");
        for (position, line) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (7, 4),
            (3, 2),
            (4, 3),
            (8, 5),
            (0, 1),
            (usize::MAX, 5),
            (6, 4),
        ] {
            assert_eq!(lines.at(position), line, "{position}");
        }
        assert_eq!(lines.last(), 5);
        assert_eq!(Lines::new("").last(), 1);
    }
}
