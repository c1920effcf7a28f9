//! All measurements that were asked for, in turn.

use crate::{
    cell::Cell, contender::Contender, error::Result, figures::Figures, markdown::Markdown,
    measure::measure, options::Options, plan::Plan, results::Results, table::Table,
};

/// Measures all that was asked for and prints a table per cell as soon as it is complete.
pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = Plan::new(options);
    let mut all = Vec::new();
    for &cell in plan.cells {
        let results = rounds(&plan, cell);
        println!("{}", Table(&results));
        all.push(results);
    }
    if options.markdown {
        print!("{}", Markdown(&all));
    }
    match all.iter().map(Results::failed).sum() {
        0 => Ok(()),
        failed => Err(format!("{failed} measurements failed").into()),
    }
}

fn rounds(plan: &Plan<'_>, cell: Cell) -> Results {
    let contenders = Contender::all(plan, cell).into_iter();
    let mut rows: Vec<_> = contenders
        .map(|contender| (contender, Vec::new()))
        .collect();
    for _ in 0..plan.rounds {
        // Within a round each has its turn, so that a slow spell meets all of them.
        for (contender, figures) in &mut rows {
            figures.push(attempt(*contender, cell, plan.deliveries));
        }
    }
    Results { cell, rows }
}

fn attempt(contender: Contender, cell: Cell, deliveries: u64) -> Option<Figures> {
    match measure(contender, cell, deliveries) {
        Ok(figures) => Some(figures),
        Err(error) => {
            eprintln!("fanout: {contender} at {cell}: {error}");
            None
        }
    }
}
