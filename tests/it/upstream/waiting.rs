//! Messages that wait for an upstream that is being restarted.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Response, StatusCode, header::RETRY_AFTER};
use tokio::time::{Instant, sleep};
use web_connection_socket::{
    Config, Handshake, Identity, Rejection, Socket, WebConnectionSocketLayer,
};

use super::{Done, in_memory, nothing, say};
use crate::support::{
    config, error_of, frame, http::WEB_SOCKET, join, news, raw::Raw, serve, spawn, text,
};

const SECOND: Duration = Duration::from_secs(1);

/// An upstream that is down until it is told to be up, and the order in which it was asked then.
fn switched() -> (
    web_connection_socket::Upstream,
    Arc<AtomicBool>,
    Arc<Mutex<Vec<String>>>,
) {
    let is_up = Arc::new(AtomicBool::new(false));
    let order = Arc::new(Mutex::new(Vec::new()));
    let (up, asked) = (is_up.clone(), order.clone());
    let upstream = in_memory(move |request| {
        if !up.load(Relaxed) {
            return Done::NotSent;
        }
        let user = &request.headers()["websocket-user-id"];
        asked
            .lock()
            .expect("a value")
            .push(user.to_str().expect("a value").to_owned());
        say("heard")
    });
    (upstream, is_up, order)
}

