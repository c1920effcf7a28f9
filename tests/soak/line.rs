use std::fmt;

/// What was measured of a promise: figures, and whether each is what was asked.
#[derive(Debug, Default)]
pub(crate) struct Line {
    figures: Vec<String>,
    broken: Vec<String>,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a figure that is as asked, or not.
    pub(crate) fn figure(mut self, figure: impl fmt::Display, holds: bool) -> Self {
        let figure = figure.to_string();
        if !holds {
            self.broken.push(figure.clone());
        }
        self.figures.push(figure);
        self
    }

    /// Adds a figure to which there is no limit.
    pub(crate) fn remark(self, figure: impl fmt::Display) -> Self {
        self.figure(figure, true)
    }

    pub(crate) fn and(mut self, other: Self) -> Self {
        self.figures.extend(other.figures);
        self.broken.extend(other.broken);
        self
    }

    pub(crate) fn holds(&self) -> bool {
        self.broken.is_empty() && !self.figures.is_empty()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.figures.join("; "))?;
        if !self.broken.is_empty() {
            write!(f, " [not as asked: {}]", self.broken.join("; "))?;
        }
        Ok(())
    }
}
