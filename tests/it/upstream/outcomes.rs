//! Bad days of an upstream: the sender is told, it is counted, and the others lose nothing.

use std::time::Duration;

use tokio::time::Instant;
use web_connection_socket::{Config, Socket, Upstream, WebConnectionSocketLayer};

use super::{
    Done,
    backend::{Asked, Backend, Reply, reply},
    in_memory, say, upstream,
};
use crate::support::{error_of, join, news, serve, text, until};

/// What a backend answers by the text that it gets.
fn badly(asked: &Asked) -> Reply {
    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    let raw = |text: String| Reply::Last(text.into_bytes());
    match &*asked.text() {
        "well" => reply("well"),
        "no answer" => Reply::Last(Vec::new()),
        "silence" => Reply::Silence,
        "garbage" => raw("\u{1}\u{2}\u{3} this is not HTTP\r\n\r\n".into()),
        "another protocol" => raw("SSH-2.0-OpenSSH_9.2\r\n".into()),
        "half a head" => raw("HTTP/1.1 200 OK\r\nContent-Ty".into()),
        "half a body" => raw(format!("{OK}Content-Length: 100\r\n\r\n{{\"action\"")),
        "a bad chunk" => raw(format!(
            "{OK}Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n"
        )),
        "a large body" => raw(format!(
            "{OK}Content-Length: 10000000\r\n\r\n{}",
            "x".repeat(10_000_000)
        )),
        "an endless head" => raw(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(10_000_000))),
        "many headers" => raw(format!(
            "HTTP/1.1 200 OK\r\n{}\r\n",
            "X: y\r\n".repeat(10_000)
        )),
        "compressed" => raw(format!(
            "{OK}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{{}}"
        )),
        "a folded line" => {
            raw("HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n".into())
        }
        "two lengths" => raw(format!(
            "{OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"
        )),
        "a negative length" => raw(format!("{OK}Content-Length: -1\r\n\r\n{{}}")),
        "an upgrade" => raw(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into(),
        ),
        "a slow head" => {
            Reply::Slowly(format!("{OK}\r\n").into_bytes(), Duration::from_millis(100))
        }
        "a slow body" => {
            let head = format!("{OK}Content-Length: 1000\r\n\r\n").into_bytes();
            Reply::Slowly(head, Duration::ZERO)
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn each_bad_answer_has_its_code_and_costs_no_other_message_anything() {
    let backend = Backend::start(badly).await;
    let patient = upstream(&backend)
        .header_timeout(Duration::from_millis(300))
        .total_timeout(Duration::from_millis(600));
    let layer = WebConnectionSocketLayer::new(Config::new()).upstream(patient);
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    let mut failures = 0;
    for (how, code, status) in [
        ("no answer", "unknown_outcome", 409),
        ("silence", "timeout", 504),
        ("garbage", "unknown_outcome", 409),
        ("another protocol", "unknown_outcome", 409),
        ("half a head", "unknown_outcome", 409),
        ("half a body", "unknown_outcome", 409),
        ("a bad chunk", "unknown_outcome", 409),
        ("a large body", "failed", 500),
        ("an endless head", "unknown_outcome", 409),
        ("many headers", "unknown_outcome", 409),
        ("compressed", "failed", 500),
        ("a folded line", "unknown_outcome", 409),
        ("two lengths", "unknown_outcome", 409),
        ("a negative length", "unknown_outcome", 409),
        ("an upgrade", "failed", 500),
        ("a slow head", "timeout", 504),
        ("a slow body", "timeout", 504),
    ] {
        ann.send(&news(how)).await.unwrap();
        bob.send(&news("well")).await.unwrap();
        assert_eq!(text(&mut bob).await, "well", "{how}");
        assert_eq!(error_of(&mut ann).await, (code.to_owned(), status), "{how}");
        failures += 1;
        assert_eq!(layer.hub().stats().dispatches_failed, failures, "{how}");
        ann.send(&news("well")).await.unwrap();
        assert_eq!(text(&mut ann).await, "well", "after {how}");
    }
    let asked = backend.visits.all();
    let bad = asked.iter().filter(|asked| asked.text() != "well").count();
    assert_eq!(bad as u64, failures, "nothing was sent twice");
}

/// RFC 9112 §6.1 has the length ignored, and the connection closed after it.
#[tokio::test]
async fn an_answer_of_two_lengths_cannot_smuggle_a_second_one() {
    let smuggled = r#"{"action":"x","message":"smuggled"}"#;
    let backend = Backend::start(move |asked| match &*asked.text() {
        "both" => Reply::Bytes(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\
                 Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{smuggled}",
                smuggled.len()
            )
            .into_bytes(),
        ),
        other => reply(other),
    })
    .await;
    let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream(&backend));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for number in 0..20 {
        ann.send(&news("both")).await.unwrap();
        ann.send(&news(format!("own {number}"))).await.unwrap();
        assert_eq!(text(&mut ann).await, format!("own {number}"));
    }
}

