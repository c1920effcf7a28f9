//! How many sockets there may be, and how the next one is refused.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use tokio::{net::TcpStream, task::JoinSet};
use tower::{Layer, util::MapRequest};
use web_connection_socket::{
    Config, Handshake, Hub, Identity, PeerAddr, RejectionKind, Socket, WebConnectionSocketLayer,
    config::{ClientHeader, IpNet},
    testing::Server,
};

use crate::support::{
    config, join, leave, news,
    raw::{Answer, Raw},
    serve, soon, spawn,
    tcp::{Running, listen},
    text, until,
    wire::Wire,
};

/// A question and its answer: the status, and the kind of refusal.
type Told = (u16, String);

fn told<S>(answer: &Answer<S>) -> Told {
    (answer.status, answer.code())
}

/// What an upgrade is answered, and a probe beside it, which has to be the same.
async fn refused(server: &Server, query: &str) -> Told {
    let path = format!("/__initializeSocket.wc{query}");
    let upgrade = Raw::handshake(&path).ask(server).await;
    let probe = Raw::probe(query).ask(server).await;
    assert_eq!(upgrade.body, probe.body);
    assert_eq!(upgrade.header("retry-after"), Some("5"));
    assert_eq!(probe.header("retry-after"), Some("5"));
    told(&upgrade)
}

/// The server as a client at another address sees it.
fn seen_from(server: &Server, address: &str) -> Server {
    server.clone().peer(address.parse().expect("an address"))
}

fn too_many() -> Told {
    (503, "too_many_sockets".to_owned())
}

fn too_many_of_user() -> Told {
    (429, "too_many_sockets_of_user".to_owned())
}

fn too_many_of_client() -> Told {
    (429, "too_many_sockets_of_client".to_owned())
}

#[tokio::test]
async fn the_socket_too_many_is_told_which_setting_and_when_to_come_again() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets(2));
    let server = serve(&layer);
    let ann = join(&server, "ann", &[]).await;
    let _bob = join(&server, "bob", &[]).await;
    assert_eq!(refused(&server, "").await, too_many());
    let error = server.clone().http2().connect("/").await.unwrap_err();
    let answer = error.refusal().unwrap();
    assert_eq!(answer.status(), 503);
    let body = String::from_utf8_lossy(answer.body());
    assert!(body.contains("Config::max_sockets allows"), "{body}");
    let kind = RejectionKind::TooManySockets;
    assert_eq!(layer.hub().stats().refusals[&kind], 3);

    leave(ann, &layer.hub()).await;
    let _eve = join(&server, "eve", &[]).await;
    assert_eq!(refused(&server, "").await, too_many());
}

#[tokio::test]
async fn when_to_come_again_is_told_in_whole_seconds() {
    for (time, told) in [(0, "1"), (1_000, "1"), (7_500, "8"), (60_000, "60")] {
        let config = config().retry_after(Duration::from_millis(time));
        let server = serve(&WebConnectionSocketLayer::new(config.max_sockets(1)));
        let _ann = join(&server, "ann", &[]).await;
        let answer = Raw::probe("").ask(&server).await;
        assert_eq!(answer.header("retry-after"), Some(told));
    }
}

#[tokio::test]
async fn a_full_server_looks_at_the_page_and_asks_the_application_nothing() {
    for config in [config().max_sockets(1), config().max_sockets_per_client(1)] {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let layer = WebConnectionSocketLayer::new(config).identify(move |_| {
            counter.fetch_add(1, Relaxed);
            async { Ok(Identity::anonymous()) }
        });
        let server = serve(&layer);
        let _ann = join(&server, "ann", &[]).await;
        for request in [Raw::handshake("/"), Raw::probe("")] {
            let own = request.clone().with("Origin", "http://localhost");
            let answer = own.ask(&server).await;
            assert!(answer.code().starts_with("too_many"), "{}", answer.body);
            let foreign = request.with("Origin", "https://evil.test");
            assert_eq!(foreign.ask(&server).await.code(), "foreign_origin");
        }
        assert_eq!(asked.load(Relaxed), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_are_as_many_as_the_cap() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets(100)).identify(async |_| {
        tokio::task::yield_now().await;
        Ok(Identity::anonymous())
    });
    let server = serve(&layer);
    let mut attempts = JoinSet::new();
    for _ in 0..1_000 {
        let server = server.clone();
        attempts.spawn(async move { server.connect("/").await });
    }
    let mut open = Vec::new();
    let mut refusals = 0;
    while let Some(attempt) = soon("an answer", attempts.join_next()).await {
        match attempt.unwrap() {
            Ok(client) => open.push(client),
            Err(error) => {
                assert_eq!(error.refusal().unwrap().status(), 503);
                refusals += 1;
            }
        }
    }
    assert_eq!((open.len(), refusals, layer.hub().len()), (100, 900, 100));
}

#[tokio::test]
async fn over_tcp_as_many_open_as_the_caps_allow() {
    const CAP: usize = 20;

    let config = config().max_sockets(2 * CAP).max_sockets_per_client(CAP);
    let layer = WebConnectionSocketLayer::new(config);
    let hub = layer.hub();
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer, Router::new());
    let mut attempts = JoinSet::new();
    for _ in 0..100 {
        attempts.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            Raw::handshake("/").ask_over(stream).await
        });
    }
    let answers = attempts.join_all().await;
    let mut statuses = BTreeMap::new();
    for answer in &answers {
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(101, CAP), (429, 100 - CAP)]));
    assert_eq!(hub.len(), CAP);
    drop(answers);
    until("all are gone", || hub.is_empty()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    let again = Raw::handshake("/").ask_over(stream).await;
    assert_eq!(again.status, 101);
    drop(again);
    server.stop().await;
}

