//! The servers that are compared. Each prints its port and ends with its standard input.

mod axum_ws;
mod echo;
mod hub;
mod limit;
mod socket_io;

use std::{
    fmt,
    future::Future,
    io::{self, Read},
    process, thread,
};

use axum::{Router, serve::ListenerExt};
use clap::ValueEnum;
use tokio::{net::TcpListener, runtime};

use crate::{
    Result,
    cell::{Cell, Kind},
};

/// A server under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    /// Our layer around an axum router.
    Hub,
    /// A bare event loop: one `send` per socket and message.
    LimitEach,
    /// A bare event loop: all that is pending for a socket in one `send`.
    LimitCoalesce,
    /// axum's WebSockets with a `tokio::sync::broadcast` channel.
    AxumBroadcast,
    /// axum's WebSockets with a bounded channel per socket.
    AxumChannel,
    /// socketioxide, with a client that speaks Socket.IO.
    Socketioxide,
    /// axum's WebSockets with an echo that asks a route in memory.
    AxumEcho,
}

impl Server {
    pub(crate) const ALL: [Self; 7] = [
        Self::Hub,
        Self::LimitEach,
        Self::LimitCoalesce,
        Self::AxumBroadcast,
        Self::AxumChannel,
        Self::Socketioxide,
        Self::AxumEcho,
    ];

    pub(crate) const QUICK: [Self; 4] = [
        Self::Hub,
        Self::LimitEach,
        Self::LimitCoalesce,
        Self::AxumBroadcast,
    ];

    /// What the others are compared with.
    pub(crate) fn floor(cell: Cell) -> Self {
        match cell.kind {
            Kind::Inbound => Self::AxumEcho,
            _ if cell.window == 1 => Self::LimitEach,
            _ => Self::LimitCoalesce,
        }
    }

    pub(crate) fn takes(self, cell: Cell) -> bool {
        match cell.kind {
            Kind::Inbound => matches!(self, Self::Hub | Self::AxumEcho),
            Kind::Group(_) => matches!(self, Self::Hub | Self::LimitEach | Self::LimitCoalesce),
            Kind::Everybody | Kind::Stalled(_) => self != Self::AxumEcho,
        }
    }

    /// The load that this server is put under: without groups, a group's members are all there are.
    pub(crate) fn cell(self, mut cell: Cell) -> Cell {
        if let Kind::Group(members) = cell.kind
            && self != Self::Hub
        {
            cell.sockets = members;
            cell.kind = Kind::Everybody;
        }
        cell
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// Serves until standard input ends.
pub(crate) fn serve(server: Server, threads: usize) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    thread::spawn(|| {
        let end = io::stdin().read_to_end(&mut Vec::new());
        process::exit(i32::from(end.is_err()));
    });
    match server {
        Server::Hub => on_runtime(threads, hub::serve()),
        Server::LimitEach => limit::serve(limit::Sends::Each),
        Server::LimitCoalesce => limit::serve(limit::Sends::Coalesced),
        Server::AxumBroadcast => on_runtime(threads, serve_router(axum_ws::broadcast())),
        Server::AxumChannel => on_runtime(threads, serve_router(axum_ws::channel())),
        Server::Socketioxide => on_runtime(threads, serve_router(socket_io::router())),
        Server::AxumEcho => on_runtime(threads, serve_router(echo::over_axum())),
    }
}

fn on_runtime(threads: usize, serving: impl Future<Output = Result<()>>) -> Result<()> {
    let mut builder = match threads {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(threads).enable_all().build()?;
    runtime.block_on(serving)
}

async fn serve_router(router: Router) -> Result<()> {
    axum::serve(listen().await?, router).await?;
    Ok(())
}

/// Listens on any free port, says which, and sends small segments at once.
async fn listen() -> Result<impl axum::serve::Listener<Addr = std::net::SocketAddr>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    Ok(listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("fanout: TCP_NODELAY was not set: {error}");
        }
    }))
}
