//! Several nodes with real sockets over real brokers, which die, freeze, refuse and go deaf.

mod brokers_of_many;
mod delivery;
mod faults;
mod node;
mod refusals;
