//! What passes through stays out of the log and out of `Debug`.

use http::{Request, StatusCode};
use tracing::Level;
use web_connection_socket::{
    CloseReason, Config, Handshake, Identity, Rejection, Socket, WebConnectionSocketLayer,
    config::IpNet,
};

use crate::support::{app::Visits, config, error_of, log, news, raw::Raw, serve_app, text, until};

/// Everything in this test that only its owner may read carries this word.
const SECRET: &str = "hush";

#[tokio::test]
async fn no_token_cookie_query_or_text_is_logged_at_any_level() {
    let log = log::capture();
    let config = config().bearer_tokens(["hush-token"]).max_message_size(500);
    let layer = WebConnectionSocketLayer::new(config)
        .identify(|handshake: Handshake| async move {
            let cookie = handshake.header("cookie").expect("hush: a cookie");
            Ok(Identity::user(cookie.to_str().unwrap_or_default()))
        })
        .on_action("panic", |socket: Socket| async move {
            assert!(socket.id().is_none(), "hush: a panic");
        })
        .relay();
    let server = serve_app(&layer, Visits::default().app());

    let request = Request::get("/?userId=hush-user&token=hush").header("cookie", "session=hush");
    let mut ann = server
        .connect_with(request.body(()).unwrap())
        .await
        .unwrap();
    ann.send(&news("hush").to_user("hush")).await.unwrap();
    assert_eq!(error_of(&mut ann).await.0, "refused");
    ann.send_text(r#"{"hush":"hush","hush":1}"#).await.unwrap();
    assert_eq!(error_of(&mut ann).await.0, "bad_message");
    ann.send(&news("").from_user("hush")).await.unwrap();
    assert_eq!(error_of(&mut ann).await.0, "refused");
    let mut panics = news("hush");
    panics.action = "panic".to_owned();
    ann.send(&panics).await.unwrap();
    assert_eq!(error_of(&mut ann).await.0, "failed");

    let post = |body: &str| Raw::post("/__broadcastWebSocket.wc?token=hush", body);
    let body = r#"{"action":"hush","message":"hush"}"#;
    for token in ["Bearer hush-token", "Bearer hush-wrong", "Basic hush"] {
        let _answer = post(body).with("Authorization", token).ask(&server).await;
        assert_eq!(text(&mut ann).await, "hush", "this machine is trusted");
    }
    for token in ["Bearer hush-wrong", "Basic hush"] {
        let stranger = post(body).set("Host", "app.example");
        let answer = stranger.with("Authorization", token).ask(&server).await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(
        post(r#"{"message":["hush"]}"#).ask(&server).await.status,
        400
    );
    assert_eq!(post(&body.repeat(20)).ask(&server).await.status, 413);
    assert_eq!(Raw::handshake("/?hush").ask(&server).await.status, 500);
    ann.send_text("hush".repeat(200)).await.unwrap();
    assert_eq!(ann.closed().await.code(), 1009);

    let log = log.text();
    assert!(log.lines().count() > 3, "{log}");
    assert!(!log.contains(SECRET), "{log}");
}

#[tokio::test]
async fn a_client_beyond_the_limits_leaves_no_secret_in_the_log() {
    let log = log::capture();
    let visit = || {
        let long = "hush".repeat(100);
        Raw::handshake(&format!("/?token=hush&userId=hush&groupId={long}"))
            .with("Cookie", "session=hush")
            .with("X-Forwarded-For", "hush")
            .with("Forwarded", "for=hush")
    };
    let trusting = || config().trusted_proxies(["127.0.0.0/8".parse::<IpNet>().unwrap()]);
    for (kind, config) in [
        ("too_many_sockets", trusting().max_sockets(1)),
        (
            "too_many_sockets_of_user",
            trusting().max_sockets_per_user(1),
        ),
        (
            "too_many_sockets_of_client",
            trusting().max_sockets_per_client(1),
        ),
    ] {
        let layer = WebConnectionSocketLayer::new(config)
            .identify(|_: Handshake| async { Ok(Identity::user("hush")) });
        let server = serve_app(&layer, Visits::default().app());
        let first = visit().ask(&server).await;
        assert_eq!(first.status, 101);
        assert_eq!(visit().ask(&server).await.code(), kind);
        assert!(log.text().contains(kind), "{}", log.text());
    }
    let claims = serve_app(
        &WebConnectionSocketLayer::new(config()),
        Visits::default().app(),
    );
    assert_eq!(visit().ask(&claims).await.status, 400);
    assert!(log.text().contains("max_name_length"), "{}", log.text());
    assert!(!log.text().contains(SECRET), "{}", log.text());
}

#[tokio::test]
async fn debug_shows_neither_tokens_nor_what_a_visitor_sent_along() {
    let layer = WebConnectionSocketLayer::new(Config::new().bearer_tokens(["hush-token"]));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let request = Request::get("/?token=hush").header("cookie", "session=hush");
    let mut ann = server
        .connect_with(request.body(()).unwrap())
        .await
        .unwrap();
    ann.send(&news("x")).await.unwrap();
    let socket = visits.next().await.socket.expect("a mark");
    let handshake = socket.handshake().expect("a handshake");
    assert_eq!(handshake.query("token").as_deref(), Some(SECRET));
    for shown in [
        format!("{layer:?}"),
        format!("{:?}", layer.hub()),
        format!("{socket:?}"),
        format!("{handshake:?}"),
        format!("{server:?}"),
    ] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
}

#[tokio::test]
async fn what_a_peer_says_stays_on_its_line_of_the_log() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config());
    let server = serve_app(&layer, Visits::default().app());
    let ann = server.connect("/").await.unwrap();
    let forged = CloseReason::new(4000, "bye\n2026 ERROR the disk is full");
    ann.close(forged).await.unwrap();
    until("it is over", || log.text().contains("socket ended")).await;
    assert!(!log.text().contains("\n2026"), "{}", log.text());
}

#[tokio::test]
async fn what_an_application_repeats_of_a_visitor_stays_on_its_line_too() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config())
        .identify(|visit: Handshake| async move {
            match visit.query("user") {
                Some(user) => Err(Rejection::new(StatusCode::UNAUTHORIZED)
                    .detail(format!("{user} is not known here."))),
                None => Ok(Identity::anonymous()),
            }
        })
        .on_web_socket(|socket: Socket| async move {
            Err::<(), _>(format!("there is no room {}", socket.message().message))
        });
    let server = serve_app(&layer, Visits::default().app());
    let refused = Raw::handshake("/?user=eve%0A2026%20ERROR%20the%20disk%20is%20full");
    assert_eq!(refused.ask(&server).await.status, 401);
    let mut eve = server.connect("/").await.unwrap();
    eve.send(&news("7\n2026 ERROR the disk is full"))
        .await
        .unwrap();
    assert_eq!(error_of(&mut eve).await.0, "failed");
    assert!(!log.text().contains("\n2026"), "{}", log.text());
    assert_eq!(log.text().matches("\\n2026").count(), 2, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn visitors_for_which_the_hook_panics_do_not_fill_the_log() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config())
        .identify(|_: Handshake| async { panic!("a visitor like this") });
    let server = serve_app(&layer, Visits::default().app());
    for _ in 0..100 {
        assert_eq!(Raw::handshake("/").ask(&server).await.status, 500);
    }
    let errors = log.of(Level::ERROR);
    assert_eq!(errors.len(), 1, "{errors:?}");
}
