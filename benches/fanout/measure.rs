//! One measurement: a server and its client as processes, and what the kernel accounts for them.

use std::{thread, time::Duration};

use crate::{
    cell::{Cell, Kind},
    contender::Contender,
    error::Result,
    figures::{Delivered, Figures},
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
    let (connect, idle) = opened(&host, &mut load)?;
    let (further, delivered) = match cell.kind {
        Kind::Idle => (Some(opened(&host, &mut load)?.1), None),
        _ => {
            let deliveries = (messages * cell.receivers() as u64) as f64;
            (None, Some(delivered(&host, &mut load, deliveries)?))
        }
    };
    Ok(Figures {
        delivered,
        idle,
        further,
        connect,
    })
}

/// What each further socket takes: processor time to connect in µs, resident memory in KiB.
fn opened(host: &Process, load: &mut Process) -> Result<(f64, f64)> {
    thread::sleep(SETTLE);
    let before = Usage::of(host.id())?;
    let opened: f64 = load.step()?.parse()?;
    thread::sleep(SETTLE);
    let after = Usage::of(host.id())?;
    Ok((
        micros(after.cpu - before.cpu) / opened,
        (after.resident_kib - before.resident_kib) / opened,
    ))
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

/// Lets what a connect left behind come to rest.
const SETTLE: Duration = Duration::from_millis(200);
