//! A shutdown that closes its sockets one by one, so that their clients do not return all at once.

use std::{collections::BTreeSet, time::Duration};

use http::header::RETRY_AFTER;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};
use web_connection_socket::{CloseReason, Socket, WebConnectionSocketLayer, testing::Server};

use crate::support::{config, join, news, relay, serve, soon, spawn, text, until};

const DEADLINE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn sockets_close_one_by_one_in_random_order_and_hear_what_is_said_until_then() {
    const SOCKETS: usize = 400;

    let layer = relay();
    let (server, hub) = (serve(&layer), layer.hub());
    let readers = readers(&server, SOCKETS).await;
    let begin = Instant::now();
    let shutting = spawn({
        let hub = hub.clone();
        async move { hub.shutdown(DEADLINE).await }
    });
    // 10 ms for each is 4 s.
    let mut heard = 0;
    for tenth in 0..10 {
        sleep_until(begin + Duration::from_millis(400 * tenth + 205)).await;
        let open = hub.len();
        assert_eq!(
            open,
            SOCKETS - SOCKETS / 10 * tenth as usize - SOCKETS / 20 - 1
        );
        let report = hub.broadcast(&news("still here"));
        assert_eq!((report.matched, report.queued), (open, open));
        heard += open;
    }
    let end = shutting.await.unwrap();
    assert_eq!((end.closed, end.cut), (SOCKETS, 0));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    let ends = ends(readers).await;
    let messages: usize = ends.iter().map(|end| end.heard).sum();
    assert_eq!(messages, heard);
    assert!(
        ends.iter()
            .all(|end| end.reason.to_string() == "1001 server is shutting down; retry within 4s")
    );
    // Not in the order in which they came: each half of them ends at any time.
    let early = |half: &[End]| half.iter().filter(|end| end.heard < 5).count();
    let (first, second) = ends.split_at(SOCKETS / 2);
    for half in [first, second] {
        assert!(
            (SOCKETS / 8..SOCKETS / 8 * 3).contains(&early(half)),
            "{}",
            early(half)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_spread_takes_half_of_the_deadline_at_most() {
    let layer = relay();
    let (server, hub) = (serve(&layer), layer.hub());
    let readers = readers(&server, 400).await;
    let begin = Instant::now();
    let end = hub.shutdown(Duration::from_secs(1)).await;
    assert_eq!((end.closed, end.cut), (400, 0));
    let took = begin.elapsed();
    assert!(
        took > Duration::from_millis(490) && took < Duration::from_millis(600),
        "{took:?}"
    );
    ends(readers).await;
}

#[tokio::test(start_paused = true)]
async fn options_say_how_long_sockets_close_and_clients_return() {
    for (spread, window, takes, reason) in [
        (
            3_000,
            60_000,
            2_000,
            "1001 server is shutting down; retry within 2s",
        ),
        (
            500,
            1_200,
            500,
            "1001 server is shutting down; retry within 2s",
        ),
        (0, 400, 0, "1001 server is shutting down; retry within 1s"),
        (500, 0, 500, "1001 server is shutting down"),
    ] {
        let config = config()
            .drain_spread(Duration::from_millis(spread))
            .reconnect_window(Duration::from_millis(window));
        let layer = WebConnectionSocketLayer::new(config).relay();
        let readers = readers(&serve(&layer), 200).await;
        let begin = Instant::now();
        layer.hub().shutdown(DEADLINE).await;
        let took = begin.elapsed();
        let takes = Duration::from_millis(takes);
        assert!(took <= takes + Duration::from_millis(100), "{took:?}");
        assert!(took + Duration::from_millis(100) >= takes, "{took:?}");
        for end in ends(readers).await {
            assert_eq!(end.reason.to_string(), reason);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_with_a_message_in_hand_closes_once_it_and_the_next_are_answered() {
    let layer = WebConnectionSocketLayer::new(config()).on_web_socket(async |socket: Socket| {
        sleep(Duration::from_secs(1)).await;
        socket.reply(&news(socket.text().to_owned()))
    });
    let (server, hub) = (serve(&layer), layer.hub());
    let idle = readers(&server, 100).await;
    let mut busy = join(&server, "busy", &[]).await;
    for text in ["one", "two"] {
        busy.send(&news(text)).await.unwrap();
    }
    until("it is dispatched", || hub.stats().dispatches_running == 1).await;
    let begin = Instant::now();
    let reading = spawn(async move {
        let replies = [text(&mut busy).await, text(&mut busy).await];
        (replies, busy.closed().await, begin.elapsed())
    });
    let end = hub.shutdown(Duration::from_secs(60)).await;
    assert_eq!((end.closed, end.cut), (101, 0));
    let (replies, reason, took) = reading.await.unwrap();
    assert_eq!(
        (replies, reason.code()),
        (["one".into(), "two".into()], 1001)
    );
    // Its moment came in the first second. It is closed with its last answer, not at half of the time.
    assert!(took < Duration::from_secs(3), "{took:?}");
    ends(idle).await;
}

#[tokio::test(start_paused = true)]
async fn clients_that_come_meanwhile_are_told_different_times() {
    let layer = relay();
    let (server, hub) = (serve(&layer), layer.hub());
    let readers = readers(&server, 300).await;
    let shutting = spawn(async move { hub.shutdown(DEADLINE).await });
    until("it has begun", || layer.hub().is_shutting_down()).await;
    let mut told = BTreeSet::new();
    for _ in 0..100 {
        let refused = server.connect("/").await.expect_err("a refusal");
        let refusal = refused.refusal().expect("an answer");
        let seconds = refusal.headers()[RETRY_AFTER].to_str().unwrap();
        told.insert(seconds.parse::<u64>().unwrap());
    }
    // 3 s would be the window of so few sockets.
    assert_eq!(told, (1..=5).collect());
    shutting.await.unwrap();
    ends(readers).await;
}

/// How a socket's client saw its end.
struct End {
    heard: usize,
    reason: CloseReason,
}

/// Opens sockets that read until their end.
async fn readers(server: &Server, count: usize) -> Vec<JoinHandle<End>> {
    let mut readers = Vec::new();
    for _ in 0..count {
        let mut socket = server.connect("/").await.expect("a socket");
        readers.push(spawn(async move {
            let mut heard = 0;
            let reason = loop {
                match socket.receive().await {
                    Ok(_) => heard += 1,
                    Err(end) => break end.close_reason().expect("a close frame").clone(),
                }
            };
            End { heard, reason }
        }));
    }
    readers
}

async fn ends(readers: Vec<JoinHandle<End>>) -> Vec<End> {
    let mut ends = Vec::new();
    for reader in readers {
        ends.push(soon("the end of a reader", reader).await.expect("no panic"));
    }
    ends
}
