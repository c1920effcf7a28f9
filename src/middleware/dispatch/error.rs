//! Why a message was not handled, and what its sender is told.

use std::{future::Future, sync::Arc};

use http::{StatusCode, Uri};

use crate::{
    middleware::{
        hooks::HandlerError,
        log::{Kind, OneLine},
        rejection::Rejection,
        state::State,
    },
    protocol::{CloseReason, ErrorCode, ErrorFrame},
};

/// Why a message was not handled.
#[derive(Debug)]
pub(in crate::middleware) enum DispatchError {
    /// The sender may not address the recipients that it named.
    Refused,
    /// The inner service has nothing at this URL.
    NoHandler(Uri),
    /// The application took too long.
    TimedOut,
    /// Too much work waits, or the message's turn did not come in time.
    Overloaded,
    /// The application returned an error or panicked.
    Failed,
    /// The application answered with a status other than 2xx, and may want the socket closed.
    Answered {
        status: StatusCode,
        close: Option<CloseReason>,
    },
}

impl DispatchError {
    /// Makes the error frame for the sender. It repeats no text of the application's.
    pub(super) fn into_frame(self) -> ErrorFrame {
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

    /// Makes the response for a program that posted the message, or a client that wants to connect.
    pub(in crate::middleware) fn into_rejection(self) -> Rejection {
        self.into_frame().into()
    }

    /// Returns why the socket is to be closed after its error frame, if it is.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Answered { close, .. } => close.clone(),
            _ => None,
        }
    }
}

/// Waits for a handler, and logs its error.
pub(in crate::middleware) async fn run_handler(
    state: Arc<State>,
    outcome: impl Future<Output = Result<(), HandlerError>>,
) -> Result<(), DispatchError> {
    outcome.await.map_err(|error| {
        state.log.write(Kind::HandlerFailed, |suppressed| {
            let error = OneLine(error);
            tracing::error!(%error, suppressed, "a message handler returned an error");
        });
        DispatchError::Failed
    })
}
