//! What a node does when something happens to it.

mod harness;
mod links;
mod reactions;
