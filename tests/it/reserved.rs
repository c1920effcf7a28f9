//! Which callers may use the reserved URLs, and what is refused before anything is delivered.

use std::{future::pending, time::Duration};

use serde_json::json;
use tokio::time::Instant;
use web_connection_socket::{
    Config, RejectionKind, Socket, WebConnectionSocketLayer,
    config::IpNet,
    testing::{Client, Server},
};

use crate::support::{
    app::Visits,
    config, frame,
    http::{BROADCAST, WEB_SOCKET},
    join, news,
    raw::{Answer, Raw},
    serve_app, soon, spawn, text, until,
    wire::Wire,
};

const MESSAGE: &str = r#"{"action":"news","message":"hello"}"#;

/// A server with a socket that must hear nothing, and an application that must see nothing.
struct Site {
    server: Server,
    layer: WebConnectionSocketLayer,
    visits: Visits,
    listener: Client,
}

impl Site {
    async fn new(config: Config) -> Self {
        let layer = WebConnectionSocketLayer::new(config);
        let visits = Visits::default();
        let server = serve_app(&layer, visits.app());
        let listener = server.connect("/").await.expect("an open socket");
        Self {
            server,
            layer,
            visits,
            listener,
        }
    }

    /// Sends it to both URLs, expects the same refusal from both, and gives it.
    async fn refusal(&mut self, request: impl Fn(&str) -> Raw) -> Answer {
        let mut answers = Vec::new();
        for path in [BROADCAST, WEB_SOCKET] {
            answers.push(request(path).ask(&self.server).await);
        }
        self.heard_nothing().await;
        let (two, one) = (answers.remove(1), answers.remove(0));
        assert_eq!((one.status, one.code()), (two.status, two.code()));
        one
    }

    async fn heard_nothing(&mut self) {
        self.layer.hub().broadcast(&news("the first that is heard"));
        assert_eq!(text(&mut self.listener).await, "the first that is heard");
        let visits = self.visits.take();
        assert!(visits.is_empty(), "{visits:?}");
    }
}

fn post(path: &str) -> Raw {
    Raw::post(path, MESSAGE)
}

#[tokio::test]
async fn by_default_no_caller_is_let_in() {
    let mut site = Site::new(Config::new()).await;
    let answer = site
        .refusal(|path| post(path).with("Authorization", "Bearer x"))
        .await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (403, "callers_not_configured")
    );
    for told in ["bearer_tokens", "allow_callers_from", "trust_local_callers"] {
        assert!(answer.body.contains(told), "{}", answer.body);
    }
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert_eq!(
        site.layer.hub().stats().refusals[&RejectionKind::CallersNotConfigured],
        2
    );
}

#[tokio::test]
async fn a_token_is_asked_for_and_any_of_several_admits() {
    let mut site = Site::new(Config::new().bearer_tokens(["new", "old"])).await;
    for (sent, code) in [
        (&[][..], "token_missing"),
        (&["Basic new"], "token_missing"),
        (&["Bearer new", "Bearer new"], "token_missing"),
        (&["Bearer neW"], "token_wrong"),
        (&["Bearer ne"], "token_wrong"),
        (&["Bearer"], "token_missing"),
    ] {
        let add = |request: Raw, token: &&str| request.with("Authorization", token);
        let answer = site.refusal(|path| sent.iter().fold(post(path), add)).await;
        assert_eq!((answer.status, &*answer.code()), (401, code), "{sent:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(!answer.body.contains("neW"), "{}", answer.body);
    }
    for token in ["Bearer new", "bearer old"] {
        let request = post(BROADCAST).with("Authorization", token);
        assert_eq!(request.ask(&site.server).await.status, 200, "{token}");
        assert_eq!(text(&mut site.listener).await, "hello");
    }
}

#[tokio::test]
async fn a_caller_that_meets_no_rule_is_told_which_it_was() {
    let office: IpNet = "10.1.0.0/16".parse().unwrap();
    let mut site = Site::new(Config::new().allow_callers_from([office])).await;
    let stranger = "192.0.2.7:50000".parse().unwrap();
    site.server = site.server.peer(stranger);
    let forged = |path: &str| post(path).with("X-Forwarded-For", "10.1.2.3");
    let answer = site.refusal(forged).await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (403, "caller_not_allowed")
    );
    assert!(answer.body.contains("192.0.2.7"), "{}", answer.body);

    site.server = site.server.peer("10.1.2.3:50000".parse().unwrap());
    let page = |path: &str| post(path).with("Origin", "https://evil.test");
    assert_eq!(site.refusal(page).await.status, 403);
    // A page that DNS rebinding brought here is of the same site.
    let page = |path: &str| {
        post(path)
            .set("Host", "evil.test")
            .with("Origin", "http://evil.test")
    };
    let answer = site.refusal(page).await;
    assert_eq!(
        (answer.status, &*answer.code()),
        (403, "caller_not_allowed")
    );
    assert!(answer.body.contains("Config::hosts"), "{}", answer.body);
    let page = |path: &str| post(path).with("Sec-Fetch-Site", "cross-site");
    assert_eq!(site.refusal(page).await.status, 403);
    assert_eq!(post(BROADCAST).ask(&site.server).await.status, 200);
}

