//! Starts the server that was asked for.

use std::{
    io::{self, Read},
    process, thread,
};

use super::{
    axum_ws, echo,
    host::{on_runtime, serve_router},
    hub, limit, socket_io,
};
use crate::{error::Result, server::Server};

/// Serves until standard input ends.
pub(crate) fn serve(server: Server, workers: usize) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    thread::spawn(|| {
        let end = io::stdin().read_to_end(&mut Vec::new());
        process::exit(i32::from(end.is_err()));
    });
    match server {
        Server::Hub | Server::HubAlone => on_runtime(workers, hub::serve()),
        Server::LimitEach => limit::serve(limit::Sends::Each),
        Server::LimitCoalesce => limit::serve(limit::Sends::Coalesced),
        Server::AxumBroadcast => on_runtime(workers, serve_router(axum_ws::broadcast())),
        Server::AxumChannel => on_runtime(workers, serve_router(axum_ws::channel())),
        Server::Socketioxide => on_runtime(workers, serve_router(socket_io::router())),
        Server::AxumEcho => on_runtime(workers, serve_router(echo::over_axum())),
    }
}
