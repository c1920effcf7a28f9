//! What an upstream gets.

use std::{collections::BTreeSet, net::SocketAddr};

use http::{Request, uri::Scheme};
use tokio::net::{TcpListener, UnixListener};
use web_connection_socket::{
    Config, Handshake, Identity, Rejection, Upstream, WebConnectionSocketLayer,
};

use super::{
    backend::{Backend, Visits, answer, reply, script, serve as serve_connection},
    layer, upstream,
};
use crate::support::{
    config, http::WEB_SOCKET, join, news, raw::Raw, serve, spawn, text, tls::Authority,
};

#[tokio::test]
async fn a_message_is_a_post_with_every_header_of_ours_exactly_once() {
    let backend = Backend::start(|_| reply("heard")).await;
    let config = Config::new().base_path("/shop");
    let url = format!("{}/php", backend.url());
    let upstream = Upstream::new(&url)
        .unwrap()
        .unsigned()
        .forwarded_proto(Scheme::HTTPS)
        .broadcast_url("http://127.0.0.1:5200/shop/__broadcastWebSocket.wc")
        .unwrap();
    let layer = WebConnectionSocketLayer::new(config).upstream(upstream);
    let server = serve(&layer).peer(SocketAddr::from(([203, 0, 113, 7], 4_711)));
    let request =
        Request::get("/shop/__initializeSocket.wc?userId=Zo%C3%AB&groupId=a,%20b&groupId=c")
            .header("host", "shop.example:8443")
            .header("cookie", "session=7")
            .header("authorization", "Basic x")
            .header("x-forwarded-for", "6.6.6.6")
            .header("x_forwarded_host", "evil.example")
            .header("forwarded", "for=6.6.6.6;host=evil.example")
            .header("websocket-broadcast-url", "http://evil.example/")
            .header("WebSocket_User_Id", "boss")
            .header("websocket-state", "forged")
            .header("signature", "wcs=:AAAA:")
            .header("Signature-Input", "wcs=()")
            .header("content_digest", "forged")
            .header("accept-encoding", "gzip")
            .header("expect", "100-continue");
    let mut zoe = server
        .connect_with(request.body(()).unwrap())
        .await
        .unwrap();
    zoe.send(&news("hello")).await.unwrap();
    assert_eq!(text(&mut zoe).await, "heard");

    let asked = backend.visits.all().remove(0);
    assert_eq!(asked.line, "POST /php/shop/__WebSocket.wwd HTTP/1.1");
    let id = layer.hub().sockets()[0].to_string();
    let length = asked.body.len().to_string();
    for (name, value) in [
        ("host", "shop.example:8443"),
        ("cookie", "session=7"),
        ("authorization", "Basic x"),
        ("content-type", "application/json"),
        ("content-length", &*length),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example:8443"),
        (
            "websocket-broadcast-url",
            "http://127.0.0.1:5200/shop/__broadcastWebSocket.wc",
        ),
        ("websocket-connection-id", &id),
        ("websocket-event", "message"),
        ("websocket-event-age", "0"),
        ("websocket-identity", "claimed"),
        ("websocket-state", ""),
        ("websocket-user-id", "Zo%C3%AB"),
    ] {
        assert_eq!(asked.header(name), value, "{name}");
    }
    let groups: BTreeSet<_> = asked.header("websocket-group-id").split(", ").collect();
    assert_eq!(groups, BTreeSet::from(["a%2C%20b", "c"]));
    assert_eq!(asked.header("websocket-message-id").len(), 32);
    let names: Vec<_> = asked.headers.iter().map(|(name, _)| &**name).collect();
    let strange = |name: &&&str| {
        name.contains('_') || name.starts_with("signature") || name.contains("digest")
    };
    assert_eq!(names.iter().find(strange), None, "{names:?}");
    for gone in [
        "forwarded",
        "accept-encoding",
        "expect",
        "upgrade",
        "connection",
    ] {
        assert!(!names.contains(&gone), "{gone}");
    }
    assert_eq!(
        names
            .iter()
            .filter(|name| name.starts_with("websocket-"))
            .count(),
        9
    );
}

