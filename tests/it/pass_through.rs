//! What is not ours: it reaches the application as if the layer were not there.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, WebSocketUpgrade, ws},
    middleware::map_request,
    response::Response,
    routing::{any, post},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tower::{Layer, Service, ServiceExt, service_fn};
use web_connection_socket::{RequestBody, Socket, WebConnectionSocketLayer, testing::Server};

use crate::support::{
    config, frame,
    http::{WEB_SOCKET, post as post_to},
    join, news, serve_app, text,
    wire::{Wire, handshake, masked_text},
};

#[tokio::test]
async fn bodies_stream_both_ways() {
    let echo = any(async |request: Request| Response::new(request.into_body()));
    let server = serve_app(&layer(), Router::new().route("/echo", echo));
    let mut wire = Wire::over(server.open());
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    wire.send(head.as_bytes()).await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    // Each part comes back before the next is sent.
    for part in [b"5\r\nfirst\r\n", b"5\r\nother\r\n"] {
        wire.send(part).await;
        assert_eq!(wire.bytes(part.len()).await, part);
    }
    wire.send(b"0\r\n\r\n").await;
    assert_eq!(wire.bytes(5).await, b"0\r\n\r\n");
}

#[tokio::test]
async fn frames_trailers_and_errors_of_bodies_are_untouched() {
    type Frames = Vec<Result<Frame<Bytes>, io::Error>>;
    type InBody = StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, io::Error>>>>;
    let app = async |request: http::Request<RequestBody<InBody>>| {
        Ok::<_, Infallible>(http::Response::new(Body::new(request.into_body())))
    };
    let service = layer().layer(service_fn(app));
    let answer = async |frames: Frames| {
        let request = http::Request::post("/").body(StreamBody::new(stream::iter(frames)));
        let response = service.clone().oneshot(request.unwrap()).await;
        response.unwrap().into_body()
    };

    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", HeaderValue::from_static("7"));
    let mut body = answer(vec![
        Ok(Frame::data(Bytes::from_static(b"one"))),
        Ok(Frame::data(Bytes::from_static(b"two"))),
        Ok(Frame::trailers(trailers.clone())),
    ])
    .await;
    for part in ["one", "two"] {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), part);
    }
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap(), trailers);
    assert!(body.frame().await.is_none());

    let mut body = answer(vec![Err(io::Error::other("torn"))]).await;
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "torn");
}

