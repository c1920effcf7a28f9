//! Nodes, a store and a backplane under random faults, and a judge that knows the truth.
//!
//! Answers of the store are late, fail or get lost; the store restarts and has lost what came last; frames
//! between nodes are delayed and lost. Clients note what they get and resume in the end, when all is calm.

mod judge;
mod nodes;
mod parts;
mod store;
mod world;
