//! What lies behind the sockets: the browser client, if it is asked for, and the application.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::Connect;
use tower::Service;

use web_connection_socket::{
    RequestBody,
    script::{self, ServeScript},
};

use crate::{body::AnswerBody, proxy::Proxy};

/// Serves the browser client below one path, and passes everything else on.
#[derive(Clone)]
pub(crate) struct Site<C> {
    /// The path with a slash at its end.
    scripts: Option<(String, ServeScript)>,
    proxy: Proxy<C>,
}

impl<C> Site<C> {
    pub(crate) fn new(scripts: Option<String>, proxy: Proxy<C>) -> Self {
        let scripts = scripts.map(|directory| (directory, script::service()));
        Self { scripts, proxy }
    }

    fn scripts_for(&mut self, path: &str) -> Option<&mut ServeScript> {
        let (directory, scripts) = self.scripts.as_mut()?;
        let name = path.strip_prefix(&**directory)?;
        (!name.contains('/')).then_some(scripts)
    }
}

impl<C> Service<Request<RequestBody<Incoming>>> for Site<C>
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
        let Some(scripts) = self.scripts_for(request.uri().path()) else {
            return self.proxy.call(request);
        };
        let answer = scripts.call(request);
        Box::pin(async {
            let (parts, body) = answer.await?.into_parts();
            let text = body.collect().await?.to_bytes();
            Ok(Response::from_parts(parts, AnswerBody::from(text)))
        })
    }
}
