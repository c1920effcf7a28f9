//! What is measured when the command line does not say.

use std::num::NonZeroUsize;

use crate::{
    cell::{Cell, Kind},
    options::Options,
    server::Server,
};

/// Which cells and servers have their turns, how often, and for how long.
pub(crate) struct Plan<'o> {
    pub(crate) cells: &'o [Cell],
    pub(crate) servers: &'o [Server],
    pub(crate) workers: &'o [NonZeroUsize],
    pub(crate) rounds: usize,
    pub(crate) deliveries: u64,
}

impl<'o> Plan<'o> {
    pub(crate) fn new(options: &'o Options) -> Self {
        let (cells, servers, rounds, deliveries) = if options.quick {
            (&QUICK[..], &QUICK_SERVERS[..], 1, 100_000)
        } else {
            (&ALL[..], &Server::ALL[..], 3, 1_000_000)
        };
        Self {
            cells: chosen(&options.cells, cells),
            servers: chosen(&options.only, servers),
            workers: &options.workers,
            rounds: options.rounds.unwrap_or(rounds).max(1),
            deliveries: options.deliveries.unwrap_or(deliveries).max(1),
        }
    }
}

fn chosen<'a, T>(asked: &'a [T], usual: &'a [T]) -> &'a [T] {
    if asked.is_empty() { usual } else { asked }
}

const QUICK: [Cell; 5] = [
    Cell::new(1_000, 128, 1),
    Cell::new(1_000, 128, 32),
    Cell::new(1_000, 128, 1).kind(Kind::Group(100)),
    Cell::new(1_000, 128, 32).kind(Kind::Inbound),
    Cell::new(1_000, 128, 1).kind(Kind::Idle),
];

const QUICK_SERVERS: [Server; 3] = [Server::Hub, Server::AxumChannel, Server::AxumEcho];

const ALL: [Cell; 20] = [
    Cell::new(1_000, 128, 1),
    Cell::new(1_000, 128, 32),
    Cell::new(1_000, 128, 32).kind(Kind::Lockstep),
    Cell::new(1_000, 4_096, 1),
    Cell::new(1_000, 4_096, 32),
    Cell::new(10_000, 128, 1),
    Cell::new(10_000, 128, 32),
    Cell::new(10_000, 128, 32).kind(Kind::Lockstep),
    Cell::new(10_000, 4_096, 1),
    Cell::new(10_000, 4_096, 32),
    Cell::new(10, 128, 1),
    Cell::new(10_000, 128, 1).kind(Kind::Group(100)),
    Cell::new(10_000, 128, 32).kind(Kind::Group(100)),
    Cell::new(10_000, 128, 1).kind(Kind::Group(10)),
    Cell::new(10_000, 128, 1).kind(Kind::User(3)),
    Cell::new(10_000, 128, 1).kind(Kind::User(1)),
    Cell::new(1_000, 4_096, 1).kind(Kind::Stalled(50)),
    Cell::new(1_000, 128, 1).kind(Kind::Inbound),
    Cell::new(1_000, 128, 32).kind(Kind::Inbound),
    Cell::new(10_000, 128, 1).kind(Kind::Idle),
];
