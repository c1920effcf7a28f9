use std::{future::Future, sync::Arc};

use http::{StatusCode, Uri};

use super::super::{
    hooks::HandlerError,
    log::{Kind, OneLine},
    rejection::Rejection,
    shared::Shared,
};
use crate::{
    hub::CloseReason,
    protocol::{ErrorCode, ErrorFrame},
};

/// Why a message was not handled.
#[derive(Debug)]
pub(in super::super) enum Failure {
    /// The sender may not address whom it named.
    Refused,
    /// The inner service has nothing at this URL.
    NoHandler(Uri),
    /// The application took too long.
    TimedOut,
    /// Its turn did not come in time.
    Overloaded,
    /// The application returned an error or panicked.
    Failed,
    /// The application answered with a status that is no success, and maybe wants to see the socket
    /// closed.
    Answered {
        status: StatusCode,
        close: Option<CloseReason>,
    },
}

impl Failure {
    /// What the sender is told: nothing of the application's own texts.
    pub(in super::super) fn into_frame(self) -> ErrorFrame {
        let frame = |code, text: &str| ErrorFrame::new(code, text);
        match self {
            Self::Refused => frame(
                ErrorCode::Refused,
                "You may not address these recipients: name your own groups or yourself.",
            ),
            Self::NoHandler(uri) => ErrorFrame::new(
                ErrorCode::NoHandler,
                format!(
                    "The application has no handler for messages: none read POST {}.",
                    uri.path()
                ),
            ),
            Self::TimedOut => frame(
                ErrorCode::Timeout,
                "The application took too long with this message.",
            ),
            Self::Overloaded => frame(
                ErrorCode::Overloaded,
                "The application has too much to do; send this message again later.",
            ),
            Self::Failed => frame(
                ErrorCode::Failed,
                "The application failed to handle this message.",
            ),
            Self::Answered { status, .. } => ErrorFrame::new(
                ErrorCode::Failed,
                format!("The application answered this message with {status}."),
            )
            .with_status(status),
        }
    }

    /// Why the socket is to be closed when it has been told, if it is.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Answered { close, .. } => close.clone(),
            _ => None,
        }
    }

    /// The same to who wants to open a socket.
    pub(in super::super) fn into_rejection(self) -> Rejection {
        self.into_frame().into()
    }
}

/// A handler's own error as a failure; its text goes to the log alone.
pub(in super::super) async fn of_handler(
    shared: Arc<Shared>,
    outcome: impl Future<Output = Result<(), HandlerError>>,
) -> Result<(), Failure> {
    outcome.await.map_err(|error| {
        shared.log.write(Kind::HandlerFailed, |suppressed| {
            let error = OneLine(error);
            tracing::error!(%error, suppressed, "a message handler returned an error");
        });
        shared.hub.counters().dispatch_failed();
        Failure::Failed
    })
}
