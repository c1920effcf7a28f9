//! The names of the servers, and the load that each can be put under.

use std::fmt;

use clap::ValueEnum;

use crate::cell::{Cell, Kind};

/// A server under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    /// Our layer around an axum router.
    Hub,
    /// The same with no other sockets than those that get the messages.
    HubAlone,
    /// A bare event loop: one `send` per socket and message.
    LimitEach,
    /// A bare event loop: all that is pending for a socket in one `send`.
    LimitCoalesce,
    /// axum's WebSockets with a `tokio::sync::broadcast` channel.
    AxumBroadcast,
    /// axum's WebSockets with a bounded channel per socket, and maps of users and groups.
    AxumChannel,
    /// socketioxide, with a client that speaks Socket.IO; users and groups are rooms.
    Socketioxide,
    /// axum's WebSockets with an echo that asks a route in memory.
    AxumEcho,
}

impl Server {
    pub(crate) const ALL: [Self; 6] = [
        Self::Hub,
        Self::HubAlone,
        Self::AxumBroadcast,
        Self::AxumChannel,
        Self::Socketioxide,
        Self::AxumEcho,
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
            Kind::Group(_) | Kind::User(_) => !matches!(self, Self::AxumBroadcast | Self::AxumEcho),
            _ => !matches!(self, Self::HubAlone | Self::AxumEcho),
        }
    }

    /// The load that this server is put under.
    ///
    /// At the floor, the receivers are all sockets, and what may be in flight leaves at once: no
    /// server can send more of it in one call.
    pub(crate) fn cell(self, mut cell: Cell) -> Cell {
        let is_floor = self.is_floor();
        if let Kind::Group(members) | Kind::User(members) = cell.kind
            && (is_floor || self == Self::HubAlone)
        {
            cell.sockets = members;
        }
        if let Kind::All | Kind::Group(_) | Kind::User(_) = cell.kind
            && is_floor
        {
            cell.kind = Kind::Lockstep;
        }
        cell
    }

    /// How many times the usual deliveries a measurement needs: where a delivery costs a fraction,
    /// a short run is only noise.
    pub(crate) fn times(self, cell: Cell) -> u64 {
        let one_by_one = matches!(
            self,
            Self::LimitEach | Self::AxumBroadcast | Self::AxumChannel
        );
        match cell.kind {
            Kind::Inbound => 1,
            _ if cell.window == 1 || one_by_one => 1,
            _ => 5,
        }
    }

    /// Tells whether it is a single loop, whatever the number of workers.
    pub(crate) fn is_floor(self) -> bool {
        matches!(self, Self::LimitEach | Self::LimitCoalesce)
    }

    /// What readers know it by.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Hub => "**this crate**",
            Self::HubAlone => "this crate, only those sockets",
            Self::LimitEach | Self::LimitCoalesce => "baseline",
            Self::AxumBroadcast => "axum `ws` and a tokio broadcast channel",
            Self::AxumChannel => "axum `ws` and a channel for each socket",
            Self::Socketioxide => "socketioxide 0.18",
            Self::AxumEcho => "axum `ws` and the same route",
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}
