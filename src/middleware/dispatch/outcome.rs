//! What follows from a failed dispatch: it is counted, and the sender or the log is told.

use super::error::DispatchError;
use crate::{
    frame::Frame,
    hub::{Backlog, Push},
    middleware::{log::Kind, source::Connection, state::State},
    protocol::ErrorFrame,
};

/// Where a failure is reported.
#[derive(Clone, Copy, Debug)]
pub(super) enum Report {
    /// To the sender, in an error frame.
    Sender,
    /// To the log, under this name: no client asked for it, or none would understand the error frame.
    Log(&'static str),
}

/// Counts a dispatch if it failed. Every dispatch comes here once.
pub(in crate::middleware) fn count<T>(
    state: &State,
    outcome: Result<T, DispatchError>,
) -> Result<T, DispatchError> {
    outcome.inspect_err(|_| state.hub.counters().dispatch_failed())
}

/// Reports a failed dispatch of a socket, and closes the socket if the application wants that.
pub(super) fn settle(state: &State, connection: &Connection, report: Report, error: DispatchError) {
    match report {
        Report::Sender => {
            let close = error.close_reason();
            send_error(state, connection, &error.into_frame());
            if let Some(reason) = close {
                let entry = &connection.entry;
                state.hub.close_entry(entry, reason, Backlog::Deliver);
            }
        }
        Report::Log(what) => log(state, what, &error),
    }
}

/// Sends an error frame to the socket whose message it is about.
pub(super) fn send_error(state: &State, connection: &Connection, error: &ErrorFrame) {
    let frame = Frame::text(&error.encode());
    if state.hub.push(&connection.entry, &frame) != Push::Queued {
        tracing::debug!(
            code = error.code.as_str(),
            "an error frame found its socket closing"
        );
    }
}

fn log(state: &State, what: &'static str, error: &DispatchError) {
    match error {
        // Logged where they arise.
        DispatchError::Failed | DispatchError::NoHandler(_) | DispatchError::Refused => {}
        DispatchError::TimedOut | DispatchError::Overloaded | DispatchError::Answered { .. } => {
            state.log.write(Kind::NotHandled(what), |suppressed| {
                tracing::warn!(?error, suppressed, "{what} was not handled");
            });
        }
    }
}
