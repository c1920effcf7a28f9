//! What a layer does on the one side of ours, and on the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    routing::{MethodRouter, get, post},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode, header};
use tokio::sync::Notify;
use tower::{
    BoxError, Layer, Service, ServiceBuilder, limit::ConcurrencyLimitLayer,
    load_shed::LoadShedLayer, retry::RetryLayer,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{Any, CorsLayer},
    csrf::CsrfLayer,
    decompression::DecompressionLayer,
    limit::RequestBodyLimitLayer,
    normalize_path::NormalizePathLayer,
    sensitive_headers::SetSensitiveHeadersLayer,
    timeout::TimeoutLayer,
    trace::{OnRequest, TraceLayer},
};
use web_connection_socket::{
    RequestBody, Socket, SocketMessage, WebConnectionSocketLayer, testing::Server,
};

use super::stack::{Repeat, Stack};
use crate::support::{
    config, error_of,
    http::{BROADCAST, WEB_SOCKET, post as post_to, send},
    news, text,
};

#[tokio::test(start_paused = true)]
async fn a_timeout_outside_ends_with_the_handshake() {
    let stack = Stack::outside(within(Duration::from_secs(5)));
    let mut ann = stack.join("ann").await;
    let an_hour = Duration::from_secs(3_600);
    ann.receives_nothing(an_hour).await.unwrap();
    stack.hub.broadcast(&news("still here"));
    assert_eq!(text(&mut ann).await, "still here");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_inside_costs_the_one_message() {
    let slow = async |socket: Socket| {
        if socket.message().message == "slow" {
            std::future::pending::<()>().await;
        }
        answer(&socket, "done");
    };
    let app = within(Duration::from_secs(4)).layer(app(post(slow)));
    let server = serve(app);
    let mut ann = server.connect("/").await.unwrap();
    ann.send(&news("slow")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".to_owned(), 408));
    ann.send(&news("quick")).await.unwrap();
    assert_eq!(text(&mut ann).await, "done");
}

#[tokio::test]
async fn a_body_limit_inside_counts_each_message_and_outside_none() {
    let limit = RequestBodyLimitLayer::new(500);
    let long = "long ".repeat(200);
    let inside = Stack::inside(limit);
    let mut ann = inside.join("ann").await;
    ann.send(&news(&long)).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".to_owned(), 413));
    ann.send(&news("short")).await.unwrap();
    assert_eq!(text(&mut ann).await, "short in the north");

    let outside = Stack::outside(limit);
    let mut ann = outside.join("ann").await;
    ann.send(&news(&long)).await.unwrap();
    assert!(text(&mut ann).await.starts_with(&long));
    let refused = post_to(&outside.server, BROADCAST, news(&long).encode()).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn compression_inside_leaves_answers_to_messages_alone_and_encodes_those_to_browsers() {
    let app = app(post(long_reply)).route("/long", get(async || "long ".repeat(200)));
    let server = serve(CompressionLayer::new().layer(app));
    let accepts = |path: &str| Request::get(path).header(header::ACCEPT_ENCODING, "gzip");
    let mut ann = server
        .connect_with(accepts("/").body(()).unwrap())
        .await
        .unwrap();
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "long ".repeat(200));
    let page = send(&server, accepts("/long").body("".into()).unwrap()).await;
    assert_eq!(page.headers()[header::CONTENT_ENCODING], "gzip");
}

#[tokio::test]
async fn decompression_inside_reads_the_answers_of_an_application_that_compresses() {
    let app = CompressionLayer::new().layer(app(post(long_reply)));
    let server = serve(DecompressionLayer::new().layer(app));
    let mut ann = server.connect("/").await.unwrap();
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "long ".repeat(200));
}

#[tokio::test]
async fn a_panic_is_caught_by_the_layer_inside_and_costs_the_one_message() {
    let panics = async |socket: Socket| {
        assert_ne!(socket.message().message, "bad", "a bug");
        answer(&socket, "good");
    };
    let server = serve(CatchPanicLayer::new().layer(app(post(panics))));
    let mut ann = server.connect("/").await.unwrap();
    ann.send(&news("bad")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".to_owned(), 500));
    ann.send(&news("fine")).await.unwrap();
    assert_eq!(text(&mut ann).await, "good");
}

#[tokio::test]
async fn load_that_is_shed_inside_costs_the_one_message_and_no_handshake() {
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let busy = {
        let (entered, go_on) = (entered.clone(), go_on.clone());
        async move |socket: Socket| {
            entered.notify_one();
            go_on.notified().await;
            answer(&socket, "done");
        }
    };
    let inside = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1));
    let server = serve(inside.service(app(post(busy))));
    let mut ann = server.connect("/").await.unwrap();
    ann.send(&news("x")).await.unwrap();
    entered.notified().await;
    let mut bob = server
        .connect("/")
        .await
        .expect("a handshake stays outside");
    bob.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut bob).await, ("failed".to_owned(), 500));
    go_on.notify_one();
    assert_eq!(text(&mut ann).await, "done");
}

#[tokio::test]
async fn open_sockets_hold_no_place_of_a_limit_outside() {
    let stack = Stack::outside(ConcurrencyLimitLayer::new(1));
    let mut sockets = Vec::new();
    for user in ["ann", "bob", "cat"] {
        sockets.push(stack.join(user).await);
    }
    assert_eq!(stack.hub.len(), sockets.len());
}

