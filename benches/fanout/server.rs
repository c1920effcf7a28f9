//! The names of the servers, and the load that each can be put under.

use std::fmt;

use clap::ValueEnum;

use crate::cell::{Cell, Kind};

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
            Kind::All | Kind::Stalled(_) => self != Self::AxumEcho,
        }
    }

    /// The load that this server is put under: without groups, a group's members are all there are.
    pub(crate) fn cell(self, mut cell: Cell) -> Cell {
        if let Kind::Group(members) = cell.kind
            && self != Self::Hub
        {
            cell.sockets = members;
            cell.kind = Kind::All;
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
