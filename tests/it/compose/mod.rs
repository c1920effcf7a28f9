//! Layers of tower and tower-http, each outside of ours and inside.

mod effects;
mod sessions;
mod stack;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tower::ServiceExt;
use web_connection_socket::CloseReason;

use self::stack::{Stack, body_of};
use crate::support::{
    http::{BROADCAST, post},
    news, soon, text,
};

/// A test for each layer: what must be so wherever it stands.
macro_rules! on_both_sides {
    ($($name:ident: $layer:expr;)*) => {
        mod on_both_sides {
            use std::time::Duration;

            use http::{StatusCode, header::COOKIE};
            use tower::{
                ServiceBuilder, buffer::BufferLayer, limit::ConcurrencyLimitLayer,
                load_shed::LoadShedLayer, retry::RetryLayer,
            };
            use tower_http::{
                catch_panic::CatchPanicLayer, compression::CompressionLayer, cors::CorsLayer,
                csrf::CsrfLayer, decompression::{DecompressionLayer, RequestDecompressionLayer},
                limit::RequestBodyLimitLayer, normalize_path::NormalizePathLayer,
                sensitive_headers::SetSensitiveHeadersLayer, timeout::TimeoutLayer,
                trace::TraceLayer,
            };

            use super::{everything_passes, stack::{Repeat, Stack}};

            $(
                #[tokio::test]
                async fn $name() {
                    everything_passes(Stack::outside($layer)).await;
                    everything_passes(Stack::inside($layer)).await;
                    everything_passes(Stack::outside($layer).over_http2()).await;
                    everything_passes(Stack::inside($layer).over_http2()).await;
                }
            )*
        }
    };
}

on_both_sides! {
    trace: TraceLayer::new_for_http();
    cors: CorsLayer::permissive();
    timeout: TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(60));
    compression: CompressionLayer::new();
    decompression: DecompressionLayer::new();
    request_decompression: RequestDecompressionLayer::new();
    catch_panic: CatchPanicLayer::new();
    request_body_limit: RequestBodyLimitLayer::new(64 * 1024);
    sensitive_headers: SetSensitiveHeadersLayer::new([COOKIE]);
    normalize_path: NormalizePathLayer::trim_trailing_slash();
    csrf: CsrfLayer::new();
    concurrency_limit: ConcurrencyLimitLayer::new(1);
    rate_limit: ServiceBuilder::new().buffer(16).rate_limit(1_000, Duration::from_millis(1));
    load_shed: LoadShedLayer::new();
    buffer: BufferLayer::new(16);
    retry: RetryLayer::new(Repeat(3));
    all_together: ServiceBuilder::new()
        .layer(CatchPanicLayer::new())
        .layer(SetSensitiveHeadersLayer::new([COOKIE]))
        .layer(TraceLayer::new_for_http())
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(60)))
        .layer(CorsLayer::permissive())
        .layer(CsrfLayer::new())
        .layer(NormalizePathLayer::trim_trailing_slash())
        .layer(CompressionLayer::new())
        .layer(DecompressionLayer::new())
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(64 * 1024))
        .layer(LoadShedLayer::new())
        .buffer(16)
        .rate_limit(1_000, Duration::from_millis(1))
        .concurrency_limit(8);
}

/// Sockets live, each message passes through what lies inside and nothing of what lies outside,
/// the application sees what was put into the handshake, and other requests stream through.
async fn everything_passes(stack: Stack) {
    let mut ann = stack.join("ann").await;
    let mut bob = stack.join("bob").await;
    assert_eq!(stack.passes(), (2, 0), "one pass for each handshake");
    for n in 1..=3 {
        let sent = ann.send(&news(format!("message {n}"))).await;
        sent.expect("an open socket");
        for client in [&mut ann, &mut bob] {
            assert_eq!(text(client).await, format!("message {n} in the north"));
        }
        assert_eq!(stack.passes(), (2, n), "a message passes what lies inside");
    }
    stack.hub.broadcast(&news("from Rust"));
    let answer = post(&stack.server, BROADCAST, news("by HTTP").encode()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    for client in [&mut ann, &mut bob] {
        assert_eq!(text(client).await, "from Rust");
        assert_eq!(text(client).await, "by HTTP");
    }
    assert_eq!(stack.passes(), (3, 3), "a broadcast ends at ours");

    streams_through(&stack).await;
    assert_eq!(stack.passes(), (4, 4), "other requests pass both");

    let closed = ann.close(CloseReason::NORMAL).await;
    assert_eq!(closed.expect("a closing handshake").code(), 1000);
    stack.hub.broadcast(&news("to the one left"));
    assert_eq!(text(&mut bob).await, "to the one left");
}

/// Sends a body part by part, each after the last one came back, then trailers.
async fn streams_through(stack: &Stack) {
    let (sender, mut receiver) = mpsc::channel(1);
    let send = async |frame| sender.send(frame).await.expect("a reader");
    let parts = futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    let request = Request::post("/echo").body(body_of(parts));
    let request = request.expect("a request");

    send(Frame::data(Bytes::from("one"))).await;
    let answer = soon("an answer", stack.service.clone().oneshot(request)).await;
    let mut body = answer.expect("an answer").into_body();
    let mut next = async || {
        let frame = soon("a frame", body.frame()).await;
        frame.expect("a frame").expect("no error")
    };
    assert_eq!(next().await.into_data().ok(), Some("one".into()));
    send(Frame::data(Bytes::from("two"))).await;
    assert_eq!(next().await.into_data().ok(), Some("two".into()));
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", HeaderValue::from_static("7"));
    send(Frame::trailers(trailers.clone())).await;
    assert_eq!(next().await.into_trailers().ok(), Some(trailers));
}
