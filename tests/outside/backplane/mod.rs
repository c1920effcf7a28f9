//! Backplanes and their brokers: what the cluster relies on, the same for all, and what is each one's.

mod contract;
mod logins;
mod node;
pub(crate) mod tls;
