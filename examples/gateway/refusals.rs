//! One log line for each call that the gateway refuses, with the reason.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Method, Request, Response};
use pin_project_lite::pin_project;
use serde_json::Value;
use tower::{Layer, Service};

use web_connection_socket::PeerAddr;

use crate::{body::AnswerBody, failure::Cause};

/// Logs the calls that the service inside answers itself with 400 or above.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogRefusals;

impl<S> Layer<S> for LogRefusals {
    type Service = Logged<S>;

    fn layer(&self, inner: S) -> Logged<S> {
        Logged(inner)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Logged<S>(S);

impl<S, B> Service<Request<B>> for Logged<S>
where
    S: Service<Request<B>, Response = Response<AnswerBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = LoggedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let call = Call {
            method: request.method().clone(),
            // The query may hold secrets.
            path: request.uri().path().chars().take(LONGEST_PATH).collect(),
            peer: request.extensions().get::<PeerAddr>().copied(),
        };
        LoggedFuture {
            answer: self.0.call(request),
            call,
        }
    }
}

pin_project! {
    pub(crate) struct LoggedFuture<F> {
        #[pin]
        answer: F,
        call: Call,
    }
}

impl<F, E> Future for LoggedFuture<F>
where
    F: Future<Output = Result<Response<AnswerBody>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = ready!(this.answer.poll(cx));
        let refusal = answer.as_ref().ok();
        let refusal = refusal.filter(|answer| answer.status().as_u16() >= 400);
        if let Some((answer, text)) = refusal.and_then(|it| Some((it, it.body().own_text()?))) {
            this.call.log(answer, text);
        }
        Poll::Ready(answer)
    }
}

struct Call {
    method: Method,
    path: String,
    peer: Option<PeerAddr>,
}

impl Call {
    fn log(&self, answer: &Response<AnswerBody>, text: &[u8]) {
        let peer = self.peer.map(|peer| peer.0.to_string());
        let cause = answer.extensions().get::<Cause>();
        // `Debug` keeps what a visitor wrote on its line.
        tracing::info!(
            status = answer.status().as_u16(),
            method = self.method.as_str(),
            path = ?self.path,
            peer = peer.as_deref().unwrap_or("unknown"),
            cause = cause.map(|cause| cause.0.as_str()),
            "refused: {}",
            reason(text).escape_debug(),
        );
    }
}

/// Returns the sentence that problem details tell the caller.
fn reason(text: &[u8]) -> String {
    let problem: Value = serde_json::from_slice(text).unwrap_or_default();
    let of = |key: &str| problem.get(key).and_then(Value::as_str);
    let said = of("detail").or(of("title"));
    said.unwrap_or("without a reason").to_owned()
}

/// In characters.
const LONGEST_PATH: usize = 200;