#[tokio::test]
async fn what_a_program_posts_meets_the_same_answers() {
    use crate::support::{config, http::WEB_SOCKET, raw::Raw};

    let backend = Backend::start(badly).await;
    let layer = WebConnectionSocketLayer::new(config()).upstream(upstream(&backend));
    let server = serve(&layer);
    for (how, status) in [
        ("well", 200),
        ("no answer", 409),
        ("a large body", 500),
        ("an upgrade", 500),
    ] {
        let body = format!(r#"{{"action":"x","message":"{how}"}}"#);
        let answer = Raw::post(WEB_SOCKET, &body).ask(&server).await;
        assert_eq!(answer.status, status, "{how}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_unavailable_at_once_where_nothing_is_held() {
    let backend = Backend::down(badly).await;
    let layer = WebConnectionSocketLayer::new(Config::new())
        .upstream(upstream(&backend).hold(Duration::ZERO));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for _ in 0..3 {
        ann.send(&news("well")).await.unwrap();
        let frame = crate::support::frame(&mut ann).await;
        assert_eq!(frame["error"]["code"], "unavailable");
        assert_eq!(frame["error"]["status"], 503);
        assert_eq!(frame["error"]["retry_after"], 3);
    }
    assert_eq!(layer.hub().stats().dispatches_failed, 3);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_does_not_open_is_given_up_in_time() {
    // RFC 5737 §3: no machine has this address.
    let upstream = Upstream::new("http://192.0.2.1:8080")
        .unwrap()
        .unsigned()
        .connect_timeout(Duration::from_secs(2))
        .hold(Duration::ZERO);
    let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream);
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let asked = Instant::now();
    ann.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("unavailable".to_owned(), 503));
    assert!(
        asked.elapsed() <= Duration::from_secs(3),
        "{:?}",
        asked.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_run_than_the_upstream_has_workers() {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    let most = Arc::new(AtomicUsize::new(0));
    let seen = most.clone();
    let upstream = in_memory(move |_| {
        seen.fetch_add(1, Relaxed);
        Done::Late(Duration::from_secs(20))
    });
    let config = Config::new()
        .dispatch_timeout(Duration::from_secs(50))
        .ping_interval(Duration::from_secs(1_000));
    let layer = WebConnectionSocketLayer::new(config).upstream(upstream.max_concurrency(3));
    let server = serve(&layer);
    let mut clients = Vec::new();
    for number in 0..7 {
        let mut client = join(&server, &number.to_string(), &[]).await;
        client.send(&news("x")).await.unwrap();
        clients.push(client);
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(15)).await;
        seen.push(most.load(Relaxed));
    }
    // It gets three at 0, at 20 and at 40 seconds.
    assert_eq!(seen, [3, 6, 7, 7]);
    // The last was sent late, and has the whole time of a dispatch all the same.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(layer.hub().stats().dispatches_failed, 0);
    assert_eq!(layer.hub().stats().dispatches_running, 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_worker_takes_no_place_from_handlers() {
    let upstream = in_memory(|_| Done::Late(Duration::from_secs(20)));
    let layer = WebConnectionSocketLayer::new(Config::new().max_dispatches(2))
        .upstream(upstream.max_concurrency(1))
        .on_action("local", async |socket: Socket| {
            socket.reply(&news("at once"))
        });
    let server = serve(&layer);
    let mut clients = Vec::new();
    for number in 0..6 {
        let peer = ([203, 0, 113, number], 1).into();
        let mut client = join(&server.clone().peer(peer), "x", &[]).await;
        client.send(&news("x")).await.unwrap();
        clients.push(client);
    }
    until("all wait or run", || {
        let stats = layer.hub().stats();
        (stats.dispatches_running, stats.dispatches_waiting) == (1, 5)
    })
    .await;
    let mut ann = join(&server, "ann", &[]).await;
    let mut local = news("x");
    local.action = "local".into();
    let asked = Instant::now();
    ann.send(&local).await.unwrap();
    assert_eq!(text(&mut ann).await, "at once");
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_not_sent_in_time_is_no_riddle() {
    let upstream = in_memory(|_| Done::Never)
        .header_timeout(Duration::from_secs(100))
        .total_timeout(Duration::from_secs(100));
    let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream.max_concurrency(1));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    ann.send(&news("begun, but not sent")).await.unwrap();
    bob.send(&news("not even begun")).await.unwrap();
    for client in [&mut ann, &mut bob] {
        assert_eq!(error_of(client).await, ("overloaded".to_owned(), 503));
    }
}

#[tokio::test(start_paused = true)]
async fn one_client_does_not_take_all_workers_of_an_upstream() {
    let upstream = in_memory(|request| {
        if request.headers()["websocket-user-id"] == "hog" {
            Done::Late(Duration::from_secs(25))
        } else {
            say("done")
        }
    });
    let config = Config::new().max_sockets_per_client(1_000);
    let layer = WebConnectionSocketLayer::new(config).upstream(upstream.max_concurrency(4));
    let server = serve(&layer);
    let hogs = server.clone().peer(([203, 0, 113, 7], 1).into());
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = join(&hogs, "hog", &[]).await;
        client.send(&news("x")).await.unwrap();
        clients.push(client);
    }
    until("all are taken up", || {
        layer.hub().stats().dispatches_waiting == 18
    })
    .await;
    let mut ann = join(&server, "ann", &[]).await;
    let asked = Instant::now();
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "done");
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
}
