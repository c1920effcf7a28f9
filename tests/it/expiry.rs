//! Identities that end while their socket is open, and how they are renewed.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use axum::Router;
use http::StatusCode;
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, sleep},
};
use tracing::Level;
use web_connection_socket::{
    CloseReason, Config, Handshake, Hub, Identity, RawMessage, Recipient, Rejection, RejectionKind,
    Socket, SocketEvent, User, WebConnectionSocketLayer, testing::Client,
};

use crate::support::{
    config, log, news, news_to,
    raw::Raw,
    serve, soon,
    tcp::{Running, listen, open},
    text, until,
};

const MINUTE: Duration = Duration::from_secs(60);

/// How long before the end the application is asked: `Config::identify_timeout`.
const LEAD: Duration = Duration::from_secs(10);

/// A layer whose visitors are all `ann`, in the group `sales`, for a minute; no client has to answer
/// pings.
fn for_a_minute() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config().ping_interval(60 * MINUTE))
        .identify(async |_: Handshake| Ok(Identity::user("ann").group("sales").expires_in(MINUTE)))
}

/// Waits for the close and tells it, with the time that has passed since `start`.
async fn closed(client: &mut Client, start: Instant) -> (CloseReason, Duration) {
    (client.closed().await, start.elapsed())
}

/// Timers are late by some milliseconds, never early.
fn is_about(time: Duration, expected: Duration) -> bool {
    time >= expected && time < expected + Duration::from_millis(50)
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_closed_when_its_identity_ends() {
    let layer = for_a_minute();
    let server = serve(&layer);
    let start = Instant::now();
    let mut ann = server.connect("/").await.unwrap();
    let (reason, after) = closed(&mut ann, start).await;
    assert_eq!(reason, CloseReason::IDENTITY_EXPIRED);
    assert_eq!(reason.to_string(), "4401 identity expired");
    assert!(is_about(after, MINUTE), "{after:?}");
    assert!(layer.hub().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_time_of_the_clock_ends_an_identity_as_well() {
    let layer = WebConnectionSocketLayer::new(Config::new()).identify(async |_: Handshake| {
        Ok(Identity::anonymous().expires_at(SystemTime::now() + MINUTE))
    });
    let server = serve(&layer);
    let start = Instant::now();
    let mut visitor = server.connect("/").await.unwrap();
    let (reason, after) = closed(&mut visitor, start).await;
    assert_eq!(reason, CloseReason::IDENTITY_EXPIRED);
    // The clock of the machine goes on while the test's stands still.
    assert!(after > MINUTE / 2 && after < MINUTE * 2, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_before_the_end_arrives_and_nothing_else() {
    let layer = for_a_minute();
    let hub = layer.hub();
    let server = serve(&layer);
    let mut ann = server.connect("/").await.unwrap();
    sleep(MINUTE - Duration::from_millis(100)).await;
    // More than the pipe holds: most of it waits in the queue when the identity ends.
    for number in 0..20 {
        let message = news_to(
            number.to_string() + &" ".repeat(20_000),
            [Recipient::user("ann")],
        );
        assert_eq!(hub.broadcast(&message).queued, 1);
    }
    sleep(Duration::from_millis(200)).await;
    for message in [
        news("all"),
        news("").to_user("ann"),
        news("").to_group("sales"),
    ] {
        assert_eq!(hub.broadcast(&message).matched, 0);
    }
    for number in 0..20 {
        assert_eq!(text(&mut ann).await.trim(), number.to_string());
    }
    let reason = soon("the close", ann.closed()).await;
    assert_eq!(reason, CloseReason::IDENTITY_EXPIRED);
    assert_eq!(hub.stats().undelivered, 0);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_turn_comes_after_the_end_is_not_dispatched() {
    let (saw, mut seen) = mpsc::channel(8);
    let gate = Arc::new(Semaphore::new(0));
    let handler = {
        let gate = gate.clone();
        move |socket: Socket| {
            let (saw, gate) = (saw.clone(), gate.clone());
            async move {
                saw.try_send(socket.message().message.clone()).unwrap();
                gate.acquire().await.unwrap().forget();
                // It keeps the user it began with, and can say nothing to a closed socket.
                assert_eq!(socket.user(), User::Verified("ann".into()));
                assert!(socket.reply(&news("too late")).is_err());
                saw.try_send("done".to_owned()).unwrap();
            }
        }
    };
    let config = config()
        .ping_interval(60 * MINUTE)
        .dispatch_timeout(60 * MINUTE);
    let layer = WebConnectionSocketLayer::new(config)
        .identify(async |_: Handshake| Ok(Identity::user("ann").expires_in(MINUTE)))
        .on_web_socket(handler);
    let server = serve(&layer);
    for answers in [true, false] {
        let mut ann = server.connect("/").await.unwrap();
        ann.send(&news("in time")).await.unwrap();
        ann.send(&news("parked")).await.unwrap();
        assert_eq!(seen.recv().await.as_deref(), Some("in time"));
        if answers {
            assert_eq!(ann.closed().await, CloseReason::IDENTITY_EXPIRED);
        } else {
            // The connection ends first, and the identity while its last messages are dealt with.
            drop(ann);
            sleep(2 * MINUTE).await;
        }
        gate.add_permits(2);
        assert_eq!(seen.recv().await.as_deref(), Some("done"));
        until("the socket is gone", || {
            layer.hub().stats().dispatches_running == 0
        })
        .await;
        sleep(MINUTE).await;
        assert!(seen.try_recv().is_err());
        gate.forget_permits(1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_for_a_place_until_the_end_is_not_dispatched() {
    let (saw, mut seen) = mpsc::channel(8);
    let gate = Arc::new(Semaphore::new(0));
    let handler = {
        let gate = gate.clone();
        move |socket: Socket| {
            let (saw, gate) = (saw.clone(), gate.clone());
            async move {
                saw.try_send(socket.user().to_string()).unwrap();
                gate.acquire().await.unwrap().forget();
            }
        }
    };
    let config = config()
        .ping_interval(60 * MINUTE)
        .max_dispatches(1)
        .dispatch_timeout(60 * MINUTE);
    let layer = WebConnectionSocketLayer::new(config).identify(async |visit: Handshake| {
        let user = visit.query("user").unwrap_or_default();
        let identity = Identity::user(&*user);
        Ok(match &*user {
            "ann" => identity.expires_in(MINUTE),
            _ => identity,
        })
    });
    let of_raw = handler.clone();
    for layer in [
        layer.clone().on_web_socket(handler),
        layer.on_raw(move |socket, _: RawMessage| of_raw(socket)),
    ] {
        let server = serve(&layer);
        let mut bob = server.connect("/?user=bob").await.unwrap();
        bob.send(&news("long")).await.unwrap();
        assert_eq!(seen.recv().await.as_deref(), Some("bob"));
        let mut ann = server.connect("/?user=ann").await.unwrap();
        ann.send(&news("late")).await.unwrap();
        assert_eq!(ann.closed().await, CloseReason::IDENTITY_EXPIRED);
        gate.add_permits(2);
        bob.send(&news("short")).await.unwrap();
        assert_eq!(seen.recv().await.as_deref(), Some("bob"), "and not ann");
        until("all is done", || gate.available_permits() == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_not_renewed_has_no_message_dispatched_any_more() {
    let (saw, mut seen) = mpsc::channel(8);
    let gate = Arc::new(Semaphore::new(0));
    let opener = gate.clone();
    let layer = for_a_minute()
        .on_expiry(async |_: Socket| Err(Rejection::new(StatusCode::FORBIDDEN)))
        .on_web_socket(move |socket: Socket| {
            let (saw, gate) = (saw.clone(), gate.clone());
            async move {
                saw.try_send(socket.message().message.clone()).unwrap();
                gate.acquire().await.unwrap().forget();
            }
        });
    let server = serve(&layer);
    let mut ann = server.connect("/").await.unwrap();
    sleep(MINUTE - LEAD - Duration::from_secs(5)).await;
    ann.send(&news("in time")).await.unwrap();
    ann.send(&news("parked")).await.unwrap();
    assert_eq!(seen.recv().await.as_deref(), Some("in time"));
    assert_eq!(ann.closed().await, CloseReason::IDENTITY_EXPIRED);
    opener.add_permits(2);
    let stats = || layer.hub().stats();
    until("it is gone", || stats().dispatches_running == 0).await;
    sleep(MINUTE).await;
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn an_identity_that_has_ended_opens_nothing() {
    let layer = WebConnectionSocketLayer::new(Config::new()).identify(async |_: Handshake| {
        let yesterday = SystemTime::now() - 24 * 60 * MINUTE;
        Ok(Identity::user("ann").expires_at(yesterday))
    });
    let server = serve(&layer);
    for request in [
        Raw::handshake("/"),
        Raw::new("GET /__initializeSocket.wc HTTP/1.1"),
    ] {
        let answer = request.ask(&server).await;
        assert_eq!((answer.status, &*answer.code()), (401, "identity_expired"));
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer error=\"invalid_token\"")
        );
        assert!(
            answer.body.contains("Sign in and reconnect"),
            "{}",
            answer.body
        );
    }
    assert!(layer.hub().is_empty());
    assert_eq!(
        layer.hub().stats().refusals[&RejectionKind::IdentityExpired],
        2
    );
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_ends_while_its_socket_opens_lets_nothing_through() {
    let layer = WebConnectionSocketLayer::new(config().dispatch_timeout(60 * MINUTE))
        .identify(async |_: Handshake| Ok(Identity::user("ann").expires_in(MINUTE)))
        .on_connect(async |socket: Socket| {
            sleep(2 * MINUTE).await;
            socket.reply(&news("welcome")).expect("an open queue");
            Ok(())
        });
    let server = serve(&layer);
    let mut ann = server.connect("/").await.unwrap();
    let error = soon("the close", ann.receive()).await.unwrap_err();
    assert_eq!(error.close_reason(), Some(&CloseReason::IDENTITY_EXPIRED));
}

#[tokio::test(start_paused = true)]
async fn the_hook_is_asked_in_time_and_its_answer_renews() {
    let asked = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let layer = for_a_minute().on_expiry({
        let asked = asked.clone();
        move |socket: Socket| {
            let time = asked.fetch_add(1, SeqCst);
            async move {
                assert_eq!(socket.event(), SocketEvent::Expiry);
                assert_eq!(socket.message().action, "expiry");
                assert_eq!(socket.user().id().as_str(), "ann");
                let cookie = socket.handshake().unwrap().header("cookie").unwrap();
                assert_eq!(cookie, "session=7");
                let about =
                    MINUTE - LEAD + 50 * u32::try_from(time).unwrap() * Duration::from_secs(1);
                assert!(is_about(start.elapsed(), about), "{:?}", start.elapsed());
                // While it thinks the socket goes on.
                socket.reply(&news("asked")).unwrap();
                sleep(LEAD / 2).await;
                let identity = Identity::user("ann").expires_in(MINUTE - LEAD / 2);
                match time {
                    0 | 1 => Ok(identity),
                    2 => Ok(Identity::user("bob").group("board")),
                    _ => unreachable!("an identity without an end was asked about"),
                }
            }
        }
    });
    let hub = layer.hub();
    let server = serve(&layer);
    let visit = http::Request::get("/").header("cookie", "session=7");
    let mut ann = server.connect_with(visit.body(()).unwrap()).await.unwrap();
    let id = hub.sockets()[0];
    for time in 1..=3 {
        assert_eq!(ann.receive().await.unwrap().message, "asked");
        assert_eq!(asked.load(SeqCst), time);
        let to_ann = news("meanwhile").to_user("ann");
        assert_eq!(hub.broadcast(&to_ann).queued, 1);
        assert_eq!(text(&mut ann).await, "meanwhile");
    }
    sleep(30 * MINUTE).await;
    assert_eq!(asked.load(SeqCst), 3);
    assert_eq!(hub.user_of(id), Some(User::Verified("bob".into())));
    assert_eq!(hub.groups_of(id), ["board"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_identity_closes_the_socket() {
    let log = log::capture();
    for (what, reason, after, complaint) in [
        ("refuse", "4401 identity expired", MINUTE - LEAD, ""),
        ("explain", "4401 Your session is over.", MINUTE - LEAD, ""),
        ("panic", "4401 identity expired", MINUTE - LEAD, "panicked"),
        ("hang", "4401 identity expired", MINUTE, "no answer"),
        ("past", "4401 identity expired", MINUTE - LEAD, ""),
        (
            "crowd",
            "4401 identity expired",
            MINUTE - LEAD,
            "max_groups",
        ),
    ] {
        let layer = for_a_minute().on_expiry(move |_: Socket| async move {
            let refusal = Rejection::new(StatusCode::FORBIDDEN);
            match what {
                "refuse" => Err(refusal),
                "explain" => Err(refusal.detail("Your session is over.")),
                "panic" => panic!("a secret"),
                "past" => Ok(Identity::user("ann").expires_at(SystemTime::UNIX_EPOCH)),
                "crowd" => Ok((0..65).fold(Identity::user("ann"), |identity, number| {
                    identity.group(number.to_string())
                })),
                _ => pending().await,
            }
        });
        let server = serve(&layer);
        let start = Instant::now();
        let mut ann = server.connect("/").await.unwrap();
        let (seen, time) = closed(&mut ann, start).await;
        assert_eq!(seen.to_string(), reason, "{what}");
        assert!(is_about(time, after), "{what}: {time:?}");
        let lines = log.of(Level::ERROR);
        assert_eq!(
            lines.iter().any(|line| line.contains(complaint)),
            !lines.is_empty()
        );
        assert!(!log.text().contains("secret"));
        until("it is gone", || layer.hub().is_empty()).await;
    }
    assert_eq!(log.of(Level::ERROR).len(), 3, "{}", log.text());
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_not_extended_yet_is_asked_about_again() {
    let asked = Arc::new(AtomicUsize::new(0));
    let end = Instant::now() + MINUTE;
    let layer = for_a_minute().on_expiry({
        let asked = asked.clone();
        move |_: Socket| {
            // What a page does over HTTP in the last seconds.
            let is_extended = asked.fetch_add(1, SeqCst) >= 2;
            let end = end
                + if is_extended {
                    60 * MINUTE
                } else {
                    Duration::ZERO
                };
            let left = end - Instant::now();
            async move { Ok(Identity::user("ann").expires_in(left)) }
        }
    });
    let server = serve(&layer);
    let start = Instant::now();
    let mut ann = server.connect("/").await.unwrap();
    sleep(2 * MINUTE).await;
    assert_eq!(asked.load(SeqCst), 3);
    layer.hub().broadcast(&news("alive"));
    assert_eq!(text(&mut ann).await, "alive");
    let (reason, after) = closed(&mut ann, start).await;
    assert_eq!(reason, CloseReason::IDENTITY_EXPIRED);
    assert!(is_about(after, 61 * MINUTE), "{after:?}");
    // Each time after half of what is left: never without end.
    assert!(asked.load(SeqCst) < 30, "{}", asked.load(SeqCst));
}

#[tokio::test(start_paused = true)]
async fn an_identity_shorter_than_the_hooks_time_is_renewed_after_its_half() {
    let second = Duration::from_secs(1);
    let layer = WebConnectionSocketLayer::new(config())
        .identify(
            move |_: Handshake| async move { Ok(Identity::user("ann").expires_in(4 * second)) },
        )
        .on_expiry(move |socket: Socket| async move {
            socket.reply(&news("renewed")).unwrap();
            Ok(Identity::user("ann").expires_in(4 * second))
        });
    let server = serve(&layer);
    let start = Instant::now();
    let mut ann = server.connect("/").await.unwrap();
    for time in 1..=10 {
        assert_eq!(text(&mut ann).await, "renewed");
        assert!(is_about(start.elapsed(), 2 * time * second));
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_re_identified_meanwhile_is_not_asked_about_again() {
    for answer in [
        Err(Rejection::new(StatusCode::FORBIDDEN)),
        Ok(Identity::user("eve")),
    ] {
        let (say, mut said) = mpsc::channel(8);
        let layer = for_a_minute().on_expiry(move |_: Socket| {
            let (say, answer) = (say.clone(), answer.clone());
            async move {
                say.try_send("asked").unwrap();
                sleep(LEAD / 2).await;
                say.try_send("answered").unwrap();
                answer
            }
        });
        let hub = layer.hub();
        let server = serve(&layer);
        let mut ann = server.connect("/").await.unwrap();
        let id = hub.sockets()[0];
        assert_eq!(said.recv().await, Some("asked"));
        hub.reidentify(id, Identity::user("bob").expires_in(60 * MINUTE))
            .unwrap();
        sleep(LEAD).await;
        assert!(said.try_recv().is_err());
        assert_eq!(hub.user_of(id), Some(User::Verified("bob".into())));
        hub.broadcast(&news("alive").to_user("bob"));
        assert_eq!(text(&mut ann).await, "alive");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_moved_while_the_socket_is_looked_at_is_kept() {
    const SECOND: Duration = Duration::from_secs(1);

    let gate = Arc::new(Semaphore::new(0));
    let layer = for_a_minute();
    let hub = layer.hub();
    let layer = {
        let (hub, gate) = (hub.clone(), gate.clone());
        layer.on_expiry(move |socket: Socket| {
            let (hub, gate) = (hub.clone(), gate.clone());
            async move {
                gate.acquire().await.unwrap().forget();
                let bob = Identity::user("bob").expires_in(SECOND);
                hub.reidentify(socket.id().unwrap(), bob).unwrap();
                pending().await
            }
        })
    };
    let server = serve(&layer);
    let start = Instant::now();
    let mut ann = server.connect("/").await.unwrap();
    sleep(MINUTE - LEAD / 2).await;
    // The broadcast has woken its task when that goes on with the hook.
    hub.broadcast(&news("x"));
    gate.add_permits(1);
    assert_eq!(text(&mut ann).await, "x");
    let (reason, after) = closed(&mut ann, start).await;
    assert_eq!(reason, CloseReason::IDENTITY_EXPIRED);
    assert!(is_about(after, MINUTE - LEAD / 2 + SECOND), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn an_application_moves_the_end_of_an_identity() {
    let layer = for_a_minute();
    let hub: Arc<Hub> = layer.hub();
    let server = serve(&layer);
    for left in [30 * MINUTE, MINUTE / 4, Duration::ZERO] {
        let start = Instant::now();
        let mut ann = server.connect("/").await.unwrap();
        let identity = Identity::user("ann").expires_in(left);
        hub.reidentify(hub.sockets()[0], identity).unwrap();
        let (reason, after) = closed(&mut ann, start).await;
        assert_eq!(reason, CloseReason::IDENTITY_EXPIRED);
        assert!(is_about(after, left), "{after:?}");
        until("it is gone", || hub.is_empty()).await;
    }

    let ann = server.connect("/").await.unwrap();
    hub.reidentify(hub.sockets()[0], Identity::user("ann"))
        .unwrap();
    sleep(30 * MINUTE).await;
    assert_eq!(hub.len(), 1);
    drop(ann);
}

#[tokio::test]
async fn over_tcp_the_code_arrives_and_a_renewed_socket_lives() {
    let (listener, address) = listen().await;
    let short = Duration::from_millis(200);
    let renewals = Arc::new(AtomicUsize::new(0));
    let counted = renewals.clone();
    let layer = WebConnectionSocketLayer::new(Config::new())
        .identify(move |handshake: Handshake| async move {
            let user = handshake.query("user").unwrap_or_default();
            Ok(Identity::user(&*user).expires_in(short))
        })
        .on_expiry(move |socket: Socket| {
            let counted = counted.clone();
            async move {
                if socket.user().id().as_str() != "ann" {
                    return Err(Rejection::new(StatusCode::FORBIDDEN));
                }
                counted.fetch_add(1, SeqCst);
                Ok(Identity::user("ann").expires_in(short))
            }
        });
    let hub = layer.hub();
    let server = Running::start(listener, layer, Router::new());
    let mut ann = open(address, "/?user=ann").await;
    let mut bob = open(address, "/?user=bob").await;
    let reason = soon("the close", bob.closed()).await;
    assert_eq!(reason, (4401, "identity expired".to_owned()));
    until("ann was renewed", || renewals.load(SeqCst) >= 3).await;
    assert_eq!(hub.broadcast(&news("alive").to_user("ann")).queued, 1);
    assert!(ann.text().await.contains("alive"));
    drop((ann, bob));
    server.stop().await;
}
