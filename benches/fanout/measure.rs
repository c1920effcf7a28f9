//! One measurement: a server and its client as processes, and what the kernel accounts for them.

use std::{thread, time::Duration};

use crate::{
    cell::{Cell, Kind},
    contender::Contender,
    error::Result,
    figures::{Delivered, Figures, Opened},
    process::Process,
    run::micros,
    usage::Usage,
};

/// Runs one server under one load.
pub(crate) fn measure(contender: Contender, cell: Cell, deliveries: u64) -> Result<Figures> {
    let Contender { server, workers } = contender;
    let cell = server.cell(cell);
    let messages = cell.messages(server.times(cell) * deliveries);
    let mut host = Process::start(&[
        "serve".to_owned(),
        server.to_string(),
        format!("--workers={workers}"),
    ])?;
    let port = host.answer()?;
    let mut load = Process::start(&[
        "load".to_owned(),
        format!("--server={server}"),
        format!("--port={port}"),
        format!("--cell={cell}"),
        format!("--warm-up={}", cell.warm_up(messages)),
        format!("--messages={messages}"),
    ])?;

    // The first socket brings to life what all of them share.
    load.step()?;
    let mut figures = Figures {
        first: opened(&host, &mut load)?,
        ..Figures::default()
    };
    if cell.kind == Kind::Idle {
        figures.further = opened(&host, &mut load)?;
    } else {
        let deliveries = (messages * cell.receivers() as u64) as f64;
        figures.delivered = Some(delivered(&host, &mut load, deliveries)?);
    }
    Ok(figures)
}

/// What each socket takes that opens next; of a few it cannot be told.
fn opened(host: &Process, load: &mut Process) -> Result<Option<Opened>> {
    thread::sleep(SETTLE);
    let before = Usage::of(host.id())?;
    let opened: f64 = load.step()?.parse()?;
    thread::sleep(SETTLE);
    let after = Usage::of(host.id())?;
    Ok((opened >= ENOUGH).then(|| Opened {
        cpu: micros(after.cpu - before.cpu) / opened,
        resident_kib: (after.resident_kib - before.resident_kib) / opened,
    }))
}

fn delivered(host: &Process, load: &mut Process, deliveries: f64) -> Result<Delivered> {
    load.step()?;
    let before = Usage::of(host.id())?;
    let run = load.step()?.parse()?;
    let after = Usage::of(host.id())?;
    Ok(Delivered {
        deliveries,
        cpu: micros(after.cpu - before.cpu) / deliveries,
        run,
    })
}

/// Sockets of which an average means something.
const ENOUGH: f64 = 99.0;
/// Lets what a connect left behind come to rest.
const SETTLE: Duration = Duration::from_millis(200);
