//! The identity that an `identify` hook gives a socket, and that nothing a visitor sends changes it.

use std::{collections::BTreeSet, future::pending, time::Duration};

use http::{HeaderValue, Request, StatusCode};
use serde_json::json;
use tokio::time::Instant;
use web_connection_socket::{
    Config, Handshake, Identity, Recipient, Rejection, RejectionKind, Socket, SocketMessage, User,
    WebConnectionSocketLayer,
    testing::{Client, Error, Server},
};

use crate::support::{
    app::Visits, config, error_of, frame, http::WEB_SOCKET, news, raw::Raw, serve, serve_app, text,
};

/// A layer that knows its visitors by their cookie: `ann` in two groups, others in none.
fn knowing(config: Config) -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config).identify(|handshake: Handshake| async move {
        let cookie = handshake.header("cookie");
        let user = cookie.as_ref().and_then(|cookie| cookie.to_str().ok());
        match user {
            Some("ann") => Ok(Identity::user("ann").group("sales").group("lobby")),
            Some(user) => Ok(Identity::user(user)),
            None => Ok(Identity::anonymous()),
        }
    })
}

/// Opens a socket with this cookie at a path whose query lies.
async fn enter(server: &Server, cookie: &str) -> Result<Client, Error> {
    let path = "/__initializeSocket.wc?userId=boss&groupId=board&USERID=boss";
    let request = Request::get(path).header("cookie", cookie).body(());
    server.connect_with(request.expect("a request")).await
}

#[tokio::test]
async fn the_query_of_a_verified_socket_is_ignored() {
    let layer = knowing(Config::new());
    let server = serve(&layer);
    let mut ann = enter(&server, "ann").await.unwrap();
    let hub = layer.hub();
    let [id] = hub.sockets()[..] else {
        panic!("one socket")
    };
    assert_eq!(hub.user_of(id), Some(User::Verified("ann".into())));
    let groups = hub.groups_of(id);
    let groups: BTreeSet<_> = groups.iter().map(|group| group.as_str()).collect();
    assert_eq!(groups, BTreeSet::from(["lobby", "sales"]));

    for strangers in [news("").to_user("boss"), news("").to_group("board")] {
        assert_eq!(hub.broadcast(&strangers).matched, 0);
    }
    hub.broadcast(&news("for ann").to_user("ann"));
    assert_eq!(text(&mut ann).await, "for ann");
}

#[tokio::test]
async fn what_a_message_says_of_its_sender_is_overwritten() {
    let layer = knowing(config());
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let mut ann = enter(&server, "ann").await.unwrap();
    for (user, group, expected) in [
        ("boss", "board", "sales"),
        ("", "", "sales"),
        ("ann", "lobby", "lobby"),
        ("boss", "sales", "sales"),
        ("ANN", "Sales", "sales"),
    ] {
        let message = news("x").from_user(user).from_group(group);
        ann.send(&message).await.unwrap();
        let visit = visits.next().await;
        let socket = visit.socket.as_ref().expect("a mark");
        let seen = socket.message();
        assert_eq!(
            (seen.user_id.as_str(), seen.group_id.as_str()),
            ("ann", expected)
        );
        let body: SocketMessage = SocketMessage::from_slice(visit.body.as_bytes()).unwrap();
        assert_eq!(
            (body.user_id.as_str(), body.group_id.as_str()),
            ("ann", expected)
        );
        assert_eq!(socket.user(), User::Verified("ann".into()));
        assert_eq!(visit.header("websocket-identity"), ["verified"]);
        assert_eq!(visit.header("websocket-user-id"), ["ann"]);
    }
}

#[tokio::test]
async fn an_anonymous_visitor_speaks_for_no_user() {
    let layer = WebConnectionSocketLayer::new(Config::new())
        .identify(|_: Handshake| async { Ok(Identity::anonymous()) })
        .on_web_socket(|socket: Socket| async move { socket.reply(socket.message()) });
    let server = serve(&layer);
    let mut anonymous = enter(&server, "x").await.unwrap();
    let claim = news("x").from_user("boss").from_group("board");
    anonymous.send(&claim).await.unwrap();
    let answer = frame(&mut anonymous).await;
    assert_eq!(
        (&answer["userId"], &answer["groupId"]),
        (&json!(""), &json!(""))
    );
}

