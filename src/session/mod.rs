//! One socket from its 101 to its end: a task over any byte stream that reads, has the application
//! handle messages, writes the socket's queue and keeps its deadlines.

mod closing;
mod expiry;
mod finish;
mod handling;
mod heartbeat;
mod http2;
mod life_sign;
mod message_handler;
mod rate_limit;
mod reading;
mod run;
mod task;
mod timer;
mod transport;
mod write_timeout;

pub(crate) use self::{
    finish::run_unopened,
    message_handler::{Ending, HandlerFuture, MessageHandler, Taken},
    run::{run, spawn_upgraded},
};
