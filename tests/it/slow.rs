//! Peers that do not read, do not answer or are not there any more, and the healthy ones beside
//! them.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Semaphore, mpsc},
    time::{Instant, sleep, timeout},
};
use web_connection_socket::{
    CloseReason, Config, Socket, WebConnectionSocketLayer, config::Overflow, testing::Client,
};

use crate::support::{
    config, join, news, serve, soon, spawn, text, until,
    wire::{self, Wire, masked, masked_text},
};

const KIB: usize = 1024;

#[tokio::test(start_paused = true)]
async fn a_reader_that_stopped_is_closed_when_its_queue_is_full_and_others_lose_nothing() {
    let (layer, mut ends) = with_ends(config());
    let server = serve(&layer);
    let hub = layer.hub();
    let mut stalled = Wire::open(&server, "/?userId=stalled").await;
    let mut healthy = Vec::new();
    for _ in 0..10 {
        healthy.push(join(&server, "healthy", &[]).await);
    }
    let mut dropped = 0;
    for number in 0..200 {
        let report = hub.broadcast(&news(format!("{number} {}", "x".repeat(16 * KIB))));
        assert_eq!(report.matched, report.queued + report.dropped);
        dropped += report.dropped;
        for socket in &mut healthy {
            assert!(text(socket).await.starts_with(&format!("{number} ")));
        }
        assert!(
            hub.stats().bytes_queued <= 1024 * KIB,
            "more is queued than one socket's bound"
        );
    }
    assert_eq!((dropped, hub.stats().dropped), (1, 1));
    assert_eq!(hub.len(), 10);

    // The frame that was half written is whole, then comes the reason.
    let mut received = 0;
    let reason = loop {
        let frame = stalled.frame().await.expect("a close frame before the end");
        if frame.opcode == wire::CLOSE {
            break (frame.close().0, frame.close().1.to_owned());
        }
        received += 1;
    };
    assert_eq!(reason, (1013, "slow".to_owned()));
    drop(stalled);
    let end = soon("the disconnect event", ends.recv()).await.unwrap();
    assert_eq!(
        (end.user.as_str(), end.code, end.reason.as_str()),
        ("stalled", 1013, "slow")
    );
    assert_eq!(end.undelivered, hub.stats().undelivered);
    assert!(
        received < 10 && end.undelivered > 50,
        "{received} received, {end:?}"
    );
    let stats = hub.stats();
    assert_eq!(stats.messages_out, 10 * 200 + received);
    assert_eq!(stats.bytes_queued, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_for_the_write_timeout_is_gone() {
    let (layer, mut ends) = with_ends(config());
    let server = serve(&layer);
    let hub = layer.hub();
    let mut stalled = Wire::open(&server, "/").await;
    let mut healthy = join(&server, "healthy", &[]).await;
    let begin = Instant::now();
    for _ in 0..8 {
        hub.broadcast(&news("x".repeat(16 * KIB)));
    }
    for _ in 0..8 {
        text(&mut healthy).await;
    }
    let end = soon("the disconnect event", ends.recv()).await.unwrap();
    let after = begin.elapsed();
    assert!((5..6).contains(&after.as_secs()), "closed after {after:?}");
    assert_eq!(end.reason, "slow");
    assert!(end.undelivered >= 4, "{end:?}");
    assert_eq!(hub.stats().undelivered, end.undelivered);
    assert_eq!((hub.len(), hub.stats().bytes_queued), (1, 0));
    assert!(stalled.drain().await <= 64 * KIB);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_gone_whatever_is_dropped_for_it() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
        let (layer, mut ends) = with_ends(config().max_queue_bytes(64 * KIB).overflow(overflow));
        let server = serve(&layer);
        let hub = layer.hub();
        let _stalled = Wire::open(&server, "/").await;
        let begin = Instant::now();
        let (mut queued, mut dropped) = (0, 0);
        while !hub.is_empty() {
            let report = hub.broadcast(&news("x".repeat(10 * KIB)));
            queued += report.queued as u64;
            dropped += report.dropped as u64;
            sleep(Duration::from_millis(100)).await;
        }
        let after = begin.elapsed();
        assert!((5..7).contains(&after.as_secs()), "closed after {after:?}");
        let end = soon("the disconnect event", ends.recv()).await.unwrap();
        assert_eq!((end.code, end.reason.as_str()), (1013, "slow"));
        let stats = hub.stats();
        assert_eq!(stats.undelivered, end.undelivered);
        assert_eq!(stats.messages_out + stats.undelivered, queued);
        assert_eq!(stats.dropped, dropped);
        assert_eq!(dropped > 0, overflow == Overflow::DropNewest);
        assert_eq!(stats.bytes_queued, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_single_bytes_is_gone_as_well() {
    let (layer, mut ends) = with_ends(config());
    let server = serve(&layer);
    let mut stream = Wire::open(&server, "/").await.into_inner();
    for _ in 0..3 {
        layer.hub().broadcast(&news("x".repeat(60_000)));
    }
    let end = spawn(async move { ends.recv().await });
    while !end.is_finished() {
        let mut byte = [0];
        if stream.read(&mut byte).await.unwrap() == 0 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(soon("the end", end).await.unwrap().unwrap().reason, "slow");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_stalled_readers_stay_within_the_hubs_bound() {
    let config = config()
        .max_hub_queue_bytes(4 * KIB * KIB)
        .max_queue_bytes(KIB * KIB);
    let layer = WebConnectionSocketLayer::new(config).relay();
    let server = serve(&layer);
    let mut stalled = Vec::new();
    for _ in 0..100 {
        stalled.push(Wire::open(&server, "/").await);
    }
    let frame = 32 * KIB;
    for _ in 0..100 {
        layer.hub().broadcast(&news("x".repeat(frame)));
        tokio::task::yield_now().await;
        // Each socket's queue takes one frame whatever the others hold.
        let bound = 4 * KIB * KIB + 100 * (frame + 100);
        assert!(layer.hub().stats().bytes_queued <= bound);
    }
    assert!(layer.hub().is_empty());
    sleep(Duration::from_secs(6)).await;
    assert_eq!(layer.hub().stats().bytes_queued, 0);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanished_is_gone_within_ping_and_pong() {
    let (layer, mut ends) = with_ends(config());
    let server = serve(&layer);
    let mut hole = Wire::open(&server, "/").await;
    let begin = Instant::now();
    let end = soon("the disconnect event", ends.recv()).await.unwrap();
    assert!(
        (35..36).contains(&begin.elapsed().as_secs()),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(
        (end.code, end.reason.as_str()),
        (1006, "no answer to a ping")
    );
    assert!(layer.hub().is_empty());
    assert_eq!(hole.frame().await.unwrap().opcode, wire::PING);
    assert_eq!(hole.frame().await, None);
    assert!(ends.try_recv().is_err(), "a second disconnect event");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanished_is_gone_also_while_a_write_to_it_is_blocked() {
    let (layer, mut ends) = with_ends(config().write_timeout(Duration::from_secs(3_600)));
    let server = serve(&layer);
    let _hole = Wire::open(&server, "/").await;
    let begin = Instant::now();
    for _ in 0..10 {
        layer.hub().broadcast(&news("x".repeat(16 * KIB)));
    }
    let end = soon("the disconnect event", ends.recv()).await.unwrap();
    assert!(
        (35..36).contains(&begin.elapsed().as_secs()),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(end.code, 1006);
    assert!(end.undelivered > 0);
}

#[tokio::test(start_paused = true)]
async fn half_a_frame_is_cut_at_the_pong_deadline() {
    let (layer, mut ends) = with_ends(config());
    let server = serve(&layer);
    let mut wire = Wire::open(&server, "/").await;
    let frame = masked_text(r#"{"message":"never whole, however long it takes to say it"}"#);
    let begin = Instant::now();
    let end = spawn(async move { ends.recv().await });
    // One byte a second does not move the deadline.
    for byte in frame {
        if end.is_finished() {
            break;
        }
        wire.send(&[byte]).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(soon("the end", end).await.unwrap().unwrap().code, 1006);
    let after = begin.elapsed();
    assert!((35..37).contains(&after.as_secs()), "cut after {after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_healthy_idle_peer_lives_on() {
    let (layer, mut ends) = with_ends(config());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let silence = timeout(Duration::from_secs(3_600), ann.receive()).await;
    assert!(silence.is_err(), "{silence:?}");
    layer.hub().broadcast(&news("awake"));
    assert_eq!(text(&mut ann).await, "awake");
    assert!(ends.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_ignores_our_close_is_gone_in_time() {
    for reads in [true, false] {
        let (layer, mut ends) = with_ends(config());
        let server = serve(&layer);
        let hub = layer.hub();
        let mut wire = Wire::open(&server, "/").await;
        if !reads {
            for _ in 0..10 {
                hub.broadcast(&news("x".repeat(16 * KIB)));
            }
        }
        let begin = Instant::now();
        hub.close(hub.sockets()[0], &CloseReason::new(4000, "away with you"));
        if reads {
            assert_eq!(wire.frame().await.unwrap().close().0, 4000);
        }
        let end = soon("the disconnect event", ends.recv()).await.unwrap();
        let after = begin.elapsed();
        assert!(
            (5..6).contains(&after.as_secs()),
            "reads: {reads}, gone after {after:?}"
        );
        assert_eq!((end.code, end.reason.as_str()), (4000, "away with you"));
        assert_eq!(hub.stats().sockets, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_of_a_minute_does_not_cost_a_healthy_socket() {
    let config = config().dispatch_timeout(Duration::from_secs(120));
    let layer = WebConnectionSocketLayer::new(config).on_web_socket(|socket: Socket| async move {
        sleep(Duration::from_secs(60)).await;
        socket.reply(socket.message())
    });
    let server = serve(&layer);
    // With one message in hand the socket is read on; with a second one parked it is not, and no
    // pong can be seen; the third waits in the peer's pipe.
    for messages in 1..=3 {
        let mut ann = join(&server, "ann", &[]).await;
        for number in 0..messages {
            ann.send(&news(number.to_string())).await.unwrap();
        }
        for number in 0..messages {
            let begin = Instant::now();
            let reply = timeout(Duration::from_secs(61), ann.receive()).await;
            let reply = reply.expect("a reply in time").expect("an open socket");
            assert_eq!(reply.message, number.to_string());
            assert!(begin.elapsed() >= Duration::from_secs(59));
        }
        // It is still pinged, and still there.
        sleep_reading(&mut ann, Duration::from_secs(300)).await;
        assert_eq!(layer.hub().len(), messages);
        spawn(async move { ann.closed().await });
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanishes_while_we_do_not_read_is_still_noticed() {
    let (events, mut ends) = mpsc::channel(8);
    let layer = WebConnectionSocketLayer::new(config().dispatch_timeout(Duration::from_secs(600)))
        .on_web_socket(|_| sleep(Duration::from_secs(300)))
        .on_disconnect(move |_| {
            let events = events.clone();
            async move { events.send(Instant::now()).await.unwrap() }
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for _ in 0..2 {
        ann.send(&news("x")).await.unwrap();
    }
    let begin = Instant::now();
    until("the first is dispatched", || {
        layer.hub().stats().dispatches_running == 1
    })
    .await;
    drop(ann);
    // A ping that cannot be written tells; what was sent before is still handled.
    until("its socket is gone", || layer.hub().is_empty()).await;
    assert!(
        begin.elapsed() <= Duration::from_secs(26),
        "{:?}",
        begin.elapsed()
    );
    let end = timeout(Duration::from_secs(700), ends.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((end - begin).as_secs() / 10, 60);
    assert_eq!(layer.hub().stats().messages_in, 2);
}

#[tokio::test(start_paused = true)]
async fn back_pressure_reaches_the_peer_after_one_parked_message() {
    let (release, mut released) = mpsc::channel::<()>(1);
    let gate = Arc::new(Semaphore::new(0));
    let opener = gate.clone();
    let layer = WebConnectionSocketLayer::new(config().dispatch_timeout(Duration::from_secs(600)))
        .on_web_socket(move |socket: Socket| {
            let gate = gate.clone();
            async move {
                gate.acquire().await.expect("an open gate").forget();
                socket.reply(&socket.create_message().text("done"))
            }
        });
    let server = serve(&layer);
    let mut wire = Wire::open(&server, "/").await;

    // One is with the application; control frames behind it are served.
    let message = masked_text(&format!(r#"{{"message":"{}"}}"#, "x".repeat(10_000)));
    wire.send(&message).await;
    wire.send(&masked(true, wire::PING, b"still there?")).await;
    assert_eq!(wire.frame().await.unwrap().payload, b"still there?");

    // One is parked; then the pipe fills and the peer has to wait.
    wire.send(&message).await;
    wire.send(&masked(true, wire::PING, b"unheard")).await;
    let (mut reader, mut writer) = tokio::io::split(wire.into_inner());
    let flood = message.repeat(20);
    let writing = spawn(async move {
        writer.write_all(&flood).await.unwrap();
        release.send(()).await.unwrap();
        writer
    });
    assert!(
        timeout(Duration::from_secs(20), released.recv())
            .await
            .is_err()
    );
    assert_eq!(layer.hub().stats().messages_in, 1);
    assert_eq!(layer.hub().stats().dispatches_running, 1);

    opener.add_permits(22);
    let _writer = soon("the rest is read", writing).await.unwrap();
    let mut received = Vec::new();
    let done = br#"{"action":"","message":"done""#;
    let count = |bytes: &[u8]| {
        bytes
            .windows(done.len())
            .filter(|part| part == done)
            .count()
    };
    while count(&received) < 22 {
        let reading = reader.read_buf(&mut received);
        assert_ne!(soon("a reply", reading).await.unwrap(), 0);
    }
    assert!(
        received.windows(7).any(|part| part == b"unheard"),
        "the ping was heard then"
    );
}

/// What a disconnect event tells.
#[derive(Debug)]
struct End {
    user: String,
    code: u16,
    reason: String,
    undelivered: u64,
}

/// A relaying layer that reports each socket's end.
fn with_ends(config: Config) -> (WebConnectionSocketLayer, mpsc::Receiver<End>) {
    #[derive(serde::Deserialize)]
    struct Told {
        code: u16,
        reason: String,
        undelivered: u64,
    }
    let (ends, receiver) = mpsc::channel(256);
    let layer = WebConnectionSocketLayer::new(config).relay();
    let layer = layer.on_disconnect(move |socket: Socket| {
        let ends = ends.clone();
        async move {
            let told: Told = socket.message().parse_json().expect("an end in JSON");
            let end = End {
                user: socket.user().to_string(),
                code: told.code,
                reason: told.reason,
                undelivered: told.undelivered,
            };
            ends.send(end).await.expect("a test that listens");
        }
    });
    (layer, receiver)
}

/// Waits as a healthy client does: it reads, and so answers pings.
async fn sleep_reading(client: &mut Client, time: Duration) {
    let end = timeout(time, client.receive()).await;
    assert!(end.is_err(), "a healthy socket ended: {end:?}");
}
