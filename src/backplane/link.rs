//! A broker as the cluster sees it: how a link is opened, and its two halves.

use std::pin::Pin;

use super::{
    command::{Arrival, Command},
    error::BackplaneError,
};

/// A boxed future, so that the traits of this module can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The two halves of an open link.
pub type Link = (Box<dyn Outlet>, Box<dyn Inlet>);

/// A broker that carries messages between nodes.
///
/// See the [module](crate::backplane#your-own) for an implementation.
pub trait Backplane: Send + Sync + 'static {
    /// Opens a link, which has no subscriptions yet.
    ///
    /// The cluster calls it again after each failure and whenever a link has ended, for as long as the
    /// hub lives, after a random delay of at most 2 s; so it must not retry by itself. It gives up a
    /// call after 5 s. With several addresses, try another one with each call.
    ///
    /// # Errors
    ///
    /// If the broker is not reachable, refuses this client or cannot carry what the cluster needs. The
    /// text is logged once a minute: say what is wrong and what to change.
    ///
    /// # Cancel safety
    ///
    /// A dropped future must leave no connection behind.
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>>;
}

/// The half of a link that sends.
///
/// Each half is used by a task of its own, since a broker that does not answer must not keep messages
/// from arriving. Dropping either half must end both: the connection is closed, and the other half
/// fails.
pub trait Outlet: Send {
    /// Executes commands in their order, and returns once the broker has confirmed all of them, or, if it
    /// confirms nothing, once the connection has taken them.
    ///
    /// There are at most 512 commands, and at most 256 KiB of payload unless a single message is larger.
    /// No message is larger than 1 MiB. Send them in one go: this is where the throughput of a cluster
    /// comes from. A subscription that exists is confirmed again, and so is the end of one that does
    /// not exist.
    ///
    /// Wait for the answer however long it takes. The cluster notices by its own heartbeat that a link is
    /// dead, and drops it.
    ///
    /// # Errors
    ///
    /// The link is over with the first error: the cluster drops both halves and opens another. The error's
    /// kind is [`Unconfirmed`](super::BackplaneErrorKind::Unconfirmed) if a command may have reached the
    /// broker, else [`NotSent`](super::BackplaneErrorKind::NotSent).
    ///
    /// # Cancel safety
    ///
    /// Need not be cancel safe: the cluster drops a pending future only together with the link.
    fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>>;
}

/// The half of a link that receives.
///
/// Bound the messages that have arrived and were not taken yet, in number and in bytes. End the link when
/// the bound is reached: the cluster then reports what was lost. Do not drop messages silently for long:
/// the cluster notices that by the next message, but not before.
pub trait Inlet: Send {
    /// Waits for the next message on a subscribed topic, or returns `None` if the link is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped future has taken no message.
    fn receive(&mut self) -> BoxFuture<'_, Option<Arrival>>;
}
