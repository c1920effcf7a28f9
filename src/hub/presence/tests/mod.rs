//! The table by example, with socket numbers in the place of watchers.

mod clock;
mod members;
mod watchers;