#[tokio::test]
async fn an_error_of_the_inner_service_is_its_callers() {
    let app = async |_: http::Request<RequestBody<Body>>| {
        Err::<Response, _>(io::Error::from(io::ErrorKind::AddrInUse))
    };
    let service = layer().layer(service_fn(app));
    let request = http::Request::get("/").body(Body::empty()).unwrap();
    let error = service.oneshot(request).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn the_instance_that_is_called_was_asked_whether_it_is_ready() {
    let layer = layer();
    let server = Server::new(layer.layer(Particular::default()));
    for _ in 0..2 {
        let request = http::Request::get("/").body(Bytes::new()).unwrap();
        let answer = server.request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let mut ann = join(&server, "ann", &[]).await;
    for _ in 0..2 {
        ann.send(&news("hello")).await.unwrap();
        assert_eq!(text(&mut ann).await, "hello");
    }
    let answer = post_to(&server, WEB_SOCKET, "{}").await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_layer_itself_is_always_ready() {
    let never = Never;
    let mut service = layer().layer(never);
    let ready = futures_util::future::poll_fn(|cx| {
        Poll::Ready(Service::<http::Request<Body>>::poll_ready(&mut service, cx).is_ready())
    });
    assert!(ready.await);
}

#[tokio::test]
async fn a_web_socket_of_the_application_lives_beside_ours() {
    let theirs = any(async |upgrade: WebSocketUpgrade| {
        upgrade
            .protocols(["graphql-ws"])
            .on_upgrade(async |mut socket| {
                while let Some(Ok(ws::Message::Text(text))) = socket.recv().await {
                    let answer = ws::Message::text(format!("theirs: {text}"));
                    socket.send(answer).await.expect("an open socket");
                }
            })
    });
    let ours = post(async |socket: Socket| {
        let answer = socket.create_message().text("ours");
        socket.reply(&answer).expect("an open socket");
    });
    let app = Router::new()
        .route("/graphql", theirs)
        .route(WEB_SOCKET, ours);
    let layer = layer();
    let server = serve_app(&layer, app);

    let mut their_wire = Wire::over(server.open());
    let request = handshake("/graphql").replace(
        "Upgrade: websocket",
        "Upgrade: websocket\r\nSec-WebSocket-Protocol: graphql-ws",
    );
    their_wire.send(request.as_bytes()).await;
    let head = their_wire.head().await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(
        head.contains("sec-websocket-protocol: graphql-ws"),
        "{head}"
    );
    let mut ann = join(&server, "ann", &[]).await;
    assert_eq!(layer.hub().len(), 1);

    ann.send(&news("x")).await.unwrap();
    their_wire.send(&masked_text("hello")).await;
    assert_eq!(text(&mut ann).await, "ours");
    assert_eq!(their_wire.text().await, "theirs: hello");
    layer.hub().broadcast(&news("for ours"));
    assert_eq!(text(&mut ann).await, "for ours");
    their_wire.send(&masked_text("again")).await;
    assert_eq!(their_wire.text().await, "theirs: again");
}

#[tokio::test]
async fn of_several_subprotocols_our_own_makes_it_ours() {
    let layer = WebConnectionSocketLayer::new(config().subprotocols(["chat.v1"]));
    let server = serve_app(&layer, Router::new());
    let upgrade = |offer: &str| {
        let request = http::Request::get("/").header("Sec-WebSocket-Protocol", offer);
        request.body(()).unwrap()
    };
    let mut ann = server
        .connect_with(upgrade("other, chat.v1"))
        .await
        .unwrap();
    ann.send(&news("x")).await.unwrap();
    assert_eq!(frame(&mut ann).await["error"]["code"], "no_handler");
    let refused = server.connect_with(upgrade("other")).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(layer.hub().len(), 1);
}

fn layer() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config())
}

/// A service that has to be asked twice, each clone for itself, and is then ready once. It answers
/// with its request's body.
#[derive(Default)]
struct Particular {
    asked: usize,
}

impl Clone for Particular {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<http::Request<RequestBody<hyper::body::Incoming>>> for Particular {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked += 1;
        if self.asked < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<RequestBody<hyper::body::Incoming>>) -> Self::Future {
        assert_eq!(std::mem::take(&mut self.asked), 2, "it was not asked");
        Box::pin(async move {
            let body = request.into_body().into_data_stream();
            let body = body.map(|part| part.map_err(io::Error::other));
            let response = Response::builder().header("content-type", "application/json");
            Ok(response.body(Body::from_stream(body)).expect("a response"))
        })
    }
}

/// A service that is never ready.
#[derive(Clone)]
struct Never;

impl<B> Service<http::Request<B>> for Never {
    type Response = Response;
    type Error = Infallible;
    type Future = std::future::Pending<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: http::Request<B>) -> Self::Future {
        unreachable!("it is not ready")
    }
}

#[tokio::test]
async fn an_answer_with_which_the_server_closes_arrives_whole() {
    let layer = WebConnectionSocketLayer::new(config());
    let app = Router::new().route("/", any(async || "x".repeat(200_000)));
    let server = serve_app(&layer, app);
    for _ in 0..50 {
        let request = http::Request::get("/").header("connection", "close");
        let answer = server.request(request.body("").unwrap()).await.unwrap();
        assert_eq!(answer.body().len(), 200_000);
    }
}

#[tokio::test]
async fn a_router_around_it_takes_layers_that_see_requests_alone() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let outside = map_request(move |request: Request| {
        log.lock()
            .unwrap()
            .push(format!("{} {}", request.method(), request.uri()));
        async { request }
    });
    let layer = WebConnectionSocketLayer::new(config());
    let app = Router::new().route(
        WEB_SOCKET,
        post(async |socket: Socket| {
            socket.broadcast(socket.message());
        }),
    );
    let around = Router::new()
        .fallback_service(layer.layer(app))
        .layer(outside);
    let server = Server::new(around);
    let mut ann = server.connect("/?userId=ann").await.unwrap();
    ann.send(&news("hello")).await.unwrap();
    assert_eq!(text(&mut ann).await, "hello");
    assert_eq!(*seen.lock().unwrap(), ["GET /?userId=ann"]);
}