#[tokio::test]
async fn messages_share_a_connection_and_no_id() {
    let backend = Backend::start(|asked| reply(&asked.text())).await;
    let layer = layer(&backend, Config::new());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for number in 0..20 {
        ann.send(&news(number.to_string())).await.unwrap();
        assert_eq!(text(&mut ann).await, number.to_string());
    }
    let asked = backend.visits.all();
    let ids: BTreeSet<_> = asked
        .iter()
        .map(|asked| asked.header("websocket-message-id"))
        .collect();
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn a_state_comes_back_with_every_later_event_of_its_socket_alone() {
    let backend = Backend::start(|asked| {
        let said = asked.text();
        let state = match &*said {
            "long" => "x".repeat(1_025),
            "full" => "x".repeat(1_024),
            "empty" => String::new(),
            "none" => return reply(asked.header("websocket-state")),
            other => other.to_owned(),
        };
        answer(204, &[("WebSocket-State", &state)], "")
    })
    .await;
    let layer = layer(&backend, Config::new());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    for (said, kept) in [
        ("cart=7; step=2", "cart=7; step=2".to_owned()),
        ("long", "cart=7; step=2".to_owned()),
        ("full", "x".repeat(1_024)),
        ("empty", String::new()),
        ("again", "again".to_owned()),
    ] {
        ann.send(&news(said)).await.unwrap();
        ann.send(&news("none")).await.unwrap();
        assert_eq!(text(&mut ann).await, kept, "{said}");
        bob.send(&news("none")).await.unwrap();
        assert_eq!(text(&mut bob).await, "");
    }
}

#[tokio::test]
async fn a_verified_identity_is_what_the_upstream_reads() {
    let backend = Backend::start(|_| reply("heard")).await;
    let layer = layer(&backend, Config::new())
        .identify(async |_: Handshake| Ok::<_, Rejection>(Identity::user("ann").group("staff")));
    let server = serve(&layer);
    let mut ann = join(&server, "boss", &["board"]).await;
    ann.send(&news("x").from_user("boss").from_group("board"))
        .await
        .unwrap();
    text(&mut ann).await;
    let asked = backend.visits.all().remove(0);
    assert_eq!(asked.header("websocket-identity"), "verified");
    assert_eq!(asked.header("websocket-user-id"), "ann");
    assert_eq!(asked.header("websocket-group-id"), "staff");
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(
        (&body["userId"], &body["groupId"]),
        (&"ann".into(), &"staff".into())
    );
}

#[tokio::test]
async fn handlers_for_an_action_keep_theirs() {
    let backend = Backend::start(|_| reply("the upstream")).await;
    let layer = layer(&backend, Config::new())
        .on_action("mine", async |socket: web_connection_socket::Socket| {
            socket.reply(&news("the handler"))
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut mine = news("x");
    mine.action = "mine".into();
    ann.send(&mine).await.unwrap();
    assert_eq!(text(&mut ann).await, "the handler");
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "the upstream");
    assert_eq!(backend.visits.len(), 1);
}

#[tokio::test]
async fn what_a_program_posts_goes_there_and_its_answer_comes_back() {
    let backend = Backend::start(|asked| {
        let headers = [
            ("Content-Type", "text/plain"),
            ("WebSocket-Join", "x"),
            ("X-Own", "yes"),
            ("Keep-Alive", "timeout=5"),
        ];
        answer(202, &headers, &format!("heard {}", asked.text()))
    })
    .await;
    let layer = layer(&backend, config());
    let server = serve(&layer);
    let raw = Raw::post(
        WEB_SOCKET,
        r#"{"action":"paid","message":"7","userId":"cron"}"#,
    )
    .with("Cookie", "a=1")
    .with("WebSocket-Connection-Id", "forged");
    let answer = raw.ask(&server).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.body, "heard 7");
    assert_eq!(answer.headers["x-own"], "yes");
    assert!(!answer.headers.contains_key("websocket-join"));
    assert!(!answer.headers.contains_key("keep-alive"));
    let asked = backend.visits.all().remove(0);
    assert_eq!(asked.line, format!("POST {WEB_SOCKET} HTTP/1.1"));
    assert_eq!(asked.header("websocket-user-id"), "cron");
    assert_eq!(asked.header("websocket-connection-id"), "");
    assert_eq!(asked.header("websocket-group-id"), "");
    assert_eq!(asked.header("cookie"), "a=1");
}

#[tokio::test]
async fn an_upstream_may_listen_on_a_unix_socket() {
    let folder = std::env::temp_dir().join(format!("wcs-upstream-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("app.sock");
    drop(std::fs::remove_file(&path));
    let listener = UnixListener::bind(&path).unwrap();
    let visits = Visits::default();
    let seen = visits.clone();
    let serving = spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(serve_connection(
                stream,
                script(|_| reply("over a file")),
                seen.clone(),
            ));
        }
    });
    let url = format!("unix:{}", path.display());
    let upstream = Upstream::new(&url).unwrap().unsigned();
    let server = serve(&WebConnectionSocketLayer::new(Config::new()).upstream(upstream));
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "over a file");
    assert_eq!(visits.all()[0].header("host"), "localhost");
    serving.abort();
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn an_upstream_may_speak_tls_with_an_authority_of_its_own() {
    let authority = Authority::new("upstream");
    let acceptor = authority.acceptor("localhost", &[]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                let script = script(|_| reply("in secret"));
                spawn(serve_connection(stream, script, Visits::default()));
            }
        }
    });
    let url = format!("https://localhost:{port}");
    let upstream = Upstream::new(&url).unwrap().unsigned();
    let trusting = upstream
        .clone()
        .root_certificates(authority.pem().as_bytes())
        .unwrap();
    let without_hold = upstream.hold(std::time::Duration::ZERO);
    for (upstream, expected) in [(trusting, "in secret"), (without_hold, "__error")] {
        let server = serve(&WebConnectionSocketLayer::new(Config::new()).upstream(upstream));
        let mut ann = join(&server, "ann", &[]).await;
        ann.send(&news("x")).await.unwrap();
        let frame = crate::support::frame(&mut ann).await;
        let seen = [&frame["message"], &frame["action"]];
        assert!(seen.iter().any(|text| **text == expected), "{frame}");
    }
    serving.abort();
}

