//! A doubly linked list over the entries of a slab: an entry in the middle leaves as quickly as one at
//! an end.

use slab::Slab;

/// The ends of a list.
#[derive(Debug, Default)]
pub(super) struct Chain {
    first: Option<usize>,
    last: Option<usize>,
}

/// An entry's neighbours.
#[derive(Debug, Default)]
pub(super) struct Links {
    before: Option<usize>,
    after: Option<usize>,
}

/// An entry that can be in one [`Chain`] at a time.
pub(super) trait Linked {
    fn links(&mut self) -> &mut Links;
}

impl Chain {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Adds an entry that is in no list.
    pub(super) fn push<T: Linked>(&mut self, entries: &mut Slab<T>, at: usize) {
        *entries[at].links() = Links {
            before: self.last,
            after: None,
        };
        match self.last.replace(at) {
            Some(last) => entries[last].links().after = Some(at),
            None => self.first = Some(at),
        }
    }

    pub(super) fn pop<T: Linked>(&mut self, entries: &mut Slab<T>) -> Option<usize> {
        let first = self.first?;
        self.remove(entries, first);
        Some(first)
    }

    /// Takes out an entry that is in this list.
    pub(super) fn remove<T: Linked>(&mut self, entries: &mut Slab<T>, at: usize) {
        let Links { before, after } = std::mem::take(entries[at].links());
        match before {
            Some(before) => entries[before].links().after = after,
            None => self.first = after,
        }
        match after {
            Some(after) => entries[after].links().before = before,
            None => self.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Linked for Links {
        fn links(&mut self) -> &mut Links {
            self
        }
    }

    #[test]
    fn entries_that_leave_from_anywhere_keep_the_order_of_the_others() {
        for (gone, left) in [
            (&[][..], &[0, 1, 2, 3][..]),
            (&[0], &[1, 2, 3]),
            (&[3], &[0, 1, 2]),
            (&[1, 2], &[0, 3]),
            (&[2, 0, 3], &[1]),
            (&[1, 0, 3, 2], &[]),
        ] {
            let mut entries: Slab<Links> = Slab::new();
            let mut chain = Chain::default();
            for _ in 0..4 {
                let at = entries.insert(Links::default());
                chain.push(&mut entries, at);
            }
            for &at in gone {
                chain.remove(&mut entries, at);
            }
            let mut order = Vec::new();
            while let Some(at) = chain.pop(&mut entries) {
                order.push(at);
            }
            assert_eq!(order, left, "without {gone:?}");
            assert!(chain.is_empty());
        }
    }
}
