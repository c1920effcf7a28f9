//! What follows from a failed dispatch: it is counted, and the sender or the log is told.

use super::error::DispatchError;
use crate::{
    frame::Frame,
    hub::{Backlog, Push},
    middleware::{log::Kind, source::Connection, state::Shared},
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
    shared: &Shared,
    outcome: Result<T, DispatchError>,
) -> Result<T, DispatchError> {
    outcome.inspect_err(|_| shared.hub.counters().dispatch_failed())
}

/// Reports a failed dispatch of a socket, and closes the socket if the application wants that.
pub(super) fn settle(
    shared: &Shared,
    connection: &Connection,
    report: Report,
    error: DispatchError,
) {
    match report {
        Report::Sender => {
            let close = error.close_reason();
            send_error(shared, connection, &error.into_frame());
            if let Some(reason) = close {
                let entry = &connection.entry;
                shared.hub.close_entry(entry, reason, Backlog::Deliver);
            }
        }
        Report::Log(what) => log(shared, what, &error),
    }
}

/// Sends an error frame to the socket whose message it is about.
pub(super) fn send_error(shared: &Shared, connection: &Connection, error: &ErrorFrame) {
    let frame = Frame::text(&error.encode());
    if shared.hub.push(&connection.entry, &frame) != Push::Queued {
        tracing::debug!(
            code = error.code.as_str(),
            "an error frame found its socket closing"
        );
    }
}

fn log(shared: &Shared, what: &'static str, error: &DispatchError) {
    match error {
        // Logged where they arise.
        DispatchError::Failed | DispatchError::NoHandler(_) | DispatchError::Refused => {}
        DispatchError::TimedOut | DispatchError::Overloaded | DispatchError::Answered { .. } => {
            shared.log.write(Kind::NotHandled(what), |suppressed| {
                tracing::warn!(?error, suppressed, "{what} was not handled");
            });
        }
    }
}
