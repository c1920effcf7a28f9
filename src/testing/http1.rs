//! Connections over HTTP/1.1.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header::HOST};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::HttpService};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio_tungstenite::{WebSocketStream, tungstenite::client::IntoClientRequest};
use tower::BoxError;

use super::{client::Stream, error::Error};

pub(super) fn serve<S>(pipe: DuplexStream, service: S)
where
    S: HttpService<Incoming, Error: Into<BoxError>, Future: Send> + Send + 'static,
    S::ResBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(pipe), service)
        .with_upgrades();
    #[expect(clippy::disallowed_methods, reason = "each connection has its task")]
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a test connection failed");
        }
    });
}

pub(super) async fn connect(
    pipe: DuplexStream,
    request: &Request<()>,
) -> Result<WebSocketStream<Box<dyn Stream>>, Error> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let mut handshake = format!("ws://localhost{path}")
        .into_client_request()
        .map_err(Error::from_tungstenite)?;
    for (name, value) in request.headers() {
        if name == HOST {
            handshake.headers_mut().insert(name, value.clone());
        } else {
            handshake.headers_mut().append(name, value.clone());
        }
    }
    let pipe: Box<dyn Stream> = Box::new(pipe);
    let (stream, _response) = tokio_tungstenite::client_async(handshake, pipe)
        .await
        .map_err(Error::from_tungstenite)?;
    Ok(stream)
}

pub(super) async fn request(
    pipe: DuplexStream,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Error> {
    let headers = request.headers_mut();
    headers
        .entry(HOST)
        .or_insert(HeaderValue::from_static("localhost"));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(pipe))
        .await
        .map_err(Error::other)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(Error::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(Error::other)?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    tokio::pin!(exchange);
    tokio::select! {
        response = &mut exchange => response,
        // The whole response may have come before the end.
        ended = connection => exchange.await.map_err(|error| match ended {
            Ok(()) => error,
            Err(cause) => Error::other(cause),
        }),
    }
}
