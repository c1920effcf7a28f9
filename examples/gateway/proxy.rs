//! The reverse proxy: every request that is not of the sockets goes to the application, and streams.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    Method, Request, Response, StatusCode, Uri, Version,
    uri::{self, PathAndQuery},
};
use hyper::{body::Incoming, ext::Protocol};
use hyper_util::{
    client::legacy::{Client, connect::Connect},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::sleep;
use tower::Service;

use web_connection_socket::{Rejection, RequestBody};

use crate::{
    address::Address,
    body::{AnswerBody, Upload},
    failure::Failure,
    headers::{Forwarding, clean_answer},
    switch::Switch,
};

/// Passes requests on to the application over HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Proxy<C>(Arc<Shared<C>>);

#[derive(Debug)]
struct Shared<C> {
    client: Client<C, Upload>,
    address: Address,
    forwarding: Forwarding,
}

impl<C: Connect + Clone + Send + Sync + 'static> Proxy<C> {
    /// Makes a proxy for the application at `address`, which `connector` connects to.
    pub(crate) fn new(connector: C, address: Address, forwarding: Forwarding) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // Most servers keep a connection for 5 s and more.
            .pool_idle_timeout(Duration::from_secs(4))
            .pool_max_idle_per_host(MOST_IDLE)
            .build(connector);
        Self(Arc::new(Shared {
            client,
            address,
            forwarding,
        }))
    }
}

impl<C: Connect + Clone + Send + Sync + 'static> Shared<C> {
    async fn pass_on(
        &self,
        request: Request<RequestBody<Incoming>>,
    ) -> Result<Response<AnswerBody>, Failure> {
        let (mut parts, body) = request.into_parts();
        if parts.method == Method::CONNECT && parts.extensions.get::<Protocol>().is_none() {
            let why = "This server opens no tunnels to other servers.";
            return Err(Rejection::new(StatusCode::METHOD_NOT_ALLOWED)
                .detail(why)
                .into());
        }
        let switch = Switch::take(&mut parts);
        let mut headers = self.forwarding.request_headers(&mut parts)?;
        if let Some(switch) = &switch {
            switch.ask(&mut parts.method, &mut headers);
        }
        let (body, sent) = Upload::new(body);
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() = self.uri(parts.uri)?;
        *request.headers_mut() = headers;

        let mut answer = tokio::select! {
            biased;
            answer = self.client.request(request) => answer?,
            () = after(sent, ANSWER_WITHIN) => {
                let why = "The application did not answer in time.";
                return Err(Rejection::new(StatusCode::GATEWAY_TIMEOUT).detail(why).into());
            }
        };
        *answer.version_mut() = Version::HTTP_11;
        match switch {
            Some(switch) => switch.follow(&mut answer)?,
            None if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                return Err(Failure::bad_gateway(
                    "The application switched to another protocol unasked.",
                ));
            }
            None => clean_answer(answer.headers_mut()),
        }
        Ok(answer.map(AnswerBody::of_application))
    }

    /// Returns the URL in the application: the path exactly as the visitor wrote it.
    fn uri(&self, asked: Uri) -> Result<Uri, Rejection> {
        let refused = || {
            let why = "The request's URL cannot be passed on.";
            Rejection::new(StatusCode::BAD_REQUEST).detail(why)
        };
        let path = asked.into_parts().path_and_query;
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut uri = uri::Parts::default();
        uri.scheme = Some(self.address.scheme.clone());
        uri.authority = Some(self.address.authority.clone());
        uri.path_and_query = Some(if self.address.directory.is_empty() {
            path
        } else {
            let path = format!("{}{path}", self.address.directory);
            path.try_into().map_err(|_| refused())?
        });
        Uri::from_parts(uri).map_err(|_| refused())
    }
}

impl<C> Service<Request<RequestBody<Incoming>>> for Proxy<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody<Incoming>>) -> Self::Future {
        let shared = self.0.clone();
        Box::pin(async move {
            let answer = shared.pass_on(request).await;
            Ok(answer.unwrap_or_else(Failure::into_response))
        })
    }
}

impl<C> Clone for Proxy<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Waits for `time` after an upload has ended, which takes as long as its visitor needs.
async fn after(sent: tokio::sync::oneshot::Receiver<Infallible>, time: Duration) {
    let _dropped = sent.await;
    sleep(time).await;
}

/// What slow pages are allowed elsewhere, too.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Connections that wait for the next request.
const MOST_IDLE: usize = 1_024;
