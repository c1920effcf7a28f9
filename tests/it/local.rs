//! Programs on this machine, told by their TCP peer and by what their requests must not say.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tower::{Layer, util::MapRequest};
use tracing::Level;
use web_connection_socket::{
    Config, PeerAddr, WebConnectionSocketLayer, config::IpNet, testing::Server,
};

use crate::support::{
    app::Visits,
    config,
    http::{BROADCAST, WEB_SOCKET},
    log,
    raw::Raw,
    serve, soon, spawn,
};

/// A server whose requests carry these addresses.
fn seen_from(connect_info: Option<&str>, peer_addr: Option<&str>) -> Server {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    let connect_info = connect_info.map(address).map(ConnectInfo);
    let peer_addr = peer_addr.map(address).map(PeerAddr);
    let service = WebConnectionSocketLayer::new(config()).layer(Visits::default().app());
    Server::new(MapRequest::new(
        service,
        move |mut request: Request<Incoming>| {
            let extensions = request.extensions_mut();
            extensions.remove::<PeerAddr>();
            if let Some(connect_info) = connect_info {
                extensions.insert(connect_info);
            }
            if let Some(peer_addr) = peer_addr {
                extensions.insert(peer_addr);
            }
            request
        },
    ))
}

fn post() -> Raw {
    Raw::post(BROADCAST, "{}")
}

#[tokio::test]
async fn the_peers_address_comes_from_the_server_and_never_from_a_header() {
    const HERE: Option<&str> = Some("127.0.0.1:50000");
    const THERE: Option<&str> = Some("192.0.2.7:50000");
    for (connect_info, peer_addr, status) in [
        (HERE, None, 200),
        (None, HERE, 200),
        (HERE, HERE, 200),
        (Some("[::1]:50000"), None, 200),
        (Some("[::ffff:127.0.0.1]:50000"), None, 200),
        (Some("[::ffff:127.0.0.1]:50000"), HERE, 200),
        (Some("127.3.2.1:50000"), None, 200),
        // Unknown.
        (None, None, 403),
        (HERE, THERE, 403),
        (THERE, HERE, 403),
        (HERE, Some("127.0.0.1:50001"), 403),
        // Not this machine.
        (THERE, None, 403),
        (None, THERE, 403),
        (Some("[::ffff:192.0.2.7]:50000"), None, 403),
        (Some("0.0.0.0:50000"), None, 403),
        (Some("10.0.0.1:50000"), None, 403),
    ] {
        let server = seen_from(connect_info, peer_addr);
        let answer = post().ask(&server).await;
        assert_eq!(answer.status, status, "{connect_info:?} {peer_addr:?}");
    }
    for header in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Client-IP"] {
        let forged = post().with(header, "127.0.0.1");
        let answer = forged.ask(&seen_from(THERE, None)).await;
        assert_eq!(answer.status, 403, "{header}");
    }
}

#[tokio::test]
async fn a_request_from_this_machine_must_be_for_this_machine() {
    let server = serve(&WebConnectionSocketLayer::new(config()));
    for host in [
        "localhost",
        "LOCALHOST:3000",
        "localhost.",
        "app.localhost",
        "127.0.0.1",
        "127.9.9.9:1",
        "[::1]",
        "[::1]:8080",
    ] {
        let answer = post().set("Host", host).ask(&server).await;
        assert_eq!(answer.status, 200, "{host}");
    }
    for host in [
        "app.example",
        "192.0.2.7",
        "localhost.evil.test",
        "evil-localhost",
        "128.0.0.1",
        "0.0.0.0",
        "",
        "user@localhost",
        "localhost, localhost",
    ] {
        let answer = post().set("Host", host).ask(&server).await;
        assert_eq!(answer.status, 403, "{host}");
    }
    for request in [
        post().without("Host"),
        post().with("Host", "localhost"),
        post().with("Host", "app.example"),
        post().line("POST http://app.example/__broadcastWebSocket.wc HTTP/1.1"),
        post().line("POST /__broadcastWebSocket.wc HTTP/1.0"),
    ] {
        assert_eq!(request.ask(&server).await.status, 403, "{request}");
    }
}

