//! The client that carries requests to an upstream, whatever its type.

use std::{error::Error, fmt, future::Future, path::PathBuf, pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use parking_lot::Mutex;
use tower::{BoxError, Service, util::Oneshot};

use super::{
    body::UpstreamBody,
    connect::{self, Connect, Timed, Trust},
    error::{Cause, UrlFlaw},
    url::Base,
};

/// A client service without its type.
#[derive(Clone)]
pub(super) struct Client(Arc<dyn Exchange>);

/// The body of an answer.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, AnswerError>;

/// An answer broke off.
#[derive(Debug)]
pub(super) struct AnswerError(BoxError);

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl Error for AnswerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

trait Exchange: Send + Sync {
    fn exchange(&self, request: Request<UpstreamBody>) -> Answer;
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, BoxError>> + Send>>;

impl Client {
    pub(super) fn new<S, B>(service: S) -> Self
    where
        S: Service<Request<UpstreamBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        Self(Arc::new(Cloned(Mutex::new(service))))
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(
        &self,
        request: Request<UpstreamBody>,
    ) -> Result<Response<AnswerBody>, BoxError> {
        self.0.exchange(request).await
    }
}

/// A service of which each request calls a clone.
struct Cloned<S>(Mutex<S>);

impl<S, B> Exchange for Cloned<S>
where
    S: Service<Request<UpstreamBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    fn exchange(&self, request: Request<UpstreamBody>) -> Answer {
        let service = self.0.lock().clone();
        Box::pin(async move {
            let response = Oneshot::new(service, request).await.map_err(Into::into)?;
            Ok(response.map(|body| {
                body.map_frame(|frame| {
                    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
                })
                .map_err(|error| AnswerError(error.into()))
                .boxed_unsync()
            }))
        })
    }
}

/// How a client is made once all options are known.
#[derive(Clone)]
pub(super) enum ClientSource {
    Own(Own),
    Given(Client),
}

/// The options of our own client.
#[derive(Clone)]
pub(super) struct Own {
    connect_timeout: Duration,
    pub(super) trust: Trust,
    socket: Option<PathBuf>,
}

impl ClientSource {
    pub(super) fn own(base: &Base) -> Result<Self, Cause> {
        Ok(Self::Own(Own {
            connect_timeout: Duration::from_secs(3),
            trust: Trust::for_scheme(&base.scheme)?,
            socket: base.socket.clone(),
        }))
    }

    pub(super) fn given(base: &Base, client: Client) -> Result<Self, Cause> {
        match base.socket {
            Some(_) => Err(Cause::Url(UrlFlaw::Socket)),
            None => Ok(Self::Given(client)),
        }
    }

    pub(super) fn set_connect_timeout(&mut self, time: Duration) {
        if let Self::Own(own) = self {
            own.connect_timeout = time;
        }
    }

    /// `max_groups`: the bytes that the names of a socket's groups take at most.
    pub(super) fn build(&self, max_idle: usize, max_groups: usize) -> Client {
        let Own {
            connect_timeout,
            trust,
            socket,
        } = match self {
            Self::Own(own) => own,
            Self::Given(client) => return client.clone(),
        };
        let max_head = MAX_HEAD.saturating_add(max_groups);
        match socket {
            Some(path) => pooled(connect::unix(path), *connect_timeout, max_idle, max_head),
            None => pooled(trust.connector(), *connect_timeout, max_idle, max_head),
        }
    }
}

fn pooled<C: Connect>(
    connector: C,
    connect_timeout: Duration,
    max_idle: usize,
    max_head: usize,
) -> Client {
    let connector = Timed::new(connector, connect_timeout);
    Client::new(
        legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(max_idle)
            .http1_max_buf_size(max_head)
            .build::<_, UpstreamBody>(connector),
    )
}

/// Many servers close a connection that was idle for 5 seconds, and what is sent just then may be lost.
const IDLE: Duration = Duration::from_secs(4);

/// The head of an answer, in bytes; that of a request must fit as well, besides the groups.
///
/// A head that does not fit would leave before the body is asked for, so that a message would count as
/// not sent of which the upstream has seen the head. It is more than a server of hyper's accepts, from
/// which the headers of a handshake or of a caller come.
const MAX_HEAD: usize = 512 * 1024;