#[tokio::test]
#[should_panic(expected = "call Upstream::signing_keys, or Upstream::unsigned")]
async fn a_layer_takes_no_upstream_of_which_it_does_not_know_whether_to_sign() {
    let upstream = Upstream::new("http://127.0.0.1:1").unwrap();
    drop(WebConnectionSocketLayer::new(Config::new()).upstream(upstream));
}

#[tokio::test]
async fn a_relay_set_afterwards_takes_the_messages() {
    let backend = Backend::start(|_| reply("the upstream")).await;
    let layer = WebConnectionSocketLayer::new(Config::new())
        .upstream(upstream(&backend))
        .relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("to all")).await.unwrap();
    assert_eq!(text(&mut ann).await, "to all");
    assert_eq!(backend.visits.len(), 0);
}

#[tokio::test]
async fn a_token_of_the_layer_stays_with_it() {
    let backend = Backend::start(|_| reply("heard")).await;
    let layer = layer(&backend, config().bearer_tokens(["ours"]));
    let server = serve(&layer);
    for (token, passes) in [("Bearer ours", 0), ("Bearer another", 1)] {
        let answer = Raw::post(WEB_SOCKET, r#"{"action":"x"}"#)
            .with("Authorization", token)
            .ask(&server)
            .await;
        assert_eq!(answer.status, 200);
        let asked = backend.visits.all().pop().unwrap();
        assert_eq!(asked.all("authorization").count(), passes, "{token}");
    }
}