#[tokio::test]
async fn a_request_that_some_proxy_or_page_had_a_hand_in_is_not_local() {
    let server = serve(&WebConnectionSocketLayer::new(config()));
    for (name, value) in [
        ("Forwarded", "for=127.0.0.1"),
        ("Via", "1.1 proxy"),
        ("True-Client-IP", "127.0.0.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "https"),
        ("X_Forwarded_For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Client-IP", "127.0.0.1"),
        ("X-Original-Host", "app.example"),
        ("X-Envoy-External-Address", "127.0.0.1"),
        ("CF-Connecting-IP", "127.0.0.1"),
        ("CF-Ray", "1"),
        ("Origin", "http://evil.test"),
        ("Origin", "null"),
        ("Origin", "http://localhost:5173"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for path in [BROADCAST, WEB_SOCKET] {
            let answer = Raw::post(path, "{}").with(name, value).ask(&server).await;
            assert_eq!(
                (answer.status, &*answer.code()),
                (403, "caller_not_allowed"),
                "{name}: {value}"
            );
        }
    }
    for (name, value) in [
        ("Origin", "http://localhost"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Site", "none"),
        ("X-Request-Id", "1"),
    ] {
        let answer = post().with(name, value).ask(&server).await;
        assert_eq!(answer.status, 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_local_caller_may_not_call_unless_local_callers_are_trusted() {
    let server = serve(&WebConnectionSocketLayer::new(Config::new()));
    assert_eq!(post().ask(&server).await.code(), "callers_not_configured");
}

#[tokio::test]
async fn a_refusal_says_why_the_caller_is_not_local() {
    let local = serve(&WebConnectionSocketLayer::new(config()));
    for (request, told) in [
        (
            post().with("X-Forwarded-For", "192.0.2.7"),
            "x-forwarded-for",
        ),
        (post().set("Host", "app.example"), "app.example"),
        (
            post().line("POST /__broadcastWebSocket.wc HTTP/1.0"),
            "HTTP/1.0",
        ),
    ] {
        let answer = request.ask(&local).await;
        for told in [told, "Config::trust_local_callers", "Config::bearer_tokens"] {
            assert!(answer.body.contains(told), "{told}: {}", answer.body);
        }
    }
    let unknown = post().ask(&seen_from(None, None)).await;
    assert!(unknown.body.contains("PeerAddr"), "{}", unknown.body);
}

#[tokio::test]
async fn a_proxy_on_this_machine_is_warned_of_loudly_and_once() {
    let log = log::capture();
    let server = serve(&WebConnectionSocketLayer::new(config()));
    let warnings = || {
        let warnings = log.of(Level::WARN);
        warnings
            .iter()
            .filter(|line| line.contains("proxy"))
            .count()
    };
    assert_eq!(post().ask(&server).await.status, 200);
    assert_eq!(warnings(), 0);
    for _ in 0..3 {
        let foreign = post().set("Host", "app.example");
        assert_eq!(foreign.ask(&server).await.status, 403);
        let forwarded = post().with("X-Forwarded-For", "192.0.2.7");
        assert_eq!(forwarded.ask(&server).await.status, 403);
        assert_eq!(warnings(), 1);
    }
}

/// It adds no header, so a stranger that asks it for `localhost` is local. Visitors that ask for the
/// name of the site give it away.
#[tokio::test]
async fn a_proxy_that_leaves_the_host_to_visitors_is_warned_of_when_one_opens_a_socket() {
    for visit in [Raw::handshake("/"), Raw::probe("")] {
        let log = log::capture();
        let server = serve(&WebConnectionSocketLayer::new(config()));
        for _ in 0..2 {
            let visit = visit.clone().set("Host", "app.example");
            assert!([101, 204].contains(&visit.ask(&server).await.status));
        }
        let warnings = log.of(Level::WARN);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("Host: localhost"), "{warnings:?}");
        assert_eq!(post().ask(&server).await.status, 200);
    }
}

#[tokio::test]
async fn a_client_named_by_trusted_proxies_is_not_a_caller() {
    let everywhere: IpNet = "0.0.0.0/0".parse().unwrap();
    let office: IpNet = "10.0.0.0/8".parse().unwrap();
    let config = config()
        .allow_callers_from([office])
        .trusted_proxies([everywhere]);
    let server = serve(&WebConnectionSocketLayer::new(config));
    for (peer, client) in [
        ("192.0.2.1:1", "127.0.0.1"),
        ("192.0.2.1:1", "10.0.0.1"),
        ("127.0.0.1:1", "127.0.0.1"),
        ("127.0.0.1:1", "10.0.0.1"),
    ] {
        let server = server.clone().peer(peer.parse().unwrap());
        let told = post().with("X-Forwarded-For", client).ask(&server).await;
        assert_eq!(told.code(), "caller_not_allowed", "{client} by {peer}");
    }
    // What counts is the peer, wherever it says that it was called from.
    let server = server.clone().peer("10.0.0.1:1".parse().unwrap());
    let from_office = post().with("X-Forwarded-For", "192.0.2.1");
    assert_eq!(from_office.ask(&server).await.status, 200);
}

#[tokio::test]
async fn a_proxy_is_not_warned_of_where_local_callers_are_not_trusted() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(Config::new().bearer_tokens(["secret"]));
    let server = serve(&layer);
    let proxied = post()
        .set("Host", "app.example")
        .with("X-Forwarded-For", "192.0.2.7")
        .with("Authorization", "Bearer secret");
    assert_eq!(proxied.ask(&server).await.status, 200);
    assert!(log.of(Level::WARN).is_empty(), "{}", log.text());
    assert!(!log.text().contains("secret"));
}

#[tokio::test]
async fn under_axums_own_server_the_peer_is_known() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let layer = WebConnectionSocketLayer::new(config());
    let serving = spawn(web_connection_socket::serve_until(
        listener,
        layer,
        Visits::default().app(),
        async move {
            let _stopped = stopped.await;
        },
    ));
    for (request, status) in [
        (post(), 200),
        (post().set("Host", &address.to_string()), 200),
        (post().with("X-Forwarded-For", "127.0.0.1"), 403),
    ] {
        let stream = TcpStream::connect(address).await.unwrap();
        let answer = request.ask_over(stream).await;
        assert_eq!(answer.status, status, "{request}");
    }
    stop.send(()).unwrap();
    soon("the end of the server", serving)
        .await
        .unwrap()
        .unwrap();
}
