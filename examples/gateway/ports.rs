//! The ports that the gateway listens on.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use tokio::net::TcpListener;

use crate::{Problem, options::Options};

/// Listeners: for visitors, and on this machine alone for broadcasts and for the status.
pub(crate) struct Ports {
    pub(crate) public: TcpListener,
    pub(crate) control: Option<TcpListener>,
    pub(crate) status: Option<TcpListener>,
}

impl Ports {
    pub(crate) async fn open(options: &Options) -> Result<Self, Problem> {
        Ok(Self {
            public: listen("--port", options.bind, options.port).await?,
            control: listen_here("--control-port", options.control_port).await?,
            status: listen_here("--status-port", options.status_port).await?,
        })
    }

    /// The public port and the control service's: those that were asked for, or those that were free.
    pub(crate) fn numbers(&self) -> io::Result<(u16, Option<u16>)> {
        let control = self.control.as_ref().map(TcpListener::local_addr);
        Ok((
            self.public.local_addr()?.port(),
            control.transpose()?.map(|address| address.port()),
        ))
    }
}

async fn listen_here(option: &str, port: Option<u16>) -> Result<Option<TcpListener>, Problem> {
    match port {
        Some(port) => Ok(Some(
            listen(option, Ipv4Addr::LOCALHOST.into(), port).await?,
        )),
        None => Ok(None),
    }
}

async fn listen(option: &str, address: IpAddr, port: u16) -> Result<TcpListener, Problem> {
    let address = SocketAddr::new(address, port);
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("{option}: cannot listen at {address}: {error}").into())
}
