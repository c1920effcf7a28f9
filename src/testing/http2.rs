//! Connections over HTTP/2.

use std::io;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{
    HeaderValue, Method, Request, Response, Uri,
    header::{HOST, SEC_WEBSOCKET_VERSION},
    uri::{PathAndQuery, Scheme},
};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming, client::conn::http2::SendRequest, ext::Protocol, service::HttpService,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{io::DuplexStream, task::yield_now};
use tokio_tungstenite::{WebSocketStream, tungstenite::protocol::Role};
use tower::BoxError;

use super::{client::Stream, error::Error};
use crate::streams::StreamExecutor;

pub(super) fn serve<S>(pipe: DuplexStream, service: S)
where
    S: HttpService<Incoming, Error: Into<BoxError>, Future: Send + 'static> + Send + 'static,
    S::ResBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let connection = hyper::server::conn::http2::Builder::new(StreamExecutor::new())
        .enable_connect_protocol()
        .serve_connection(TokioIo::new(pipe), service);
    #[expect(clippy::disallowed_methods, reason = "each connection has its task")]
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a test connection failed");
        }
    });
}

pub(super) async fn connect(
    pipe: DuplexStream,
    request: Request<()>,
) -> Result<WebSocketStream<Box<dyn Stream>>, Error> {
    let mut request = absolute(request.map(|()| Full::default()))?;
    *request.method_mut() = Method::CONNECT;
    let websocket = Protocol::from_static("websocket");
    request.extensions_mut().insert(websocket);
    let version = HeaderValue::from_static("13");
    request.headers_mut().insert(SEC_WEBSOCKET_VERSION, version);

    let mut sender = open(pipe).await?;
    let response = sender.send_request(request).await.map_err(Error::other)?;
    if !response.status().is_success() {
        return Err(Error::refused(whole(response).await?));
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(Error::other)?;
    let stream: Box<dyn Stream> = Box::new(TokioIo::new(upgraded));
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
}

pub(super) async fn request(
    pipe: DuplexStream,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Error> {
    let request = absolute(request)?;
    let mut sender = open(pipe).await?;
    let response = sender.send_request(request).await.map_err(Error::other)?;
    whole(response).await
}

/// Opens a connection and waits until it allows sockets.
async fn open(pipe: DuplexStream) -> Result<SendRequest<Full<Bytes>>, Error> {
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(pipe));
    let (sender, connection) = handshake.await.map_err(Error::other)?;
    let mut connection = Box::pin(connection);
    // RFC 8441 §4: no `:protocol` before the server's SETTINGS allow it. hyper reads them in a task of
    // its own, without an event when they have come.
    while !connection.is_extended_connect_protocol_enabled() {
        if let Some(ended) = (&mut connection).now_or_never() {
            let early = || io::Error::from(io::ErrorKind::UnexpectedEof).into();
            return Err(Error::other(
                ended.map_or_else(BoxError::from, |()| early()),
            ));
        }
        yield_now().await;
    }
    #[expect(clippy::disallowed_methods, reason = "each connection has its task")]
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a test client's connection failed");
        }
    });
    Ok(sender)
}

/// Names scheme and authority in the URL, where HTTP/2 has them.
fn absolute(mut request: Request<Full<Bytes>>) -> Result<Request<Full<Bytes>>, Error> {
    let host = request.headers_mut().remove(HOST);
    let host = host.unwrap_or(HeaderValue::from_static("localhost"));
    let path = request.uri().path_and_query().cloned();
    let path = path.unwrap_or(PathAndQuery::from_static("/"));
    let uri = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(host.as_bytes())
        .path_and_query(path);
    *request.uri_mut() = uri.build().map_err(Error::other)?;
    Ok(request)
}

async fn whole(response: Response<Incoming>) -> Result<Response<Bytes>, Error> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(Error::other)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
