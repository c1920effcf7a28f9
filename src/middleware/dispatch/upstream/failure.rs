//! Why an upstream did not handle a message, and what its sender is told.

use crate::{
    middleware::{dispatch::error::DispatchError, rejection::Rejection, remote::NotOpened},
    protocol::{CloseReason, ErrorCode, ErrorFrame},
};

/// Why an upstream did not handle a message.
#[derive(Debug)]
pub(super) enum Failure {
    /// What any application can fail with.
    Dispatch(DispatchError),
    /// It has not seen the message. A later try makes sense in so many seconds.
    Unavailable(u64),
    /// It may have handled the message, but its answer was lost.
    UnknownOutcome,
    /// It handled the message, but its answer is of no use: half a sentence.
    Unusable(&'static str),
    /// The identity under which the message was sent has ended: it expired, or the socket has another
    /// user now.
    IdentityEnded,
}

impl Failure {
    /// Makes the error frame for the sender.
    pub(super) fn into_frame(self) -> ErrorFrame {
        match self {
            Self::Dispatch(error) => error.into_frame(),
            Self::Unavailable(seconds) => ErrorFrame {
                retry_after: Some(seconds),
                ..ErrorFrame::new(
                    ErrorCode::Unavailable,
                    "The application is not available; send this message again later.",
                )
            },
            Self::UnknownOutcome => ErrorFrame::new(
                ErrorCode::UnknownOutcome,
                "The application's answer was lost: it may have handled this message or not.",
            ),
            Self::Unusable(why) => ErrorFrame::new(
                ErrorCode::Failed,
                format!("The application's answer to this message cannot be used: {why}."),
            ),
            Self::IdentityEnded => ErrorFrame::new(
                ErrorCode::Refused,
                "The identity under which this message was sent has ended; send it again.",
            ),
        }
    }

    /// Makes the response for a program that posted the message.
    pub(super) fn into_rejection(self) -> Rejection {
        self.into_frame().into()
    }

    /// Makes the response for a client that wants to connect, which can do so again: it is told to come
    /// later even where a message must not be sent twice.
    pub(super) fn into_refusal(self) -> NotOpened {
        let is_doubtful = self.is_doubtful();
        let rejection = match self {
            Self::UnknownOutcome => ErrorFrame::new(
                ErrorCode::Unavailable,
                "The application's answer was lost; connect again later.",
            )
            .into(),
            other => other.into_rejection(),
        };
        NotOpened {
            rejection,
            is_doubtful,
        }
    }

    /// Returns the failure of a message that may have been handled before: that it was not sent *again*
    /// says nothing.
    pub(super) fn in_doubt(self, before: Option<Self>) -> Self {
        match before {
            Some(before) if self.is_of_unseen() => before,
            _ => self,
        }
    }

    /// Whether the upstream has certainly not seen the message.
    fn is_of_unseen(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::IdentityEnded | Self::Dispatch(DispatchError::Overloaded)
        )
    }

    /// Whether the upstream may have handled the message without that its answer says how.
    fn is_doubtful(&self) -> bool {
        match self {
            Self::UnknownOutcome | Self::Unusable(_) => true,
            Self::Dispatch(error) => {
                matches!(error, DispatchError::TimedOut | DispatchError::Failed)
            }
            Self::Unavailable(_) | Self::IdentityEnded => false,
        }
    }

    /// Returns why the socket is to be closed after its error frame, if it is.
    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        match self {
            Self::Dispatch(error) => error.close_reason(),
            _ => None,
        }
    }
}

impl From<DispatchError> for Failure {
    fn from(error: DispatchError) -> Self {
        Self::Dispatch(error)
    }
}
