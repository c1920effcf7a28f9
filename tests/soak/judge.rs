use std::collections::HashMap;

/// Checks that what one client sees of each publisher is 0, 1, 2, … without gap or repetition.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    next: HashMap<String, u64>,
    pub(crate) seen: u64,
    pub(crate) lost: u64,
    /// Doubled, or after a later one.
    pub(crate) out_of_order: u64,
}

impl Judge {
    /// Takes a text such as `ann 17 …`.
    pub(crate) fn see(&mut self, text: &str) {
        let mut words = text.split(' ');
        let publisher = words.next().unwrap_or_default();
        let number: u64 = words
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or_else(|| {
                panic!("a numbered message was expected, and there came {text:.60}")
            });
        let next = self.next.entry(publisher.to_owned()).or_default();
        self.seen += 1;
        if number < *next {
            self.out_of_order += 1;
        } else {
            self.lost += number - *next;
            *next = number + 1;
        }
    }

    /// Counts what a publisher sent last of all and this client never saw.
    pub(crate) fn expect(&mut self, publisher: &str, count: u64) {
        let next = self.next.get(publisher).copied().unwrap_or_default();
        self.lost += count.saturating_sub(next);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.seen += other.seen;
        self.lost += other.lost;
        self.out_of_order += other.out_of_order;
    }
}
