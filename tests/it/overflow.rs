//! What a reader that is too slow loses, as the policy says, and that no other socket loses anything.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpStream;
use web_connection_socket::{
    Config, Recipient, Socket, Stats, WebConnectionSocketLayer, config::Overflow,
};

use crate::support::{
    config, join, news, news_to, serve, spawn,
    tcp::{Running, listen, open, open_narrow},
    text, until,
    wire::{CLOSE, TEXT, Wire, masked_text},
};

const KIB: usize = 1024;
const MESSAGES: usize = 500;
const HEALTHY: usize = 5;

#[tokio::test]
async fn by_default_a_slow_reader_is_closed() {
    let seen = stall_beside_healthy_readers(Overflow::Close).await;
    assert_eq!(seen.end, End::Closed(1013, "slow".to_owned()));
    assert_eq!(seen.dropped, 1);
    assert!(seen.numbers.iter().copied().eq(0..seen.numbers.len()));
    let lost = seen.queued - seen.numbers.len();
    assert_eq!(seen.stats.undelivered, lost as u64);
    assert!(lost > 0);
}

#[tokio::test]
async fn drop_newest_keeps_all_up_to_the_gap() {
    let seen = stall_beside_healthy_readers(Overflow::DropNewest).await;
    assert_eq!(seen.end, End::Told);
    assert!(seen.numbers.iter().copied().eq(0..seen.numbers.len()));
    assert_eq!(seen.dropped, MESSAGES - seen.numbers.len());
    // Room for the reply was made by one that had been queued.
    assert!(seen.dropped > 0);
    assert!(seen.stats.undelivered <= 1);
    assert_eq!(
        seen.queued,
        seen.numbers.len() + seen.stats.undelivered as usize
    );
    assert_eq!(seen.replies, 1);
}

#[tokio::test]
async fn drop_oldest_keeps_the_newest() {
    let seen = stall_beside_healthy_readers(Overflow::DropOldest).await;
    assert_eq!(seen.end, End::Told);
    assert_eq!((seen.queued, seen.dropped), (MESSAGES, 0));
    let lost = MESSAGES - seen.numbers.len();
    assert!(lost > 0);
    assert_eq!(seen.stats.undelivered, lost as u64);
    assert_eq!(seen.numbers.last(), Some(&(MESSAGES - 1)));
    let gaps: Vec<_> = (seen
        .numbers
        .windows(2)
        .filter(|pair| pair[0] + 1 != pair[1]))
    .collect();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0][1] - gaps[0][0] - 1, lost);
    assert_eq!(seen.replies, 1);
}

#[tokio::test(start_paused = true)]
async fn a_quick_reader_does_not_pay_for_slow_ones() {
    for overflow in [Overflow::Close, Overflow::DropNewest, Overflow::DropOldest] {
        let config = config()
            .max_queue_bytes(KIB * KIB)
            .max_hub_queue_bytes(2 * KIB * KIB)
            .overflow(overflow);
        let layer = WebConnectionSocketLayer::new(config).relay();
        let server = serve(&layer);
        let hub = layer.hub();
        let mut stalled = Vec::new();
        for _ in 0..20 {
            stalled.push(Wire::open(&server, "/?groupId=news").await);
        }
        let mut quick = join(&server, "quick", &["news"]).await;
        for round in 0..100 {
            // The later ones find the earlier ones in the queue.
            for part in 0..3 {
                let text = format!("{round} {part} {}", "x".repeat(10 * KIB));
                hub.broadcast(&news_to(text, [Recipient::group("news")]));
                assert!(hub.stats().bytes_queued <= (2 * KIB + 21 * 11) * KIB);
            }
            for part in 0..3 {
                assert!(
                    text(&mut quick)
                        .await
                        .starts_with(&format!("{round} {part} "))
                );
            }
        }
        let slow_ones_stay = overflow != Overflow::Close;
        assert_eq!(hub.len() > 10, slow_ones_stay, "{overflow:?}");
        assert_eq!(hub.sockets_of("quick").len(), 1);
    }
}

/// What a reader saw that read nothing while others were told all.
struct Seen {
    numbers: Vec<usize>,
    replies: usize,
    end: End,
    /// By what the reports said about it.
    queued: usize,
    dropped: usize,
    stats: Stats,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Told,
    Closed(u16, String),
}

async fn stall_beside_healthy_readers(overflow: Overflow) -> Seen {
    let config = Config::new()
        .max_queue_bytes(256 * KIB)
        .write_timeout(Duration::from_secs(600))
        .overflow(overflow);
    let layer = WebConnectionSocketLayer::new(config)
        .on_web_socket(|socket: Socket| async move { socket.reply(socket.message()) });
    let hub = layer.hub();
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer, Router::new());
    let mut stalled = open_narrow(address, "/").await;
    let mut healthy = Vec::new();
    for _ in 0..HEALTHY {
        healthy.push(open(address, "/").await);
    }
    until("all are active", || hub.len() == HEALTHY + 1).await;

    let padding = "-".repeat(30 * KIB);
    let (mut queued, mut dropped) = (0, 0);
    for number in 0..MESSAGES {
        let report = hub.broadcast(&news(format!("{number} {padding}")));
        assert_eq!(report.matched, report.queued + report.dropped);
        // Sockets that keep up are never refused anything.
        queued += report.queued - HEALTHY;
        dropped += report.dropped;
        for wire in &mut healthy {
            assert_eq!(number_of(&wire.text().await), Some(number));
        }
        let own = hub.stats().bytes_queued;
        assert!(own <= 288 * KIB, "{own} bytes wait for one socket");
    }
    let asks = overflow != Overflow::Close;
    if asks {
        stalled
            .send(&masked_text(r#"{"message":"still there?"}"#))
            .await;
        until("its question is answered", || {
            let stats = hub.stats();
            stats.messages_in == 1 && stats.dispatches_running == 0
        })
        .await;
    }
    let reading = spawn(read(stalled));
    until("all is written", || hub.stats().bytes_queued == 0).await;
    hub.broadcast(&news("end"));
    let (numbers, replies, end) = reading.await.expect("no panic");
    for wire in &mut healthy {
        assert_eq!(number_of(&wire.text().await), None);
    }
    drop(healthy);
    server.stop().await;
    Seen {
        numbers,
        replies,
        end,
        queued,
        dropped,
        stats: hub.stats(),
    }
}

async fn read(mut wire: Wire<TcpStream>) -> (Vec<usize>, usize, End) {
    let (mut numbers, mut replies) = (Vec::new(), 0);
    loop {
        let frame = wire.frame().await.expect("an open connection");
        match frame.opcode {
            TEXT if frame.text().contains("still there?") => replies += 1,
            TEXT => match number_of(frame.text()) {
                Some(number) => numbers.push(number),
                None => return (numbers, replies, End::Told),
            },
            CLOSE => {
                let (code, reason) = frame.close();
                return (numbers, replies, End::Closed(code, reason.to_owned()));
            }
            _ => {}
        }
    }
}

/// The number of a message; none of the last one.
fn number_of(json: &str) -> Option<usize> {
    let message: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let text = message["message"].as_str().expect("a text");
    text.split(' ').next().and_then(|word| word.parse().ok())
}
