//! The client: all sockets and the publisher, in one thread.

mod connect;
mod fan_out;
mod inbound;
mod progress;
mod publisher;
mod receiver;
mod socket_io;

use std::io::{self, BufRead};

use self::{connect::Opener, fan_out::FanOut, inbound::Inbound};
use crate::{Result, cell::Kind, measure::Run, options::Load};

/// Where sockets open.
pub(crate) const SOCKET_PATH: &str = "/__initializeSocket.wc";
/// Where messages are posted.
pub(crate) const PUBLISH_PATH: &str = "/__broadcastWebSocket.wc";
/// What lets the publisher in, where anybody asks.
pub(crate) const TOKEN: &str = "5pTqV0xGdK1yHf8wRz3u";

/// Does a step for each line of standard input: open the first socket, open the others, warm up,
/// run.
pub(crate) fn obey(load: &Load) -> Result<()> {
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

/// A load that goes on where it was.
trait Exercise {
    fn run(&mut self, messages: u64) -> Result<Run>;
}
