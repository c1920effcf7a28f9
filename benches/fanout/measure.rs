//! One measurement: a server and its client as processes, and what the kernel accounts for them.

use std::{thread, time::Duration};

use crate::{
    cell::Cell,
    error::Result,
    process::Process,
    run::{Run, micros},
    server::Server,
    usage,
};

/// What one measurement found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Processor time of the server per delivery, in µs.
    pub(crate) cpu: f64,
    /// Deliveries per second.
    pub(crate) rate: f64,
    /// Time from the publish to the last receiver, in µs.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Resident memory of the server per idle socket, in KiB.
    pub(crate) idle: f64,
    /// Processor time of the server per socket that opened, in µs.
    pub(crate) connect: f64,
}

/// Runs one server under one load.
pub(crate) fn measure(
    server: Server,
    cell: Cell,
    deliveries: u64,
    threads: usize,
) -> Result<Figures> {
    let cell = server.cell(cell);
    let messages = cell.messages(deliveries);
    let mut host = Process::start(&[
        "serve".to_owned(),
        server.to_string(),
        format!("--threads={threads}"),
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
    let cpu = || usage::cpu(host.id());
    let resident = || usage::resident_kib(host.id());

    // The first socket brings to life what all of them share.
    load.step()?;
    thread::sleep(SETTLE);
    let (cpu_before, resident_before) = (cpu()?, resident()?);
    let opened: f64 = load.step()?.parse()?;
    thread::sleep(SETTLE);
    let connect = micros(cpu()? - cpu_before) / opened;
    let idle = (resident()? - resident_before) / opened;

    load.step()?;
    let cpu_before = cpu()?;
    let run: Run = load.step()?.parse()?;
    let delivered = (messages * cell.receivers() as u64) as f64;
    Ok(Figures {
        cpu: micros(cpu()? - cpu_before) / delivered,
        rate: delivered / run.seconds,
        p50: run.p50,
        p99: run.p99,
        idle,
        connect,
    })
}

/// Lets what a connect left behind come to rest.
const SETTLE: Duration = Duration::from_millis(200);
