//! The report of a message that still waits for its place.

use std::{pin::Pin, time::Duration};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{
    protocol::{
        BroadcastReport, Forwarded, Forwarding, NotForwarded, Position, Receipt, Settlement,
    },
    sync::Mutex,
};

/// What becomes of a message of this node: settled once, when its sockets have it.
#[derive(Debug)]
pub(in crate::hub) struct Settling {
    state: Mutex<State>,
    changed: Notify,
    deadline: Instant,
}

#[derive(Debug, Default)]
struct State {
    delivered: Option<BroadcastReport>,
    /// `None` inside if there are no other nodes.
    forwarding: Option<Option<Forwarding>>,
}

impl Settling {
    pub(in crate::hub::history) fn new(now: Instant) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            deadline: now + MAX_WAIT,
        }
    }

    /// Notes that the sockets have the message. Returns whether all is known now.
    pub(in crate::hub::history) fn delivered(
        &self,
        report: BroadcastReport,
        position: Option<Position>,
    ) -> bool {
        self.change(|state| {
            let report = BroadcastReport { position, ..report };
            state.delivered.get_or_insert(report);
        })
    }

    /// Notes that the message is on its way to the other nodes, if there are some.
    pub(in crate::hub::history) fn forwarded(&self, forwarding: Option<Forwarding>) -> bool {
        self.change(|state| {
            state.forwarding.get_or_insert(forwarding);
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> bool {
        let mut state = self.state.lock();
        change(&mut state);
        let is_complete = state.delivered.is_some() && state.forwarding.is_some();
        drop(state);
        if is_complete {
            self.changed.notify_waiters();
        }
        is_complete
    }

    /// Returns the report, if it is known.
    pub(in crate::hub) fn now(&self) -> Option<BroadcastReport> {
        let state = self.state.lock();
        let mut report = state.delivered.clone()?;
        if let Some(forwarding) = state.forwarding.clone()? {
            report.forwarded = forwarding;
        }
        Some(report)
    }

    async fn wait(&self) -> Option<BroadcastReport> {
        loop {
            let changed = self.changed.notified();
            if let Some(report) = self.now() {
                return Some(report);
            }
            if timeout_at(self.deadline, changed).await.is_err() {
                return self.now();
            }
        }
    }
}

impl Settlement for Settling {
    fn settled(&self) -> Pin<Box<dyn Future<Output = Option<BroadcastReport>> + Send + '_>> {
        Box::pin(self.wait())
    }
}

impl Receipt for Settling {
    fn peek(&self) -> Option<Forwarded> {
        match &self.state.lock().forwarding {
            None => None,
            Some(None) => Some(Forwarded::No(NotForwarded::NoBackplane)),
            Some(Some(Forwarding::Settled(forwarded))) => Some(*forwarded),
            Some(Some(Forwarding::Pending(receipt))) => receipt.peek(),
        }
    }

    fn settled(&self) -> Pin<Box<dyn Future<Output = Forwarded> + Send + '_>> {
        Box::pin(async {
            match self.wait().await {
                // The broker has what the store has left of the time.
                Some(report) => timeout_at(self.deadline, report.forwarded.settled())
                    .await
                    .unwrap_or_else(|_| report.forwarded.now()),
                None => self.peek().unwrap_or(Forwarded::Unknown),
            }
        })
    }
}

/// From the broadcast on, for the store and the broker together. The store has 250 ms of it.
const MAX_WAIT: Duration = Duration::from_secs(1);
