//! The last messages of one stream, and its places.

mod place;
mod ring;

#[cfg(test)]
mod tests;

pub(super) use self::{
    place::{Place, Since},
    ring::Ring,
};
