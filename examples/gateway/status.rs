//! One line that says what the gateway does.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body_util::Full;
use tower::Service;

use web_connection_socket::Hub;

/// Answers `GET /` with the line, and everything else with 404.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    hub: Arc<Hub>,
}

impl Status {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }
}

impl<B> Service<Request<B>> for Status {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut response = Response::default();
        if request.method() == Method::GET && request.uri().path() == "/" {
            *response.body_mut() = Full::from(line(&self.hub));
            let headers = response.headers_mut();
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            headers.insert(CONTENT_TYPE, text);
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        } else {
            *response.status_mut() = StatusCode::NOT_FOUND;
        }
        ready(Ok(response))
    }
}

fn line(hub: &Hub) -> String {
    let stats = hub.stats();
    let refused: u64 = stats.refusals.values().sum();
    let figures = [
        ("sockets", stats.sockets as u64),
        ("users", stats.users as u64),
        ("received", stats.messages_in),
        ("sent", stats.messages_out),
        ("dropped", stats.dropped),
        ("undelivered", stats.undelivered),
        ("bytes_queued", stats.bytes_queued as u64),
        ("in_application", stats.dispatches_running as u64),
        ("waiting", stats.dispatches_waiting as u64),
        ("failed", stats.dispatches_failed),
        ("refused", refused),
    ];
    let figures = figures.map(|(name, figure)| format!("{name}={figure}"));
    let mut line = figures.join(" ");
    if let Some(cluster) = stats.cluster {
        let (node, connected) = (hub.cluster().node(), u8::from(cluster.connected));
        let (nodes, gaps) = (cluster.nodes, cluster.gaps);
        line += &format!(" node={node} connected={connected} nodes={nodes} gaps={gaps}");
    }
    line.push('\n');
    line
}
