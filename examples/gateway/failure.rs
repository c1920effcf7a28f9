//! Why the gateway answers itself instead of the application.

use std::error::Error;

use http::{Response, StatusCode};
use hyper_util::client::legacy;

use web_connection_socket::Rejection;

use crate::body::AnswerBody;

/// A request that got no answer of the application's.
#[derive(Debug)]
pub(crate) struct Failure {
    rejection: Rejection,
    cause: Option<Cause>,
}

/// What went wrong behind the gateway, as an extension of the answer: for the log, not for the visitor.
#[derive(Clone, Debug)]
pub(crate) struct Cause(pub(crate) String);

impl Failure {
    /// The application cannot be reached, or broke the rules of HTTP.
    pub(crate) fn bad_gateway(why: &'static str) -> Self {
        Rejection::new(StatusCode::BAD_GATEWAY).detail(why).into()
    }

    pub(crate) fn into_response(self) -> Response<AnswerBody> {
        let mut answer = self.rejection.into_response();
        if let Some(cause) = self.cause {
            answer.extensions_mut().insert(cause);
        }
        answer
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Self {
            rejection,
            cause: None,
        }
    }
}

impl From<legacy::Error> for Failure {
    fn from(error: legacy::Error) -> Self {
        let mut cause: &dyn Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let cause = Some(Cause(cause.to_string()));
        let failure = Self::bad_gateway(if error.is_connect() {
            "The application cannot be reached."
        } else {
            "The application did not answer as HTTP asks for."
        });
        Self { cause, ..failure }
    }
}
