//! The library's own server: connections in memory where only time matters, else TCP.

mod accepting;
mod layers;
mod stopping;
mod streams;
mod timers;

use std::{future::pending, io, net::SocketAddr, sync::Arc};

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::{
    io::{DuplexStream, duplex},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tower::{BoxError, Service};
use web_connection_socket::{Hub, Listener, Server};

use crate::support::{soon, spawn};

/// Connections in memory, and errors, as a test makes them.
struct Pipes(mpsc::Receiver<io::Result<DuplexStream>>);

impl Listener for Pipes {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, Option<SocketAddr>)> {
        let peer = Some(([192, 0, 2, 7], 50_123).into());
        match self.0.recv().await {
            Some(accepted) => accepted.map(|stream| (stream, peer)),
            None => pending().await,
        }
    }
}

/// A server of such connections.
struct Site {
    accept: mpsc::Sender<io::Result<DuplexStream>>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<io::Result<()>>,
}

impl Site {
    /// Serves until it is stopped.
    fn start<S, RB>(
        hub: &Arc<Hub>,
        options: impl FnOnce(Server<Pipes>) -> Server<Pipes>,
        app: S,
    ) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let (accept, accepted) = mpsc::channel(16);
        let (stop, stopped) = oneshot::channel();
        let server = Server::new(Pipes(accepted), hub).with_graceful_shutdown(async move {
            // A test that ends without stopping its server stops it by that.
            let _dropped = stopped.await;
        });
        let serving = spawn(options(server).serve(app));
        Self {
            accept,
            stop,
            serving,
        }
    }

    /// A connection that the server will accept.
    async fn connect(&self) -> DuplexStream {
        let (client, server) = duplex(64 * 1_024);
        self.accept.send(Ok(server)).await.expect("a server");
        client
    }

    /// Lets the server's next accept fail.
    async fn fail(&self, error: io::Error) {
        self.accept.send(Err(error)).await.expect("a server");
    }

    /// Asks it to stop and waits until it has.
    async fn stop(self) {
        self.stop.send(()).expect("a server that runs");
        let served = soon("the server to stop", self.serving).await;
        served.expect("no panic").expect("a server that served");
    }
}
