//! The client's steps, one for each line of its standard input.

use std::io::{self, BufRead};

use rlimit::Resource;

use super::{connect::Opener, exercise::Exercise, fan_out::FanOut, inbound::Inbound};
use crate::{cell::Kind, error::Result, options::Load};

/// Opens the first socket, opens the others, warms up and runs: a step for each line. Idle ones are
/// followed by further ones instead.
pub(crate) fn run(load: &Load) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let mut orders = io::stdin().lock().lines();
    let mut wait = || match orders.next() {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    };
    let cell = load.cell;
    let mut opener = Opener::new(load.port, load.server, cell);

    wait()?;
    opener.open(1)?;
    println!("first");
    wait()?;
    opener.open(cell.sockets - 1)?;
    if let Kind::Stalled(peers) = cell.kind {
        opener.stall(peers)?;
    }
    println!("{}", opener.opened() - 1);

    wait()?;
    if cell.kind == Kind::Idle {
        let further = cell.sockets.min(room(cell.sockets)?);
        opener.open(further)?;
        println!("{further}");
        return Ok(wait()?);
    }
    let sockets = opener.into_sockets();
    let mut exercise: Box<dyn Exercise> = match cell.kind {
        Kind::Inbound => Box::new(Inbound::new(sockets, cell)?),
        _ => Box::new(FanOut::new(sockets, cell, load.port)?),
    };
    exercise.run(load.warm_up)?;
    println!("warm");
    wait()?;
    println!("{}", exercise.run(load.messages)?.line());
    Ok(wait()?)
}

/// How many sockets the server may open besides, which has the same limit as the client.
fn room(opened: usize) -> Result<usize> {
    let files = usize::try_from(Resource::NOFILE.get_soft()?).unwrap_or(usize::MAX);
    let room = files.saturating_sub(opened + OTHER_FILES);
    match room {
        0 => Err(format!("only {files} open files are allowed").into()),
        room => Ok(room),
    }
}

/// More than a server opens that are not sockets.
const OTHER_FILES: usize = 100;
