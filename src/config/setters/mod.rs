//! The setters of options whose values have a type of their own.

mod access;
mod cluster;
mod connection_limits;
mod forward_headers;
mod history;
mod presence;
mod proxies;
mod queues;
mod rates;
mod reconnects;
mod routes;
mod subprotocol;