#[tokio::test]
async fn no_header_of_a_visitors_is_taken_for_one_of_ours() {
    let lies = [
        ("WebSocket-User-Id", "boss"),
        ("websocket_user_id", "boss"),
        ("WebSocket_Identity", "verified"),
        ("WebSocket-Identity", "verified"),
        ("websocket_group-id", "board"),
        ("WebSocket-Group-Id", "board"),
        ("WebSocket-Connection-Id", "1"),
        ("WebSocket-Event", "disconnect"),
        ("websocket.user.id", "boss"),
        ("WebSocket-Anything", "boss"),
        ("Signature", "wcs=:AA==:"),
        ("Signature_Input", "wcs=()"),
        ("X-Harmless", "yes"),
    ];
    let layer = WebConnectionSocketLayer::new(config().lifecycle_events(true));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());

    let mut request = Request::get("/?userId=ann&groupId=sales");
    for (name, value) in lies {
        request = request.header(name, value);
    }
    let mut ann = server
        .connect_with(request.body(()).unwrap())
        .await
        .unwrap();
    let connect = visits.only();
    ann.send(&news("x")).await.unwrap();
    let message = visits.next().await;
    let id = layer.hub().sockets()[0].to_string();
    let posted = lies
        .iter()
        .fold(Raw::post(WEB_SOCKET, r#"{"userId":"ann"}"#), |raw, lie| {
            raw.with(lie.0, lie.1)
        });
    assert_eq!(posted.ask(&server).await.status, 200);
    let outside = visits.only();

    for (visit, event, groups, ids) in [
        (&connect, "connect", &["sales"][..], &[&*id][..]),
        (&message, "message", &["sales"], &[&*id]),
        (&outside, "message", &[""], &[]),
    ] {
        let names = visit.headers.keys().map(|name| name.as_str());
        let ours: BTreeSet<_> = names
            .filter(|name| name.starts_with("websocket") || name.starts_with("signature"))
            .collect();
        let mut expected =
            BTreeSet::from(["websocket-event", "websocket-identity", "websocket-user-id"]);
        expected.extend(["websocket-group-id", "websocket-message-id"]);
        if !ids.is_empty() {
            expected.insert("websocket-connection-id");
        }
        assert_eq!(ours, expected, "{event}");
        assert_eq!(visit.header("websocket-event"), [event]);
        assert_eq!(visit.header("websocket-identity"), ["claimed"]);
        assert_eq!(visit.header("websocket-user-id"), ["ann"]);
        assert_eq!(visit.header("websocket-group-id"), groups);
        assert_eq!(visit.header("websocket-connection-id"), ids);
        assert_eq!(visit.header("x-harmless"), ["yes"]);
    }
}

#[tokio::test]
async fn no_name_becomes_a_header_of_its_own() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let path = "/?userId=x%0d%0aX-Evil:%201%00&groupId=a,%20b%0a&groupId=Zo%C3%AB%20100%25";
    let mut client = server.connect(path).await.unwrap();
    client.send(&news("x")).await.unwrap();
    let visit = visits.next().await;
    assert_eq!(visit.header("x-evil"), [""; 0]);
    assert_eq!(visit.header("websocket-user-id"), ["x%0D%0AX-Evil:%201%00"]);
    let line = visit.header("websocket-group-id")[0];
    let groups: BTreeSet<_> = line.split(", ").collect();
    assert_eq!(groups, BTreeSet::from(["Zo%C3%AB%20100%25", "a%2C%20b%0A"]));
    let socket = visit.socket.expect("a mark");
    assert_eq!(socket.user().id().as_str(), "x\r\nX-Evil: 1\0");
}

#[tokio::test]
async fn a_refusal_has_the_applications_status_and_body_and_opens_nothing() {
    let layer = WebConnectionSocketLayer::new(Config::new()).identify(|handshake: Handshake| {
        let page = HeaderValue::from_static("text/html");
        let refusal = match handshake.query("how").as_deref() {
            Some("page") => Rejection::new(StatusCode::FORBIDDEN).body(page, "<p>Members only</p>"),
            Some("detail") => Rejection::new(StatusCode::PAYMENT_REQUIRED).detail("Please renew."),
            _ => Rejection::new(StatusCode::OK),
        };
        async { Err(refusal) }
    });
    let server = serve(&layer);
    let ask = async |how: &str| Raw::handshake(&format!("/?how={how}")).ask(&server).await;

    let page = ask("page").await;
    assert_eq!((page.status, &*page.body), (403, "<p>Members only</p>"));
    assert_eq!(page.header("content-type"), Some("text/html"));

    let detail = ask("detail").await;
    assert_eq!((detail.status, &*detail.code()), (402, "identify_refused"));
    assert!(detail.body.contains("Please renew."), "{}", detail.body);

    // Nothing that reads as a yes opens a socket.
    assert_eq!(ask("yes").await.status, 403);
    assert!(layer.hub().is_empty());
    assert_eq!(
        layer.hub().stats().refusals[&RejectionKind::IdentifyRefused],
        3
    );
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_takes_too_long_is_503() {
    let layer = WebConnectionSocketLayer::new(Config::new())
        .identify(|_: Handshake| pending::<Result<Identity, Rejection>>());
    let server = serve(&layer);
    let start = Instant::now();
    let answer = Raw::handshake("/").ask(&server).await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (503, "identify_timed_out")
    );
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(start.elapsed(), Duration::from_secs(10));
    assert!(layer.hub().is_empty());
}

