//! A server with so many workers.

use std::fmt;

use crate::{cell::Cell, plan::Plan, server::Server};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contender {
    pub(crate) server: Server,
    /// Threads of its runtime.
    pub(crate) workers: usize,
}

impl Contender {
    /// Those that take part in a cell, its floor included.
    pub(crate) fn all(plan: &Plan<'_>, cell: Cell) -> Vec<Self> {
        let mut all = Vec::new();
        for workers in plan.workers {
            for server in [Server::floor(cell)].iter().chain(plan.servers) {
                let contender = Self::new(*server, workers.get());
                if server.takes(cell) && !all.contains(&contender) {
                    all.push(contender);
                }
            }
        }
        all
    }

    /// What it is compared with.
    pub(crate) fn floor(self, cell: Cell) -> Self {
        Self::new(Server::floor(cell), self.workers)
    }

    /// What readers know it by.
    pub(crate) fn title(self) -> String {
        format!("{}{}", self.server.title(), self.suffix())
    }

    fn new(server: Server, workers: usize) -> Self {
        let workers = if server.is_floor() { 1 } else { workers };
        Self { server, workers }
    }

    fn suffix(self) -> String {
        match self.workers {
            _ if self.server.is_floor() => String::new(),
            1 => ", 1 worker".to_owned(),
            workers => format!(", {workers} workers"),
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.server, self.suffix())
    }
}
