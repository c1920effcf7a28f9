//! Stores of histories and their servers: what the hub relies on, and what each does when it fails.

#[path = "../../it/stores/contract.rs"]
mod contract;
mod cutter;
mod jetstream;
mod jetstream_losses;
mod jetstream_replicas;
mod redis;
mod redis_cluster;
mod redis_logins;
mod redis_losses;