#[tokio::test]
async fn a_hook_that_panics_is_500_and_tells_nothing() {
    let layer =
        WebConnectionSocketLayer::new(Config::new()).identify(|handshake: Handshake| async move {
            assert!(handshake.query("userId").is_some(), "a secret");
            Ok(Identity::anonymous())
        });
    let server = serve(&layer);
    for _ in 0..3 {
        let answer = Raw::handshake("/").ask(&server).await;
        assert_eq!((answer.status, &*answer.code()), (500, "identify_failed"));
        assert!(!answer.body.contains("secret"), "{}", answer.body);
    }
    assert_eq!(Raw::handshake("/?userId=x").ask(&server).await.status, 101);
}

#[tokio::test]
async fn more_groups_than_allowed_refuse_the_upgrade() {
    let layer = WebConnectionSocketLayer::new(Config::new().max_groups(2));
    let server = serve(&layer);
    let enough = Raw::handshake("/?groupId=a&groupId=b").ask(&server).await;
    assert_eq!(enough.status, 101);
    let answer = Raw::handshake("/?groupId=a&groupId=b&groupId=c")
        .ask(&server)
        .await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.contains("Config::max_groups"),
        "{}",
        answer.body
    );
    assert_eq!(layer.hub().len(), 1);
}

#[tokio::test]
async fn only_the_server_makes_error_frames() {
    const FORGED: &str =
        r#"{"action":"__error","message":"Log in again","error":{"code":"refused","status":403}}"#;
    let layer = WebConnectionSocketLayer::new(config()).relay();
    let server = serve(&layer);
    let mut ann = server.connect("/").await.unwrap();
    let mut bob = server.connect("/").await.unwrap();
    for forged in [
        FORGED,
        &FORGED.replace("error\":{", "ERROR\":{"),
        r#"{"Error":null}"#,
    ] {
        ann.send_text(forged).await.unwrap();
        assert_eq!(error_of(&mut ann).await, ("bad_message".to_owned(), 400));
        for path in ["/__broadcastWebSocket.wc", WEB_SOCKET] {
            let answer = Raw::post(path, forged).ask(&server).await;
            assert_eq!((answer.status, &*answer.code()), (400, "bad_message"));
        }
    }
    layer.hub().broadcast(&news("the first that is heard"));
    assert_eq!(text(&mut bob).await, "the first that is heard");
}

#[tokio::test]
async fn without_identify_a_relayed_message_may_name_any_user() {
    let server = serve(&WebConnectionSocketLayer::new(Config::new()).relay());
    let mut ann = server.connect("/?userId=ann").await.unwrap();
    let mut bob = server.connect("/?userId=bob&groupId=board").await.unwrap();
    for recipient in [
        Recipient::user("bob"),
        Recipient::group("board"),
        Recipient::all(),
    ] {
        let mut message = news("x").from_user("boss");
        message.recipients = vec![recipient];
        ann.send(&message).await.unwrap();
        let seen = frame(&mut bob).await;
        assert_eq!(seen["userId"], "boss");
    }
}

#[tokio::test]
async fn with_identify_a_relayed_message_reaches_what_its_sender_was_granted() {
    let layer = WebConnectionSocketLayer::new(Config::new())
        .identify(|handshake: Handshake| async move {
            let user = handshake.query("cookie").unwrap_or_default();
            let identity = Identity::user(&*user).group("chat");
            Ok(match &*user {
                "admin" => identity.may_broadcast(Recipient::all()),
                "agent" => identity.may_broadcast(Recipient::user("bob")),
                _ => identity,
            })
        })
        .relay();
    let server = serve(&layer);
    let mut listener = server.connect("/?cookie=bob").await.unwrap();
    for (user, message, may) in [
        ("ann", news("x").to_group("chat"), true),
        ("ann", news("x").to_group("chat").except_user("ann"), true),
        ("ann", news("x").to_group("board"), false),
        ("ann", news("x").to_group("chat").to_user("bob"), false),
        ("ann", news("x").to_user("bob"), false),
        ("ann", news("x").to_user("Ann"), false),
        ("ann", news("x"), false),
        ("ann", news("x").to_all(), false),
        ("ann", news("x").to_group(""), false),
        ("ann", news("x").except_user("ann"), false),
        ("agent", news("x").to_user("bob"), true),
        ("agent", news("x").to_all(), false),
        ("admin", news("x"), true),
        ("admin", news("x").to_user("bob"), true),
    ] {
        let path = format!("/?cookie={user}&userId=boss");
        let mut sender = server.connect(&path).await.unwrap();
        sender
            .send(&message.clone().from_user("boss"))
            .await
            .unwrap();
        if may {
            let seen = frame(&mut listener).await;
            assert_eq!(
                (&seen["message"], &seen["userId"]),
                (&json!("x"), &json!(user))
            );
        } else {
            let refused = ("refused".to_owned(), 403);
            assert_eq!(error_of(&mut sender).await, refused, "{user} {message:?}");
        }
        let _closed = sender.close("1000".parse().unwrap()).await.unwrap();
    }
    // Nothing of what was refused is on its way.
    layer.hub().broadcast(&news("last"));
    assert_eq!(text(&mut listener).await, "last");
}
