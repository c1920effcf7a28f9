//! One node's way to a broker in memory, and the faults that a test can give it.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    broker::{Broker, Port},
    halves::{MemoryInlet, MemoryOutlet},
};
use crate::{
    backplane::{
        error::BackplaneError,
        link::{Backplane, BoxFuture, Link},
        prefix::Prefix,
    },
    sync::Mutex,
};

/// Connects hubs of one process through memory, for tests.
///
/// Give one to each node, the first by [`new`](Self::new) and the others by
/// [`another_node`](Self::another_node). A clone is the same node's, so that a test can keep it and
/// make the node's link fail: each method that does so names the fault of a real broker that it mimics. All
/// work under paused time.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use tower::Layer;
/// use web_connection_socket::{
///     Config, SocketMessage, WebConnectionSocketLayer, backplane::MemoryBackplane, testing::Server,
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = MemoryBackplane::new();
/// let first = WebConnectionSocketLayer::new(Config::new()).backplane(broker.clone());
/// let second = WebConnectionSocketLayer::new(Config::new()).backplane(broker.another_node());
/// first.hub().cluster().connected().await;
/// second.hub().cluster().connected().await;
///
/// let mut ann = Server::new(first.layer(Router::new())).connect("/?groupId=sales").await?;
/// second.hub().broadcast(&SocketMessage::new("order.shipped").text("no. 7").to_group("sales"));
/// assert_eq!(ann.receive().await?.message, "no. 7");
///
/// broker.cut(); // what a test does to the first node's link
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryBackplane {
    broker: Arc<Broker>,
    port: Arc<Mutex<Port>>,
    prefix: Prefix,
}

impl MemoryBackplane {
    /// Makes a broker, and the first node's way to it.
    #[must_use]
    pub fn new() -> Self {
        Self::on(Arc::default(), Prefix::default())
    }

    /// Makes another node's way to the same broker, with the same prefix and without faults.
    #[must_use]
    pub fn another_node(&self) -> Self {
        Self::on(self.broker.clone(), self.prefix.clone())
    }

    /// Sets the prefix that keeps applications apart. The default is `web-connection-socket`.
    ///
    /// # Panics
    ///
    /// Unless it is 1 to 64 ASCII letters, digits, `-`, `_` or `:`.
    #[must_use]
    #[track_caller]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Prefix::new(prefix);
        self
    }

    /// Ends the node's links and refuses new ones until [`restore`](Self::restore): a broker that was
    /// killed.
    pub fn cut(&self) {
        self.port.lock().set_cut();
    }

    /// Ends the node's links, and accepts new ones: a broker that was restarted, or that has thrown a
    /// slow client out.
    pub fn disconnect(&self) {
        self.port.lock().end_links();
    }

    /// Answers nothing and delivers nothing until [`restore`](Self::restore), when all of it happens: a broker
    /// that was stopped. Commands that a link has sent are executed then, although the link may be gone.
    pub fn freeze(&self) {
        self.port.lock().set_frozen();
    }

    /// Confirms what the node sends and carries it nowhere until [`restore`](Self::restore): a way that
    /// swallows one direction.
    pub fn drop_outgoing(&self) {
        self.port.lock().set_mute();
    }

    /// Withholds from the node, for good, all messages that are published until [`restore`](Self::restore): a
    /// node that is connected and deaf.
    pub fn drop_incoming(&self) {
        self.port.lock().set_deaf();
    }

    /// Has every message that is published from now on arrive at the node this much later.
    pub fn delay(&self, delay: Duration) {
        self.port.lock().set_delay(delay);
    }

    /// Ends all faults and delays.
    pub fn restore(&self) {
        let held = self.port.lock().restore();
        held.into_iter()
            .for_each(|execution| execution.run(&self.broker));
    }

    fn on(broker: Arc<Broker>, prefix: Prefix) -> Self {
        let port = broker.add_port();
        Self {
            broker,
            port,
            prefix,
        }
    }
}

impl Default for MemoryBackplane {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryBackplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("MemoryBackplane");
        debug.field("prefix", &self.prefix.to_string());
        debug.finish_non_exhaustive()
    }
}

impl Backplane for MemoryBackplane {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        Box::pin(async {
            loop {
                let changed = {
                    let mut port = self.port.lock();
                    if port.is_cut() {
                        return Err(BackplaneError::not_sent("the broker in memory was cut off"));
                    }
                    if !port.is_frozen() {
                        let link = port.open(&self.prefix);
                        drop(port);
                        let (port, broker) = (self.port.clone(), self.broker.clone());
                        let outlet = MemoryOutlet::new(link.clone(), port.clone(), broker);
                        let inlet = MemoryInlet::new(link, port);
                        return Ok((Box::new(outlet) as _, Box::new(inlet) as _));
                    }
                    port.changed()
                };
                changed.await;
            }
        })
    }
}
