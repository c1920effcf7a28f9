//! The application as a server of its own: what it gets, what its answers do, and its bad days.

mod aliases;
mod answers;
mod backend;
mod events;
mod outcomes;
mod requests;
mod restarts;
mod signature;
mod waiting;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use web_connection_socket::{Config, NotSent, Upstream, UpstreamBody, WebConnectionSocketLayer};

use self::backend::Backend;

/// A layer whose messages go to this backend.
fn layer(backend: &Backend, config: Config) -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config).upstream(upstream(backend))
}

/// This backend, without signatures.
fn upstream(backend: &Backend) -> Upstream {
    Upstream::new(&backend.url()).expect("a URL").unsigned()
}

/// What an application in memory does with a request: it answers, or the client service fails.
enum Done {
    Answer(Response<Full<Bytes>>),
    NotSent,
    Lost,
    /// It answers after this time.
    Late(Duration),
    Never,
}

/// An upstream in memory, for a paused clock.
fn in_memory(act: impl Fn(&Request<Bytes>) -> Done + Send + Sync + 'static) -> Upstream {
    let act = Arc::new(act);
    let service = service_fn(move |request: Request<UpstreamBody>| {
        let act = act.clone();
        async move {
            let (parts, body) = request.into_parts();
            let mut body = Some(body);
            let take = |body: &mut Option<UpstreamBody>| body.take()?.into_bytes();
            // A client that does not send leaves the body where it is.
            let seen = Request::from_parts(parts, Bytes::new());
            match act(&seen) {
                Done::NotSent => Err(tower::BoxError::from(NotSent::new("refused"))),
                Done::Answer(answer) => {
                    take(&mut body).expect("a body that was not withdrawn");
                    Ok(answer)
                }
                Done::Lost => {
                    take(&mut body).expect("a body that was not withdrawn");
                    Err("the connection was reset".into())
                }
                Done::Late(time) => {
                    take(&mut body).expect("a body that was not withdrawn");
                    tokio::time::sleep(time).await;
                    Ok(Response::default())
                }
                Done::Never => std::future::pending().await,
            }
        }
    });
    let upstream = Upstream::with_client("http://app.internal", service);
    upstream.expect("a URL").unsigned()
}

/// A reply to the sender.
fn say(text: &str) -> Done {
    let json = serde_json::json!({ "action": "x", "message": text }).to_string();
    let answer = Response::builder().header("content-type", "application/json");
    Done::Answer(answer.body(Full::from(json)).expect("a response"))
}

/// No reply.
fn nothing() -> Done {
    Done::Answer(Response::default())
}
