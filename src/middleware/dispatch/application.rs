//! The inner service as sockets call it, whatever its type.

use std::{future::Future, marker::PhantomData, pin::Pin};

use bytes::Bytes;
use http::{Request, Response, response::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use parking_lot::Mutex;
use tower::{BoxError, Service, util::Oneshot};

use crate::middleware::body::RequestBody;

/// The inner service, without its type.
pub(in crate::middleware) trait Application: Send + Sync {
    /// Sends a request. Reads the response's body, up to `limit` bytes, if it is `wanted`.
    fn call(
        &self,
        request: Request<Bytes>,
        wanted: fn(&Parts) -> bool,
        limit: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;
}

/// A socket's own clone of the inner service.
///
/// The lock makes it `Sync`, even if the service is not. It is never contended, because a socket
/// dispatches one message at a time.
pub(in crate::middleware) struct InnerService<S, B> {
    service: Mutex<S>,
    body: PhantomData<fn() -> B>,
}

impl<S, B> InnerService<S, B> {
    pub(in crate::middleware) fn new(service: S) -> Self {
        Self {
            service: Mutex::new(service),
            body: PhantomData,
        }
    }
}

impl<S, B, RB> Application for InnerService<S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Send + 'static,
    RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    fn call(
        &self,
        request: Request<Bytes>,
        wanted: fn(&Parts) -> bool,
        limit: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>> {
        let service = self.service.lock().clone();
        Box::pin(async move {
            let response = Oneshot::new(service, request.map(RequestBody::message))
                .await
                .map_err(Into::into)?;
            let (parts, body) = response.into_parts();
            let body = if wanted(&parts) {
                Limited::new(body, limit).collect().await?.to_bytes()
            } else {
                Bytes::new()
            };
            Ok(Response::from_parts(parts, body))
        })
    }
}
