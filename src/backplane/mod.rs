//! Brokers that carry messages between the nodes of an application, and their trait.
//!
//! A node is one process with a hub. Nodes that share a broker and a prefix are a cluster: a broadcast
//! on one reaches the sockets of all. [`MemoryBackplane`] connects hubs of one process, for tests. Give
//! one to [`WebConnectionSocketLayer::backplane`](crate::WebConnectionSocketLayer::backplane).
//!
//! # Your own
//!
//! Implement [`Backplane`] for any broker that publishes and subscribes. A backplane only moves bytes:
//! retries, subscriptions after a new link, numbers, heartbeats, limits and reports of losses are the
//! cluster's, the same for all brokers. A message may arrive late, twice, in another order, on the node that
//! sent it, or never: the cluster notices.
//!
//! ```
//! use tokio::sync::broadcast;
//! use web_connection_socket::backplane::{
//!     Arrival, Backplane, BackplaneError, BoxFuture, Command, Inlet, Link, Outlet,
//! };
//!
//! /// Carries everything to all nodes of the process, and has them filter.
//! struct Flood(broadcast::Sender<Arrival>);
//!
//! struct Sender(broadcast::Sender<Arrival>);
//!
//! struct Receiver(broadcast::Receiver<Arrival>);
//!
//! impl Backplane for Flood {
//!     fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
//!         Box::pin(async {
//!             let outlet = Sender(self.0.clone());
//!             let inlet = Receiver(self.0.subscribe());
//!             Ok((Box::new(outlet) as _, Box::new(inlet) as _))
//!         })
//!     }
//! }
//!
//! impl Outlet for Sender {
//!     fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>> {
//!         Box::pin(async {
//!             for command in commands {
//!                 if let Command::Publish(topic, payload) = command {
//!                     let arrival = Arrival::new(topic, payload);
//!                     self.0.send(arrival).map_err(BackplaneError::not_sent)?;
//!                 }
//!             }
//!             Ok(())
//!         })
//!     }
//! }
//!
//! impl Inlet for Receiver {
//!     fn receive(&mut self) -> BoxFuture<'_, Option<Arrival>> {
//!         Box::pin(async { self.0.recv().await.ok() })
//!     }
//! }
//! ```

pub(crate) mod backoff;
mod command;
mod error;
mod link;
mod memory;
#[cfg(feature = "nats")]
pub(crate) mod nats;
pub(crate) mod prefix;
#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(any(feature = "nats", feature = "redis"))]
pub(crate) mod remote;
mod topic;

pub use self::{
    command::{Arrival, Command},
    error::{BackplaneError, BackplaneErrorKind},
    link::{Backplane, BoxFuture, Inlet, Link, Outlet},
    memory::MemoryBackplane,
    topic::{ParseTopicError, Topic},
};

#[cfg(feature = "nats")]
pub use self::nats::NatsBackplane;
#[cfg(feature = "redis")]
pub use self::redis::RedisBackplane;
#[cfg(any(feature = "nats", feature = "redis"))]
pub use self::remote::{SetupError, SetupErrorKind};