#[tokio::test(start_paused = true)]
async fn messages_wait_and_are_sent_in_their_order_once_it_is_back() {
    let (upstream, is_up, order) = switched();
    let config = Config::new().max_dispatches(2);
    let layer = WebConnectionSocketLayer::new(config)
        .upstream(upstream)
        .on_action("local", async |socket: Socket| {
            socket.reply(&news("at once"))
        });
    let server = serve(&layer);
    let mut clients = Vec::new();
    let mut expected = Vec::new();
    for number in 0..50 {
        let user = format!("user{number}");
        let mut client = join(&server, &user, &[]).await;
        client.send(&news("x")).await.unwrap();
        clients.push(client);
        expected.push(user);
        sleep(SECOND / 100).await;
    }
    // What waits holds no place for dispatches.
    assert_eq!(layer.hub().stats().dispatches_running, 0);
    let mut other = join(&server, "other", &[]).await;
    let mut local = news("x");
    local.action = "local".into();
    other.send(&local).await.unwrap();
    assert_eq!(text(&mut other).await, "at once");

    sleep(5 * SECOND).await;
    is_up.store(true, Relaxed);
    for client in &mut clients {
        assert_eq!(text(client).await, "heard");
    }
    // The one that found it up came first, whichever it was.
    let order = order.lock().unwrap().clone();
    expected.retain(|user| *user != order[0]);
    assert_eq!(order[1..], expected);
    assert_eq!(layer.hub().stats().dispatches_failed, 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_is_unavailable_and_one_at_a_time_tries() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let upstream = in_memory(move |_| {
        counted.fetch_add(1, Relaxed);
        Done::NotSent
    });
    let layer = WebConnectionSocketLayer::new(config()).upstream(upstream.hold(8 * SECOND));
    let server = serve(&layer);
    let mut clients = Vec::new();
    for number in 0..20 {
        let mut client = join(&server, &number.to_string(), &[]).await;
        client.send(&news("x")).await.unwrap();
        clients.push(client);
    }
    let asked = Instant::now();
    for client in &mut clients {
        let frame = frame(client).await;
        assert_eq!(frame["error"]["code"], "unavailable");
        assert_eq!(frame["error"]["retry_after"], 3);
    }
    assert!(
        (7..=9).contains(&asked.elapsed().as_secs()),
        "{:?}",
        asked.elapsed()
    );
    let tries = tries.load(Relaxed);
    assert!((6..40).contains(&tries), "{tries}");
    assert_eq!(layer.hub().stats().dispatches_failed, 20);

    let posted = Raw::post(WEB_SOCKET, r#"{"action":"x"}"#)
        .ask(&server)
        .await;
    assert_eq!(posted.status, 503);
    assert_eq!(posted.headers["retry-after"], "3");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_time_of_a_dispatch_where_that_is_shorter() {
    let config = Config::new().dispatch_timeout(2 * SECOND);
    let upstream = in_memory(|_| Done::NotSent).hold(60 * SECOND);
    let layer = WebConnectionSocketLayer::new(config).upstream(upstream);
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let asked = Instant::now();
    ann.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("unavailable".to_owned(), 503));
    assert!(asked.elapsed() < 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn more_than_sixty_four_mebibytes_do_not_wait() {
    const MIB: usize = 1024 * 1024;

    let config = Config::new().max_message_size(20 * MIB);
    let upstream = in_memory(|_| Done::NotSent).hold(5 * SECOND);
    let layer = WebConnectionSocketLayer::new(config).upstream(upstream);
    let server = serve(&layer);
    let mut clients = Vec::new();
    let asked = Instant::now();
    for number in 0..4 {
        let server = server.clone().peer(([203, 0, 113, number], 1).into());
        let mut client = join(&server, &number.to_string(), &[]).await;
        client.send(&news("x".repeat(18 * MIB))).await.unwrap();
        clients.push(client);
    }
    let last = clients.last_mut().unwrap();
    assert_eq!(error_of(last).await, ("unavailable".to_owned(), 503));
    assert!(asked.elapsed() < 4 * SECOND, "at once");
    let first = clients.first_mut().unwrap();
    assert_eq!(error_of(first).await, ("unavailable".to_owned(), 503));
    assert!(asked.elapsed() >= 4 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_asks_for_a_later_try_is_followed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let upstream = in_memory(move |request| {
        let retry_after = match request.headers()["websocket-user-id"].to_str().unwrap() {
            "soon" if counted.fetch_add(1, Relaxed) < 2 => "2",
            "late" => "3600",
            _ => return say("heard"),
        };
        let answer = Response::builder()
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .header(RETRY_AFTER, retry_after);
        Done::Answer(answer.body("later".into()).unwrap())
    });
    let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream);
    let server = serve(&layer);
    let mut soon = join(&server, "soon", &[]).await;
    let mut late = join(&server, "late", &[]).await;
    let mut other = join(&server, "other", &[]).await;
    let begun = Instant::now();
    soon.send(&news("x")).await.unwrap();
    late.send(&news("x")).await.unwrap();
    let refused = frame(&mut late).await;
    assert_eq!(refused["error"]["code"], "unavailable");
    assert_eq!(refused["error"]["retry_after"], 3_600);
    other.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut other).await, "heard");
    assert!(begun.elapsed() < SECOND, "it concerns no other message");
    assert_eq!(text(&mut soon).await, "heard");
    assert!(
        (4..6).contains(&begun.elapsed().as_secs()),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_unknown_and_only_idempotent_messages_are_sent_again() {
    for (is_idempotent, losses, code, sent) in [
        (false, 1, Some("unknown_outcome"), 1),
        (true, 1, None, 2),
        (true, 2, Some("unknown_outcome"), 2),
    ] {
        let ids = Arc::new(Mutex::new(Vec::new()));
        let seen = ids.clone();
        let upstream = in_memory(move |request| {
            let mut ids = seen.lock().unwrap();
            ids.push(request.headers()["websocket-message-id"].clone());
            if ids.len() <= losses {
                Done::Lost
            } else {
                say("heard")
            }
        });
        let upstream = if is_idempotent {
            upstream.idempotent()
        } else {
            upstream
        };
        let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream);
        let server = serve(&layer);
        let mut ann = join(&server, "ann", &[]).await;
        ann.send(&news("x")).await.unwrap();
        match code {
            Some(code) => assert_eq!(error_of(&mut ann).await, (code.to_owned(), 409)),
            None => assert_eq!(text(&mut ann).await, "heard"),
        }
        let ids = ids.lock().unwrap();
        assert_eq!(ids.len(), sent);
        assert!(ids.iter().all(|id| *id == ids[0]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_became_another_user_is_told_so() {
    let (upstream, is_up, order) = switched();
    let layer = WebConnectionSocketLayer::new(Config::new())
        .upstream(upstream)
        .identify(async |handshake: Handshake| {
            let user = handshake.query("userId").unwrap_or_default().into_owned();
            Ok::<_, Rejection>(Identity::user(user).group("old"))
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    ann.send(&news("x")).await.unwrap();
    bob.send(&news("x")).await.unwrap();
    sleep(SECOND).await;
    let hub = layer.hub();
    hub.reidentify(hub.sockets_of("ann")[0], Identity::user("eve"))
        .unwrap();
    hub.reidentify(hub.sockets_of("bob")[0], Identity::user("bob").group("new"))
        .unwrap();
    is_up.store(true, Relaxed);
    assert_eq!(error_of(&mut ann).await, ("refused".to_owned(), 403));
    assert_eq!(text(&mut bob).await, "heard");
    assert_eq!(*order.lock().unwrap(), ["bob"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_senders_identity_has_expired_is_not_sent() {
    let (upstream, is_up, order) = switched();
    let layer = WebConnectionSocketLayer::new(Config::new())
        .upstream(upstream)
        .identify(async |_: Handshake| {
            Ok::<_, Rejection>(Identity::user("ann").expires_in(2 * SECOND))
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    sleep(3 * SECOND).await;
    is_up.store(true, Relaxed);
    sleep(20 * SECOND).await;
    assert_eq!(order.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_what_waits() {
    let (upstream, is_up, order) = switched();
    let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream);
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    sleep(SECOND).await;
    let hub = layer.hub();
    let shutting = spawn(async move { hub.shutdown(30 * SECOND).await });
    sleep(3 * SECOND).await;
    is_up.store(true, Relaxed);
    assert_eq!(text(&mut ann).await, "heard");
    assert_eq!(order.lock().unwrap().len(), 1);
    drop(ann);
    shutting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_waited_longest_for_its_turn_is_not_answered_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let upstream = in_memory(move |_| {
        if counted.fetch_add(1, Relaxed) == 0 {
            Done::NotSent
        } else {
            nothing()
        }
    });
    let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream);
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for _ in 0..3 {
        ann.send(&news("x")).await.unwrap();
    }
    sleep(5 * SECOND).await;
    assert_eq!(asked.load(Relaxed), 4, "one in vain");
}

/// A refusal for now with this time to wait.
fn later(retry_after: &'static str) -> Done {
    let answer = Response::builder()
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .header(RETRY_AFTER, retry_after);
    Done::Answer(answer.body("later".into()).expect("a response"))
}

#[tokio::test(start_paused = true)]
async fn a_time_beyond_all_clocks_costs_no_socket() {
    let tries = AtomicUsize::new(0);
    let upstream = in_memory(move |request| {
        if request.headers()["websocket-user-id"] == "ann" {
            return later("18446744073709551615");
        }
        match tries.fetch_add(1, Relaxed) {
            0 => Done::NotSent,
            1 => later("1"),
            _ => say("heard"),
        }
    });
    for hold in [15 * SECOND, Duration::MAX] {
        let upstream = upstream
            .clone()
            .hold(hold)
            .header_timeout(Duration::MAX)
            .total_timeout(Duration::MAX);
        let config = config().dispatch_timeout(60 * SECOND);
        let layer = WebConnectionSocketLayer::new(config).upstream(upstream);
        let server = serve(&layer);
        let mut ann = join(&server, "ann", &[]).await;
        let mut bob = join(&server, "bob", &[]).await;
        for _ in 0..2 {
            ann.send(&news("x")).await.unwrap();
            let frame = frame(&mut ann).await;
            assert_eq!(frame["error"]["code"], "unavailable");
            assert_eq!(frame["error"]["retry_after"], 86_400);
        }
        bob.send(&news("x")).await.unwrap();
        assert_eq!(text(&mut bob).await, "heard");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_asks_for_no_delay_is_not_asked_in_a_loop() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let upstream = in_memory(move |_| {
        counted.fetch_add(1, Relaxed);
        later("0")
    });
    let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream);
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("unavailable".to_owned(), 503));
    let asked = asked.load(Relaxed);
    assert!((5..15).contains(&asked), "{asked}");
    assert_eq!(layer.hub().stats().dispatches_failed, 1);
}

/// That the repetition was not sent does not say that the message was not handled.
#[tokio::test(start_paused = true)]
async fn a_repetition_that_is_not_sent_leaves_the_outcome_unknown() {
    for then in [|| Done::NotSent, || later("3600")] {
        let tries = AtomicUsize::new(0);
        let upstream = in_memory(move |_| match tries.fetch_add(1, Relaxed) {
            0 => Done::Lost,
            _ => then(),
        });
        let layer = WebConnectionSocketLayer::new(Config::new()).upstream(upstream.idempotent());
        let server = serve(&layer);
        let mut ann = join(&server, "ann", &[]).await;
        ann.send(&news("x")).await.unwrap();
        assert_eq!(
            error_of(&mut ann).await,
            ("unknown_outcome".to_owned(), 409)
        );
        assert_eq!(layer.hub().stats().dispatches_failed, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_does_not_go_to_a_group_that_its_sender_did_not_name() {
    let (upstream, is_up, order) = switched();
    let layer = WebConnectionSocketLayer::new(Config::new())
        .upstream(upstream)
        .identify(async |_: Handshake| {
            Ok::<_, Rejection>(Identity::user("ann").group("all").group("board"))
        });
    let server = serve(&layer);
    let mut left = join(&server, "ann", &[]).await;
    let to_board = news("x").from_group("board");
    left.send(&to_board).await.unwrap();
    sleep(SECOND).await;
    let hub = layer.hub();
    assert!(hub.leave(hub.sockets()[0], "board"));
    let mut stayed = join(&server, "ann", &[]).await;
    stayed.send(&to_board).await.unwrap();
    is_up.store(true, Relaxed);
    assert_eq!(error_of(&mut left).await, ("refused".to_owned(), 403));
    assert_eq!(text(&mut stayed).await, "heard");
    assert_eq!(order.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_sends_is_checked_when_the_turn_comes() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let upstream = in_memory(move |request| {
        let user = request.headers()["websocket-user-id"].to_str().unwrap();
        seen.lock().unwrap().push(user.to_owned());
        Done::Late(10 * SECOND)
    });
    let layer = WebConnectionSocketLayer::new(Config::new())
        .upstream(upstream.max_concurrency(1))
        .identify(async |handshake: Handshake| {
            let user = handshake.query("userId").unwrap_or_default().into_owned();
            Ok::<_, Rejection>(Identity::user(user))
        });
    let server = serve(&layer);
    let mut bob = join(&server, "bob", &[]).await;
    let mut ann = join(&server, "ann", &[]).await;
    bob.send(&news("x")).await.unwrap();
    sleep(SECOND).await;
    ann.send(&news("x")).await.unwrap();
    sleep(SECOND).await;
    let hub = layer.hub();
    hub.reidentify(
        hub.sockets_of("ann")[0],
        Identity::user("eve").group("eves"),
    )
    .unwrap();
    assert_eq!(error_of(&mut ann).await, ("refused".to_owned(), 403));
    assert_eq!(*asked.lock().unwrap(), ["bob"]);
}
