//! Cookies that stand on several lines: HTTP/2 splits them so (RFC 9113 §8.2.3), and HTTP/1.1 can.

use cookie::Cookie;
use http::{Request, StatusCode, request::Builder};
use tower::Layer;
use web_connection_socket::{
    Handshake, Identity, Rejection, Socket, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    app::Visits,
    config,
    http::WEB_SOCKET,
    http2::{Connection, handshake},
    news, serve, serve_app, soon, spawn, text, until,
    wire::{Wire, masked_text},
};

const JOINED: &str = "theme=dark; session=ann1";

fn session_cookie(visitor: &Handshake) -> Option<String> {
    let cookies = visitor.header("cookie")?;
    let cookies = String::from_utf8_lossy(cookies.as_bytes());
    let mut cookies = Cookie::split_parse(cookies).flatten();
    let session = cookies.find(|cookie| cookie.name() == "session")?;
    Some(session.value().to_owned())
}

async fn identify(visitor: Handshake) -> Result<Identity, Rejection> {
    match session_cookie(&visitor).as_deref() {
        Some("ann1") => Ok(Identity::user("ann")),
        _ => Err(Rejection::new(StatusCode::UNAUTHORIZED)),
    }
}

fn split(request: Builder) -> Builder {
    let request = request.header("cookie", "theme=dark");
    request.header("cookie", "session=ann1")
}

fn both(layer: &WebConnectionSocketLayer, visits: &Visits) -> [Server; 2] {
    let server = serve_app(layer, visits.app());
    [server.clone(), server.http2()]
}

#[tokio::test]
async fn every_hook_sees_one_line() {
    let layer = WebConnectionSocketLayer::new(config())
        .identify(identify)
        .on_connect(async |socket: Socket| socket.reply(&news(seen(&socket))).map_err(refused))
        .on_open(async |socket: Socket| socket.reply(&news(seen(&socket))))
        .on_web_socket(async |socket: Socket| socket.reply(&news(seen(&socket))));
    for server in both(&layer, &Visits::default()) {
        let visit = split(Request::get("/")).body(()).unwrap();
        let mut ann = server.connect_with(visit).await.expect("an open socket");
        ann.send(&news("")).await.unwrap();
        for _ in ["connect", "open", "message"] {
            assert_eq!(text(&mut ann).await, JOINED);
        }
    }
}

#[tokio::test]
async fn each_dispatched_and_each_posted_message_carries_one_line() {
    let layer = WebConnectionSocketLayer::new(config().lifecycle_events(true)).identify(identify);
    let visits = Visits::default();
    for server in both(&layer, &visits) {
        let visit = split(Request::get("/")).body(()).unwrap();
        let mut ann = server.connect_with(visit).await.expect("an open socket");
        ann.send(&news("")).await.unwrap();
        until("the message is there", || visits.len() == 2).await;
        drop(ann);
        until("the end is there", || visits.len() == 3).await;
        for visit in visits.take() {
            assert_eq!(visit.header("cookie"), [JOINED], "{visit:?}");
        }

        let posted = split(Request::post(WEB_SOCKET)).body("{}").unwrap();
        assert_eq!(server.request(posted).await.unwrap().status(), 200);
        assert_eq!(visits.only().header("cookie"), [JOINED]);
    }
}

#[tokio::test]
async fn a_request_that_is_not_ours_keeps_its_lines() {
    let visits = Visits::default();
    for server in both(&WebConnectionSocketLayer::new(config()), &visits) {
        let request = split(Request::get("/page")).body("").unwrap();
        server.request(request).await.unwrap();
        let visit = visits.only();
        assert_eq!(visit.header("cookie"), ["theme=dark", "session=ann1"]);
    }
}

#[tokio::test]
async fn what_a_browser_sends_over_http_2_opens_a_socket() {
    let layer = WebConnectionSocketLayer::new(config())
        .identify(identify)
        .on_web_socket(async |socket: Socket| socket.reply(socket.message()));
    let server = serve(&layer).http2();
    let mut connection = Connection::over(server.open()).await;
    let (answer, wire) = connection.tunnel(split(handshake("/"))).await;
    assert_eq!(answer.status, 200);
    let mut wire = wire.expect("an open socket");
    wire.send(&masked_text(r#"{"message":"hello"}"#)).await;
    assert!(wire.text().await.contains(r#""userId":"ann""#));
    assert_eq!(layer.hub().users(), [("ann".into(), 1)]);
}

/// Hosts that do the handshake themselves hand over the request as it came.
#[tokio::test]
async fn an_accepted_socket_is_identified_by_the_same_line() {
    let layer = WebConnectionSocketLayer::new(config())
        .identify(identify)
        .on_web_socket(async |socket: Socket| socket.reply(socket.message()));
    let (parts, ()) = split(Request::get("/")).body(()).unwrap().into_parts();
    let (stream, far_end) = tokio::io::duplex(1024);
    let service = layer.layer(axum::Router::new());
    let running = spawn(service.accept::<axum::body::Body, _, _>(parts, stream));
    let mut wire = Wire::over(far_end);
    wire.send(&masked_text("{}")).await;
    wire.text().await;
    assert_eq!(layer.hub().users(), [("ann".into(), 1)]);
    drop(wire);
    soon("the end", running).await.unwrap().unwrap();
}

fn seen(socket: &Socket) -> String {
    let handshake = socket.handshake().expect("a handshake");
    let lines = handshake.header_all("cookie");
    let lines: Vec<_> = lines
        .map(|line| line.to_str().expect("ASCII").to_owned())
        .collect();
    lines.join(" | ")
}

fn refused<E>(_: E) -> Rejection {
    Rejection::new(StatusCode::CONFLICT)
}
