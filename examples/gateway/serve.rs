//! Serving: all ports, until the process is asked to stop.

use std::{future::Future, io, time::Duration};

use hyper_util::client::legacy::connect::Connect;
use tokio::sync::watch;
use tower::{Layer, ServiceBuilder};
use tower_http::trace::TraceLayer;

use web_connection_socket::{Server, WebConnectionSocketLayer};

use crate::{
    Problem,
    address::Address,
    headers::Forwarding,
    ports::Ports,
    proxy::Proxy,
    refusals::LogRefusals,
    signals::{Reload, Stop},
    site::Site,
    status::Status,
    tls::Acceptor,
};

/// Everything that was checked, ready to serve.
pub(crate) struct Gateway {
    pub(crate) layer: WebConnectionSocketLayer,
    pub(crate) address: Address,
    pub(crate) forwarding: Forwarding,
    pub(crate) scripts: Option<String>,
    pub(crate) ports: Ports,
    pub(crate) tls: Option<Acceptor>,
}

impl Gateway {
    /// Serves until Ctrl+C or SIGTERM. The sockets end first, while the application can still broadcast
    /// to them; then the ports close.
    pub(crate) async fn serve<C>(self, connector: C) -> Result<(), Problem>
    where
        C: Connect + Clone + Send + Sync + 'static,
    {
        let hub = self.layer.hub();
        let (mut stop, mut at_once) = (Stop::listen()?, Stop::listen()?);
        let (drained, is_drained) = watch::channel(false);
        let drain = {
            let hub = hub.clone();
            async move {
                stop.asked().await;
                tracing::info!("asked to stop: closing the sockets");
                let end = hub.shutdown(DRAIN).await;
                tracing::info!(closed = end.closed, cut = end.cut, "the sockets are closed");
                drained.send_replace(true);
            }
        };

        let proxy = Proxy::new(connector, self.address, self.forwarding);
        let site = Site::new(self.scripts, proxy);
        let control = self.layer.control_service(site.clone());
        let public = ServiceBuilder::new()
            .layer(TraceLayer::new_for_http().on_failure(()))
            .layer(LogRefusals)
            .service(self.layer.layer(site));
        let control = ServiceBuilder::new().layer(LogRefusals).service(control);

        let server = |listener| {
            let stop = until(is_drained.clone());
            Server::new(listener, &hub)
                .drain_timeout(DRAIN)
                .with_graceful_shutdown(stop)
        };
        let public = {
            let server = server(self.ports.public);
            let tls = self.tls.clone();
            async move {
                match tls {
                    Some(tls) => server.serve_tls(move |tcp| tls.accept(tcp), public).await,
                    None => server.serve(public).await,
                }
            }
        };
        let control = self.ports.control.map(|port| server(port).serve(control));
        let status = self
            .ports
            .status
            .map(|port| server(port).serve(Status::new(hub.clone())));
        tokio::select! {
            served = async {
                tokio::join!(drain, public, or_nothing(control), or_nothing(status))
            } => {
                let ((), public, control, status) = served;
                public.and(control).and(status)?;
            }
            failed = reload(self.tls) => failed?,
            () = async { at_once.asked().await; at_once.asked().await } => {
                tracing::warn!("asked to stop again: stopping at once");
            }
        }
        Ok(())
    }
}

async fn or_nothing(server: Option<impl Future<Output = io::Result<()>>>) -> io::Result<()> {
    match server {
        Some(server) => server.await,
        None => Ok(()),
    }
}

/// Waits until the sockets have ended.
async fn until(mut is_drained: watch::Receiver<bool>) {
    // An error means that nothing more will come.
    let _ended = is_drained.wait_for(|is_drained| *is_drained).await;
}

/// Reads the certificate again whenever the process is asked to. Never ends otherwise.
async fn reload(tls: Option<Acceptor>) -> io::Result<()> {
    let mut reload = Reload::listen()?;
    loop {
        reload.asked(tls.as_ref()).await;
        match &tls {
            Some(tls) => tls.reload(),
            None => tracing::info!("there is no certificate to read again"),
        }
    }
}

/// How long sockets, and after them other requests, may take to end.
const DRAIN: Duration = Duration::from_secs(10);