#[tokio::test]
async fn only_posts_are_taken_from_any_caller() {
    for config in [Config::new(), config()] {
        let mut site = Site::new(config).await;
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"] {
            let line = |path: &str| Raw::new(&format!("{method} {path} HTTP/1.1"));
            let answer = site.refusal(line).await;
            assert_eq!(answer.status, 405, "{method}");
            assert_eq!(answer.header("allow"), Some("POST"), "{method}");
        }
        // An upgrade of a reserved URL is a call of it.
        assert_eq!(site.refusal(Raw::handshake).await.status, 405);
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_announced_or_not() {
    let mut site = Site::new(config().max_message_size(100)).await;
    // Nothing but the announcement is sent, so that nothing else can have been read.
    let announced = |path: &str| {
        let line = format!("POST {path} HTTP/1.1");
        Raw::new(&line).with("Content-Length", "101")
    };
    let answer = site.refusal(announced).await;
    assert_eq!((answer.status, &*answer.code()), (413, "too_large"));
    assert!(answer.body.contains("100 bytes"), "{}", answer.body);

    let chunk = format!("32\r\n{:50}\r\n", "");
    let chunked = |path: &str, chunks: usize| {
        let line = format!("POST {path} HTTP/1.1");
        let body = chunk.repeat(chunks);
        Raw::new(&line)
            .with("Transfer-Encoding", "chunked")
            .body(&body)
    };
    let answer = site.refusal(|path| chunked(path, 3)).await;
    assert_eq!((answer.status, &*answer.code()), (413, "too_large"));

    let fits = format!("{MESSAGE:100}");
    assert_eq!(
        Raw::post(BROADCAST, &fits).ask(&site.server).await.status,
        200
    );
}

#[tokio::test]
async fn a_stranger_is_refused_before_its_body_is_measured_or_awaited() {
    let mut site = Site::new(Config::new().bearer_tokens(["secret"])).await;
    let endless = |path: &str| {
        let line = format!("POST {path} HTTP/1.1");
        Raw::new(&line).with("Content-Length", "99999999")
    };
    assert_eq!(site.refusal(endless).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_in_time_is_408() {
    let site = Site::new(config().body_timeout(Duration::from_secs(10))).await;
    for path in [BROADCAST, WEB_SOCKET] {
        let start = Instant::now();
        let slow = Raw::new(&format!("POST {path} HTTP/1.1"))
            .with("Content-Length", "35")
            .body(r#"{"action""#);
        let answer = slow.ask(&site.server).await;
        assert_eq!((answer.status, &*answer.code()), (408, "body_timeout"));
        assert_eq!(start.elapsed().as_secs(), 10);
    }
    assert!(site.visits.take().is_empty());
}

#[tokio::test]
async fn a_bad_message_is_400_and_says_why() {
    let mut site = Site::new(config().max_recipients(1)).await;
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"message":{}}"#,
        r#"{"action":1}"#,
        r#"{"action":"a","ACTION":"b"}"#,
        r#"{"recipients":[{"type":"everybody","value":""}]}"#,
        r#"{"recipients":[{"type":"user","value":""}]}"#,
        r#"{"recipients":[{"type":"all"},{"type":"all"}]}"#,
        r#"{"action":"__error","error":{"code":"failed"}}"#,
        r#"{"action":"__ping"}"#,
        r#"{"action":"__pong"}"#,
        r#"{"action":"__resumed"}"#,
        r#"{"action":"__presence"}"#,
        r#"{"x":1e400}"#,
        r#"{"x":"\ud800"}"#,
    ] {
        let answer = site.refusal(|path| Raw::post(path, body)).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "bad_message"),
            "{body}"
        );
    }
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(9_000), "]".repeat(9_000));
    assert_eq!(
        site.refusal(|path| Raw::post(path, &deep)).await.status,
        400
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_delivers_nothing() {
    let mut site = Site::new(config()).await;
    let half = Raw::new("POST /__broadcastWebSocket.wc HTTP/1.1")
        .with("Content-Length", "1000")
        .body(MESSAGE);
    let mut wire = Wire::over(site.server.open());
    wire.send(half.to_string().as_bytes()).await;
    wire.shut().await;
    wire.drain().await;
    site.heard_nothing().await;
}

#[tokio::test]
async fn any_content_type_is_taken() {
    let mut site = Site::new(config()).await;
    for content_type in [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain; charset=windows-1252",
        "",
    ] {
        let request = post(BROADCAST).with("Content-Type", content_type);
        assert_eq!(
            request.ask(&site.server).await.status,
            200,
            "{content_type}"
        );
        assert_eq!(text(&mut site.listener).await, "hello");
    }
    assert_eq!(post(BROADCAST).ask(&site.server).await.status, 200);
}

#[tokio::test]
async fn s05_s06_a_trusted_program_broadcasts_to_the_sockets_it_names() {
    let layer = WebConnectionSocketLayer::new(Config::new().bearer_tokens(["of-the-cron-job"]));
    let server = serve_app(&layer, Visits::default().app());
    let mut ann = join(&server, "ann", &["sales"]).await;
    let mut bob = join(&server, "bob", &["sales"]).await;
    let mut cleo = join(&server, "cleo", &[]).await;

    let sent = r#"{"action":"order.shipped","message":"{\"id\":7}","groupId":"","userId":"cron",
        "recipients":[{"type":"group","value":"sales"},{"type":"allButUser","value":"bob"}]}"#;
    let answer = Raw::post("/shop/__BROADCASTWebSocket.wc?x=1", sent)
        .with("Authorization", "Bearer of-the-cron-job")
        .ask(&server)
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.body,
        r#"{"matched":1,"queued":1,"dropped":0,"forwarded":false}"#
    );
    let seen = frame(&mut ann).await;
    assert_eq!(seen["action"], "order.shipped");
    assert_eq!(seen["message"], r#"{"id":7}"#);
    assert_eq!(seen["userId"], "cron");

    layer.hub().broadcast(&news("after"));
    for client in [&mut bob, &mut cleo] {
        assert_eq!(text(client).await, "after");
    }
}

