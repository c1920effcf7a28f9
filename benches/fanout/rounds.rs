//! All measurements that were asked for, in turn.

use crate::{
    cell::Cell,
    error::Result,
    measure::{Figures, measure},
    options::Options,
    server::Server,
    table::Table,
};

/// Measures all that was asked for and prints a table per cell as soon as it is complete.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (cells, servers): (&[Cell], &[Server]) = if options.quick {
        (&Cell::QUICK, &Server::QUICK)
    } else {
        (&Cell::ALL, &Server::ALL)
    };
    let cells = chosen(&options.cells, cells);
    let servers = chosen(
        &options.only,
        if options.cells.is_empty() {
            servers
        } else {
            &Server::ALL
        },
    );
    let (rounds, deliveries) = if options.quick {
        (1, 100_000)
    } else {
        (3, 1_000_000)
    };
    let rounds = options.rounds.unwrap_or(rounds).max(1);
    let deliveries = options.deliveries.unwrap_or(deliveries).max(1);

    let mut failed = 0;
    for &cell in cells {
        let mut contenders: Vec<_> = servers
            .iter()
            .filter(|server| server.takes(cell))
            .map(|&server| (server, Vec::new()))
            .collect();
        for _ in 0..rounds {
            // Within a round each server has its turn, so that a slow spell meets all of them.
            for (server, figures) in &mut contenders {
                figures.push(attempt(*server, cell, deliveries, options.threads));
            }
        }
        let table = Table::new(cell, contenders);
        failed += table.failed();
        println!("{table}");
    }
    match failed {
        0 => Ok(()),
        failed => Err(format!("{failed} measurements failed").into()),
    }
}

fn attempt(server: Server, cell: Cell, deliveries: u64, threads: usize) -> Option<Figures> {
    match measure(server, cell, deliveries, threads) {
        Ok(figures) => Some(figures),
        Err(error) => {
            eprintln!("fanout: {server} at {cell}: {error}");
            None
        }
    }
}

fn chosen<'a, T>(asked: &'a [T], usual: &'a [T]) -> &'a [T] {
    if asked.is_empty() { usual } else { asked }
}
