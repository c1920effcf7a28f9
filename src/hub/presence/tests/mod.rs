//! The table by example, with socket numbers in the place of watchers, and several of them at random.

mod clock;
mod members;
mod reports;
mod simulation;
mod storms;
mod watchers;
mod words;
mod world;
