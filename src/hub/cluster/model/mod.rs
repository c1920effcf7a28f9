//! Nodes over a broker in memory under many schedules of their threads: those that broadcast, those that
//! enter groups and leave them, and the tasks of links that come and go.
//!
//! Threads and locks are the explorer's, and so are the tasks: what sends and what receives is the
//! bridge's own, and the model opens and ends the links. No time passes but where a scenario says so.

mod node;
mod played;
mod scenarios;
