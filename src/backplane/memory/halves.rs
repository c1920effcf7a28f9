//! The two halves of a link to the broker in memory.

use std::sync::Arc;

use tokio::time::timeout_at;

use super::broker::{Accepted, Broker, MemoryLink, Next, Port};
use crate::{
    backplane::{
        command::{Arrival, Command},
        error::BackplaneError,
        link::{BoxFuture, Inlet, Outlet},
    },
    sync::Mutex,
};

/// A half of a link; dropping it ends the link.
#[derive(Debug)]
struct Half {
    link: Arc<MemoryLink>,
    port: Arc<Mutex<Port>>,
}

impl Drop for Half {
    fn drop(&mut self) {
        self.link.end();
        self.port.lock().notify();
    }
}

/// The half that sends.
#[derive(Debug)]
pub(super) struct MemoryOutlet {
    half: Half,
    broker: Arc<Broker>,
}

impl MemoryOutlet {
    pub(super) fn new(link: Arc<MemoryLink>, port: Arc<Mutex<Port>>, broker: Arc<Broker>) -> Self {
        Self {
            half: Half { link, port },
            broker,
        }
    }
}

impl Outlet for MemoryOutlet {
    fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>> {
        Box::pin(async {
            let Half { link, port } = &self.half;
            if link.is_over() {
                return Err(BackplaneError::not_sent(OVER));
            }
            let accepted = port.lock().accept(link, commands);
            let mut confirmed = match accepted {
                Accepted::Now(execution) => {
                    execution.run(&self.broker);
                    return Ok(());
                }
                Accepted::Held(confirmed) => confirmed,
            };
            loop {
                let changed = port.lock().changed();
                if link.is_over() {
                    return Err(BackplaneError::unconfirmed(OVER));
                }
                tokio::select! {
                    result = &mut confirmed => return result.map_err(|_| BackplaneError::unconfirmed(OVER)),
                    () = changed => {}
                }
            }
        })
    }
}

/// The half that receives.
#[derive(Debug)]
pub(super) struct MemoryInlet(Half);

impl MemoryInlet {
    pub(super) fn new(link: Arc<MemoryLink>, port: Arc<Mutex<Port>>) -> Self {
        Self(Half { link, port })
    }
}

impl Inlet for MemoryInlet {
    fn receive(&mut self) -> BoxFuture<'_, Option<Arrival>> {
        Box::pin(async {
            let Half { link, port } = &self.0;
            loop {
                let (changed, is_frozen) = {
                    let port = port.lock();
                    (port.changed(), port.is_frozen())
                };
                if is_frozen {
                    if link.is_over() {
                        return None;
                    }
                    changed.await;
                    continue;
                }
                match link.next() {
                    Next::Arrived(arrival) => return Some(arrival),
                    Next::Over => return None,
                    Next::Nothing => changed.await,
                    // Whichever comes first, the rest is looked at again.
                    Next::Due(due) => _ = timeout_at(due, changed).await,
                }
            }
        })
    }
}

const OVER: &str = "the link to the broker in memory is over";