#[tokio::test]
async fn a_user_has_so_many_sockets_and_no_more() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets_per_user(2)).identify(
        async |handshake: Handshake| {
            let user = handshake.query("user").unwrap_or_default();
            Ok(Identity::user(&*user))
        },
    );
    let server = serve(&layer);
    let hub = layer.hub();
    let first = server.connect("/?user=ann").await.unwrap();
    let _second = server.connect("/?user=ann").await.unwrap();
    assert_eq!(refused(&server, "?user=ann").await, too_many_of_user());
    let answer = Raw::probe("?user=ann").ask(&server).await;
    assert!(answer.body.contains("Config::max_sockets_per_user"));
    // Other users, and anonymous ones, are not concerned.
    let mut others = Vec::new();
    for user in ["bob", "Ann", "", "", ""] {
        others.push(server.connect(&format!("/?user={user}")).await.unwrap());
    }
    leave(first, &hub).await;
    let _third = server.connect("/?user=ann").await.unwrap();
    assert_eq!(hub.sockets_of("ann").len(), 2);
    assert_eq!(refused(&server, "?user=ann").await, too_many_of_user());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_who_comes_often_at_once_has_as_many_sockets_as_the_cap() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets_per_user(3)).identify(
        async |_: Handshake| {
            tokio::task::yield_now().await;
            Ok(Identity::user("ann"))
        },
    );
    let server = serve(&layer);
    let mut attempts = JoinSet::new();
    for _ in 0..100 {
        let server = server.clone();
        attempts.spawn(async move { server.connect("/").await });
    }
    let answers = soon("all answers", attempts.join_all()).await;
    assert_eq!(answers.iter().flatten().count(), 3);
    assert_eq!(layer.hub().sockets_of("ann").len(), 3);
}

#[tokio::test]
async fn a_claimed_name_takes_nothing_from_the_user_of_that_name() {
    let members = WebConnectionSocketLayer::new(config().max_sockets_per_user(1))
        .identify(async |_: Handshake| Ok(Identity::user("ann")));
    let public = WebConnectionSocketLayer::with_hub(config(), members.hub());
    let (members, public) = (serve(&members), serve(&public));
    let _impostor = join(&public, "ann", &[]).await;
    assert_eq!(refused(&public, "?userId=ann").await, too_many_of_user());
    let _ann = members.connect("/").await.unwrap();
    assert_eq!(refused(&members, "").await, too_many_of_user());
}

