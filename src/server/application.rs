//! What the server asks of the service that it serves.

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tower::{BoxError, Service};

/// A service that answers the requests of a connection: the bounds of [`Server::serve`], by one name.
///
/// [`Server::serve`]: super::Server::serve
pub(super) trait Application:
    Service<
        Request<Incoming>,
        Response = Response<Self::ResponseBody>,
        Error: Into<BoxError>,
        Future: Send,
    > + Clone
    + Send
    + 'static
{
    type ResponseBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
}

impl<S, RB> Application for S
where
    S: Service<Request<Incoming>, Response = Response<RB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    RB: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type ResponseBody = RB;
}
