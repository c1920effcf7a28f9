//! The parts that networked stores share: the queue of entries, and the task that keeps a link open and
//! empties the queue over it.

mod feeder;
mod job;
mod remote;
mod server;
#[cfg(test)]
mod tests;

pub(super) use self::{
    job::Job,
    remote::Remote,
    server::{Driver, NoPage, Server},
};
