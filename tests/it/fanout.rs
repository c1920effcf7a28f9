//! What flushers write to TCP sockets: all of it, once, in order, whichever of them is slow.

use std::sync::Arc;

use axum::Router;
use tokio::{
    net::TcpStream,
    task::{JoinHandle, spawn_blocking},
};
use web_connection_socket::{Config, Hub, Recipient, WebConnectionSocketLayer};

use crate::support::{
    news, news_to, spawn,
    tcp::{Running, listen, open, open_narrow},
    until,
    wire::{CLOSE, TEXT, Wire},
};

const SOCKETS: usize = 18;
const GROUPS: usize = 3;
const PUBLISHERS: usize = 3;
const MESSAGES: usize = 1_200;

/// Sockets that read nothing until all is published.
const SLOW: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_publisher_is_heard_in_order_by_quick_and_slow_readers() {
    let config = Config::new()
        .max_queue_bytes(64 << 20)
        .max_hub_queue_bytes(1 << 30)
        .write_timeout(std::time::Duration::from_secs(600));
    let layer = WebConnectionSocketLayer::new(config).relay();
    let hub = layer.hub();
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer, Router::new());
    let mut slow = Vec::new();
    let mut readers = Vec::new();
    for number in 0..SOCKETS {
        let path = format!("/?userId=u{number}&groupId=g{}", number % GROUPS);
        if number < SLOW {
            slow.push(open_narrow(address, &path).await);
        } else {
            readers.push(read_to_end(number, open(address, &path).await));
        }
    }

    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| publish(hub.clone(), publisher))
        .collect();
    for publisher in publishers {
        publisher.await.expect("no panic");
    }
    assert!(
        hub.stats().bytes_queued > 0,
        "the slow ones hold nothing up"
    );
    assert_eq!(hub.broadcast(&news("end")).queued, SOCKETS);
    let slow = slow.into_iter().enumerate();
    readers.extend(slow.map(|(number, wire)| read_to_end(number, wire)));

    let mut wires = Vec::new();
    for reader in readers {
        wires.push(reader.await.expect("no panic"));
    }
    until("all is written", || hub.stats().bytes_queued == 0).await;
    assert_eq!(hub.stats().undelivered, 0);

    // Those that were slow are as quick as the others now.
    for round in 0..20 {
        assert_eq!(hub.broadcast(&news(round.to_string())).queued, SOCKETS);
    }
    for wire in &mut wires {
        for round in 0..20 {
            assert_eq!(said(&wire.text().await), round.to_string());
        }
    }
    drop(wires);
    server.stop().await;
}

#[tokio::test]
async fn a_burst_beyond_every_queue_closes_sockets_and_accounts_for_each_message() {
    let layer = WebConnectionSocketLayer::new(Config::new()).relay();
    let hub = layer.hub();
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer, Router::new());
    let mut wires = Vec::new();
    for _ in 0..5 {
        wires.push(open(address, "/").await);
    }
    until("the sockets are with their flusher", || hub.len() == 5).await;

    // Nothing else runs on this thread meanwhile, so no client reads.
    let text = "x".repeat(60_000);
    let (mut queued, mut dropped) = (0, 0);
    for _ in 0..600 {
        let report = hub.broadcast(&news(&*text));
        assert_eq!(report.matched, report.queued + report.dropped);
        queued += report.queued;
        dropped += report.dropped;
    }
    assert_eq!(dropped, 5);
    assert!(hub.is_empty());
    let mut seen = 0;
    for wire in &mut wires {
        loop {
            let frame = wire.frame().await.expect("a close frame");
            match frame.opcode {
                TEXT => seen += 1,
                CLOSE => break assert_eq!(frame.close().0, 1013),
                other => panic!("operation code {other}"),
            }
        }
    }
    drop(wires);
    server.stop().await;
    let stats = hub.stats();
    assert_eq!(stats.messages_out, seen);
    assert_eq!(stats.undelivered + seen, queued as u64);
    assert_eq!(stats.bytes_queued, 0);
}

#[tokio::test]
async fn a_burst_beyond_a_queue_costs_nothing_that_the_kernel_takes() {
    let config = Config::new()
        .max_queue_bytes(16 * 1024)
        .max_hub_queue_bytes(64 * 1024);
    let layer = WebConnectionSocketLayer::new(config).relay();
    let hub = layer.hub();
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer, Router::new());
    let mut wires = Vec::new();
    for _ in 0..5 {
        wires.push(open(address, "/?groupId=g").await);
    }
    until("the sockets are with their flusher", || hub.len() == 5).await;

    // No flusher has a turn to write meanwhile.
    for number in 0..100 {
        let text = format!("{number} {}", "x".repeat(600));
        let recipient = (number % 7 == 0).then(|| Recipient::group("g"));
        let report = hub.broadcast(&news_to(text, recipient));
        assert_eq!((report.queued, report.dropped), (5, 0));
    }
    for wire in &mut wires {
        for number in 0..100 {
            assert!(said(&wire.text().await).starts_with(&format!("{number} ")));
        }
    }
    drop(wires);
    server.stop().await;
    assert_eq!(hub.stats().undelivered, 0);
}

/// Publishes numbered messages from a thread of its own, for all, a group or a user in turn.
fn publish(hub: Arc<Hub>, publisher: usize) -> JoinHandle<()> {
    spawn_blocking(move || {
        let padding = "-".repeat(3_000);
        for number in 0..MESSAGES {
            let text = format!("{publisher} {number} {padding}");
            hub.broadcast(&news_to(text, recipient(number)));
        }
    })
}

fn recipient(number: usize) -> Option<Recipient> {
    match number % 5 {
        0 => Some(Recipient::group(format!("g{}", number % GROUPS))),
        1 => Some(Recipient::user(format!("u{}", number % SOCKETS))),
        _ => None,
    }
}

fn is_for(number: usize, socket: usize) -> bool {
    match number % 5 {
        0 => number % GROUPS == socket % GROUPS,
        1 => number % SOCKETS == socket,
        _ => true,
    }
}

/// Reads until the end is said and checks that nothing was lost, doubled or reordered.
fn read_to_end(socket: usize, mut wire: Wire<TcpStream>) -> JoinHandle<Wire<TcpStream>> {
    spawn(async move {
        let mut heard = vec![Vec::new(); PUBLISHERS];
        loop {
            let text = said(&wire.text().await);
            if text == "end" {
                break;
            }
            let mut words = text.split(' ').map(|word| word.parse::<usize>());
            let (Some(Ok(publisher)), Some(Ok(number))) = (words.next(), words.next()) else {
                panic!("{text}");
            };
            heard[publisher].push(number);
        }
        let expected: Vec<_> = (0..MESSAGES)
            .filter(|&number| is_for(number, socket))
            .collect();
        for numbers in heard {
            assert_eq!(numbers, expected, "at socket {socket}");
        }
        wire
    })
}

fn said(json: &str) -> String {
    let message: serde_json::Value = serde_json::from_str(json).expect("JSON");
    message["message"].as_str().expect("a text").to_owned()
}