#[tokio::test]
async fn a_client_is_an_address_or_a_network_of_ipv6() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets_per_client(1));
    let server = serve(&layer);
    for (one, same, other) in [
        ("192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1"),
        ("192.0.2.3:1", "[::ffff:192.0.2.3]:1", "192.0.2.4:1"),
        (
            "[2001:db8:0:1::1]:1",
            "[2001:db8:0:1:9::9]:1",
            "[2001:db8:0:2::1]:1",
        ),
    ] {
        let [one, same, other] = [one, same, other].map(|address| seen_from(&server, address));
        let first = join(&one, "ann", &[]).await;
        assert_eq!(refused(&same, "").await, too_many_of_client());
        let _other = join(&other, "bob", &[]).await;
        leave(first, &layer.hub()).await;
        let _again = join(&same, "ann", &[]).await;
    }
    let stranger = seen_from(&server, "192.0.2.9:1");
    let _first = join(&stranger, "eve", &[]).await;
    let told = Raw::probe("").ask(&stranger).await.body;
    for part in ["192.0.2.9", "max_sockets_per_client", "trusted_proxies"] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn clients_whose_address_is_not_known_share_one_cap() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets_per_client(1));
    let service = layer.layer(Router::new());
    let forget = |mut request: Request<Incoming>| {
        request.extensions_mut().remove::<PeerAddr>();
        request
    };
    let server = Server::new(MapRequest::new(service, forget));
    let _one = seen_from(&server, "192.0.2.1:1")
        .connect("/")
        .await
        .unwrap();
    let another = seen_from(&server, "192.0.2.2:1");
    assert_eq!(refused(&another, "").await, too_many_of_client());
    let told = Raw::probe("").ask(&another).await.body;
    for part in ["unknown address", "max_sockets_per_client", "PeerAddr"] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn behind_trusted_proxies_each_visitor_counts_alone() {
    let proxies: IpNet = "10.0.0.0/8".parse().unwrap();
    for (header, name, prefix) in [
        (ClientHeader::XForwardedFor, "X-Forwarded-For", ""),
        (ClientHeader::Forwarded, "Forwarded", "for="),
    ] {
        let config = config()
            .max_sockets_per_client(1)
            .trusted_proxies([proxies])
            .client_header(header);
        let server = serve(&WebConnectionSocketLayer::new(config));
        let ask = async |peer: &str, chain: &[&str]| {
            let chain: Vec<_> = chain.iter().map(|hop| format!("{prefix}{hop}")).collect();
            let upgrade = Raw::handshake("/").with(name, &chain.join(", "));
            upgrade.ask(&seen_from(&server, peer)).await
        };
        let ann = ask("10.0.0.1:1", &["192.0.2.1"]).await;
        assert_eq!(ann.status, 101);
        let again = ask("10.0.0.2:1", &["192.0.2.9", "192.0.2.1", "10.0.0.1"]).await;
        assert_eq!(
            told(&again),
            too_many_of_client(),
            "what she adds is ignored"
        );
        let bob = ask("10.0.0.1:1", &["192.0.2.1", "192.0.2.2"]).await;
        assert_eq!(bob.status, 101);
        // A stranger's word counts for nothing.
        let eve = ask("192.0.2.3:1", &["192.0.2.4"]).await;
        assert_eq!(eve.status, 101);
        let again = ask("192.0.2.3:1", &["192.0.2.5"]).await;
        assert_eq!(told(&again), too_many_of_client());
    }
}

#[tokio::test]
async fn hooks_and_handlers_see_the_clients_address() {
    let proxies: IpNet = "10.0.0.0/8".parse().unwrap();
    let layer = WebConnectionSocketLayer::new(config().trusted_proxies([proxies]))
        .identify(async |handshake: Handshake| {
            let client = handshake.client_addr().expect("an address");
            Ok(Identity::user(client.to_string()))
        })
        .on_web_socket(async |socket: Socket| {
            let client = socket.client_addr().expect("an address");
            socket.reply(&socket.create_message().text(client.ip().to_string()))
        });
    let server = seen_from(&serve(&layer), "10.0.0.1:1");
    let request = Request::get("/").header("x-forwarded-for", "192.0.2.1");
    let request = request.body(()).unwrap();
    let mut ann = server.connect_with(request).await.unwrap();
    ann.send(&news("where am I?")).await.unwrap();
    assert_eq!(text(&mut ann).await, "192.0.2.1");
    assert_eq!(layer.hub().sockets_of("192.0.2.1").len(), 1);
}

#[tokio::test]
async fn of_a_shared_hub_it_is_the_hubs_caps_that_count() {
    let hub = Arc::new(Hub::new(&Config::new().max_sockets(1)));
    let generous = config().max_sockets(100);
    let shop = WebConnectionSocketLayer::with_hub(generous, hub.clone());
    let admin = WebConnectionSocketLayer::with_hub(config(), hub);
    let _ann = join(&serve(&shop), "ann", &[]).await;
    assert_eq!(refused(&serve(&admin), "").await, too_many());
    assert_eq!(refused(&serve(&shop), "").await, too_many());
}

#[tokio::test]
async fn a_host_that_did_the_upgrade_itself_tells_to_come_again() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets(1));
    let _ann = join(&serve(&layer), "ann", &[]).await;
    let service = layer.layer(Router::new());
    let (client, stream) = tokio::io::duplex(1_024);
    let (parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let end = spawn(service.accept::<axum::body::Body, _, _>(parts, stream));
    let (code, reason) = Wire::over(client).closed().await;
    assert_eq!(code, 1013, "{reason}");
    let kind = end.await.unwrap().unwrap_err().kind();
    assert_eq!(kind, RejectionKind::TooManySockets);
}
