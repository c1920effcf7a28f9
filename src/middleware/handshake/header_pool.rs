//! Headers that many handshakes have in common, each kept once.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Arc, Weak},
};

use http::{
    HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE},
};
use parking_lot::Mutex;

use super::packed::{header_name, header_value};

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

/// A header that several sockets have.
#[derive(Debug)]
pub(super) struct SharedHeader {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
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
        let header = Arc::new(SharedHeader {
            name: header_name(name),
            value: header_value(value),
        });
        *least = Kept {
            mark,
            header: Arc::downgrade(&header),
        };
        Some(header)
    }
}

impl SharedHeader {
    fn is(&self, name: &str, value: &[u8]) -> bool {
        self.name == *name && self.value == *value
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