#[tokio::test]
async fn a_report_says_how_many_were_selected() {
    let layer = WebConnectionSocketLayer::new(config());
    let server = serve_app(&layer, Visits::default().app());
    let refused = Raw::post(BROADCAST, MESSAGE).ask(&server).await;
    assert_eq!(
        refused.body,
        r#"{"matched":0,"queued":0,"dropped":0,"forwarded":false}"#
    );
    let _sockets = (join(&server, "a", &[]).await, join(&server, "b", &[]).await);
    for (recipients, matched) in [
        (json!([]), 2),
        (json!([{"type": "group", "value": ""}]), 2),
        (json!([{"type": "user", "value": "a"}]), 1),
        (json!([{"type": "user", "value": "A"}]), 0),
        (
            json!([{"type": "user", "value": "a"}, {"type": "all", "value": ""}]),
            2,
        ),
    ] {
        let message = json!({"action": "news", "recipients": recipients});
        let answer = Raw::post(BROADCAST, &message.to_string())
            .ask(&server)
            .await;
        let report: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let expected =
            json!({"matched": matched, "queued": matched, "dropped": 0, "forwarded": false});
        assert_eq!(report, expected, "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn broadcasts_are_taken_until_closing_begins() {
    let layer = WebConnectionSocketLayer::new(config()).on_web_socket(|_: Socket| pending::<()>());
    let server = serve_app(&layer, Visits::default().app());
    let mut busy = join(&server, "ann", &[]).await;
    busy.send(&news("a message that keeps the application busy"))
        .await
        .unwrap();
    let hub = layer.hub();
    let started = hub.clone();
    until("the dispatch runs", move || {
        started.stats().dispatches_running == 1
    })
    .await;
    let closing = hub.clone();
    let shutdown = spawn(async move { closing.shutdown(Duration::from_secs(10)).await });
    until("shutdown began", || hub.is_shutting_down()).await;

    assert_eq!(post(BROADCAST).ask(&server).await.status, 200);
    assert_eq!(text(&mut busy).await, "hello");

    // Half of the time is for what is under way.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let answer = post(BROADCAST).ask(&server).await;
    assert_eq!((answer.status, &*answer.code()), (503, "shutting_down"));
    let seconds = answer.header("retry-after").and_then(|it| it.parse().ok());
    assert!(
        seconds.is_some_and(|it: u64| (1..=5).contains(&it)),
        "{seconds:?}"
    );
    soon("the end of the shutdown", shutdown).await.unwrap();
    assert_eq!(post(BROADCAST).ask(&server).await.status, 503);
}