#[tokio::test]
async fn a_message_is_sent_again_by_a_retry_inside() {
    let calls = Arc::new(AtomicUsize::new(0));
    let fails_twice = {
        let calls = calls.clone();
        async move |socket: Socket, Json(message): Json<SocketMessage>| {
            if calls.fetch_add(1, SeqCst) < 2 {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            answer(&socket, &message.message);
            StatusCode::NO_CONTENT
        }
    };
    let server = serve(RetryLayer::new(Repeat(2)).layer(app(post(fails_twice))));
    let mut ann = server.connect("/").await.unwrap();
    ann.send(&news("the same")).await.unwrap();
    assert_eq!(text(&mut ann).await, "the same");
    assert_eq!(calls.load(SeqCst), 3);
}

#[tokio::test]
async fn no_normalized_spelling_of_a_reserved_url_gets_past_the_guard() {
    let stranger = ([192, 0, 2, 7], 50_000).into();
    let trim = NormalizePathLayer::trim_trailing_slash;
    for stack in [Stack::inside(trim()), Stack::outside(trim())] {
        let server = stack.server.peer(stranger);
        for path in [WEB_SOCKET, "/__WebSocket.wwd/", "//__WebSocket.wwd//"] {
            let refused = post_to(&server, path, "{}").await;
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
        }
    }
}

#[tokio::test]
async fn a_slash_that_is_appended_inside_hides_the_handler() {
    let stack = Stack::inside(NormalizePathLayer::append_trailing_slash());
    let mut ann = stack.join("ann").await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut ann).await.0, "no_handler");
}

#[tokio::test]
async fn credentials_are_sensitive_in_each_message_and_other_headers_if_marked_inside() {
    let sees = async |socket: Socket, headers: HeaderMap| {
        let is_sensitive = |name: &str| headers[name].is_sensitive();
        let marks = ["cookie", "authorization", "x-tenant", "accept-language"].map(is_sensitive);
        answer(&socket, &format!("{marks:?}"));
    };
    let tenant = HeaderName::from_static("x-tenant");
    let server = serve(SetSensitiveHeadersLayer::new([tenant]).layer(app(post(sees))));
    let handshake = Request::get("/")
        .header("cookie", "session=7")
        .header("authorization", "Bearer 7")
        .header("x-tenant", "north")
        .header("accept-language", "de");
    let ann = server.connect_with(handshake.body(()).unwrap()).await;
    let mut ann = ann.unwrap();
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "[true, true, true, false]");
}

#[tokio::test]
async fn a_page_of_another_site_opens_no_socket_whatever_lets_it_in_outside() {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_headers(Any)
        .allow_methods(Any);
    for stack in [Stack::outside(CsrfLayer::new()), Stack::outside(cors)] {
        let foreign = Request::get("/").header("origin", "https://evil.test");
        let refused = stack.server.connect_with(foreign.body(()).unwrap()).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.refusal().unwrap().status(), StatusCode::FORBIDDEN);
        assert!(stack.hub.is_empty());
    }
}

#[tokio::test]
async fn a_preflight_is_answered_outside_alone() {
    let preflight = || {
        Request::options(BROADCAST)
            .header("origin", "https://app.example")
            .header("access-control-request-method", "POST")
            .body("".into())
            .unwrap()
    };
    let allowed = header::ACCESS_CONTROL_ALLOW_ORIGIN;
    let outside = Stack::outside(CorsLayer::permissive());
    let answer = send(&outside.server, preflight()).await;
    assert_eq!(answer.headers()[&allowed], "*");
    let inside = Stack::inside(CorsLayer::permissive());
    let answer = send(&inside.server, preflight()).await;
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(!answer.headers().contains_key(&allowed));
}

#[tokio::test]
async fn a_trace_has_a_span_for_the_handshake_outside_and_one_for_each_message_inside() {
    let (outside, inside) = (Traced::default(), Traced::default());
    let layer = WebConnectionSocketLayer::new(config());
    // axum makes its own body of any other.
    let app = app(post(long_reply)).layer(TraceLayer::new_for_http().on_request(inside.clone()));
    let trace = TraceLayer::new_for_http().on_request(outside.clone());
    let server = Server::new(trace.layer(layer.layer(app)));
    let mut ann = server.connect("/").await.unwrap();
    for n in 1..=3 {
        ann.send(&news("x")).await.unwrap();
        text(&mut ann).await;
        let traced = (outside.0.load(SeqCst), inside.0.load(SeqCst));
        assert_eq!(traced, (1, n));
    }
}

/// Counts the requests that a trace begins.
#[derive(Clone, Default)]
struct Traced(Arc<AtomicUsize>);

impl<B> OnRequest<B> for Traced {
    fn on_request(&mut self, _: &Request<B>, _: &tracing::Span) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn within(time: Duration) -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, time)
}

fn app(on_web_socket: MethodRouter) -> Router {
    Router::new().route(WEB_SOCKET, on_web_socket)
}

/// Our layer around an application that others surround already.
fn serve<S, RB>(app: S) -> Server
where
    S: Service<Request<RequestBody<Body>>, Response = http::Response<RB>, Error: Into<BoxError>>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    Stack::with_app(&WebConnectionSocketLayer::new(config()), app).server
}

fn answer(socket: &Socket, text: &str) {
    let answer = socket.create_message().text(text);
    socket.reply(&answer).expect("an open socket");
}

/// Answers the HTTP request, and so the socket, with what is worth compressing.
async fn long_reply() -> Json<SocketMessage> {
    Json(SocketMessage::new("reply").text("long ".repeat(200)))
}
