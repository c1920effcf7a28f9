//! Headers that many handshakes have in common, each kept once.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Weak},
};

use http::header::{AUTHORIZATION, COOKIE};
use parking_lot::Mutex;

use super::packed::SharedHeader;

/// The headers that the open sockets of a layer have in common, each kept once: of what a browser
/// sends, all but the cookie is the same for thousands of sockets.
///
/// A header is shared from its second sighting on, so that a value of one socket alone never enters.
/// The pool refers to headers weakly, in a fixed number of places: what no socket has any more is
/// freed, and no flood of values makes it grow. Each lookup locks one place of many.
pub(crate) struct HeaderPool {
    hasher: RandomState,
    places: Box<[Mutex<Place>]>,
}

impl HeaderPool {
    /// Returns the one copy of a header, whose name is in lower case; `None` if the socket is to keep
    /// a copy of its own.
    pub(super) fn share(&self, name: &str, value: &[u8]) -> Option<Arc<SharedHeader>> {
        // A reference takes as much as a short header does, and its only copy many times that.
        if name.len() + value.len() < SHORTEST || is_secret(name) {
            return None;
        }
        // The keys are random: no client can aim at a place.
        let hash = self.hasher.hash_one((name, value));
        let at = hash as usize % self.places.len();
        self.places[at].lock().share(Mark::new(hash), name, value)
    }
}

impl Default for HeaderPool {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            places: (0..PLACES).map(|_| Mutex::default()).collect(),
        }
    }
}

/// What the headers share whose hashes meet.
#[derive(Debug, Default)]
struct Place {
    /// Headers that were seen once, the next one to be forgotten first.
    seen: [Mark; SEEN],
    kept: [Kept; KEPT],
}

/// A header that sockets share, if one of them is still open.
#[derive(Debug, Default)]
struct Kept {
    mark: Mark,
    header: Weak<SharedHeader>,
}

impl Place {
    fn share(&mut self, mark: Mark, name: &str, value: &[u8]) -> Option<Arc<SharedHeader>> {
        let same = self.kept.iter().filter(|kept| kept.mark == mark);
        for kept in same {
            let known = kept.header.upgrade();
            if let Some(known) = known.filter(|known| known.is(name, value)) {
                return Some(known);
            }
        }
        if !self.seen.contains(&mark) {
            self.seen.rotate_left(1);
            self.seen[SEEN - 1] = mark;
            return None;
        }
        // Has the one go that the fewest sockets share, for which one that is gone need not be sought.
        let fewest = |kept: &&mut Kept| kept.header.strong_count();
        let least = self.kept.iter_mut().min_by_key(fewest)?;
        let header = Arc::new(SharedHeader::new(name, value));
        *least = Kept {
            mark,
            header: Arc::downgrade(&header),
        };
        Some(header)
    }
}

/// What is remembered of a header: the part of its hash that does not choose its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark(u32);

impl Mark {
    /// Never the mark of a place where nothing is.
    fn new(hash: u64) -> Self {
        Self((hash >> 32) as u32 | 1)
    }
}

/// Whether a value is one client's alone, and nothing should be found out by guessing it.
fn is_secret(name: &str) -> bool {
    [AUTHORIZATION, COOKIE].iter().any(|secret| secret == name)
}

/// Bytes of name and value.
const SHORTEST: usize = 16;

const PLACES: usize = 256;
const SEEN: usize = 4;
const KEPT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: (&str, &[u8]) = ("user-agent", b"Mozilla/5.0 (X11; Linux x86_64)");

    #[test]
    fn a_header_is_shared_from_its_second_sighting_on() {
        let pool = HeaderPool::default();
        let share = || pool.share(AGENT.0, AGENT.1);
        assert!(share().is_none());
        let one = share().expect("it was seen before");
        assert!(one.is(AGENT.0, AGENT.1));
        assert!(Arc::ptr_eq(&one, &share().expect("it is kept")));
        assert!(pool.share(AGENT.0, b"another one").is_none());
        assert!(pool.share("referer", AGENT.1).is_none());
    }

    #[test]
    fn what_no_socket_has_any_more_is_freed() {
        let pool = HeaderPool::default();
        let share = || pool.share(AGENT.0, AGENT.1);
        assert!(share().is_none());
        let kept: Vec<_> = (0..3).map(|_| share().expect("seen before")).collect();
        let gone = Arc::downgrade(&kept[0]);
        drop(kept);
        assert!(gone.upgrade().is_none());
        assert!(share().is_some(), "it may come back");
    }

    #[test]
    fn secrets_and_what_is_short_are_never_looked_up() {
        let pool = HeaderPool::default();
        for (name, value) in [
            ("cookie", &b"session=4f1c9ab0d27e43f5"[..]),
            ("authorization", b"Bearer 4f1c9ab0d27e43f5"),
            ("dnt", b"1"),
        ] {
            for _ in 0..3 {
                assert!(pool.share(name, value).is_none(), "{name}");
            }
        }
    }

    #[test]
    fn a_flood_of_values_displaces_nothing_that_many_sockets_share() {
        let pool = HeaderPool::default();
        let share = || pool.share(AGENT.0, AGENT.1);
        assert!(share().is_none());
        let sockets: Vec<_> = (0..4).filter_map(|_| share()).collect();
        let mut flood = Vec::new();
        for number in 0..5 * PLACES * KEPT {
            let value = format!("a value of which there are {number}");
            assert!(pool.share("x-flood", value.as_bytes()).is_none());
            flood.extend(pool.share("x-flood", value.as_bytes()));
        }
        assert_eq!(flood.len(), 5 * PLACES * KEPT, "seen twice each");
        let again = share().expect("it is kept");
        assert!(Arc::ptr_eq(&sockets[0], &again));
    }
}
