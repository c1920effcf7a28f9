//! How fast a socket may send, and that it loses nothing by sending faster.

use std::time::Duration;

use axum::Router;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use web_connection_socket::{Config, Socket, WebConnectionSocketLayer};

use crate::support::{
    config, join, news, serve, soon, spawn,
    tcp::{Running, listen, open},
    text, until,
    wire::{self, Wire, close_payload, masked, masked_text},
};

/// A layer that gives each message back to its sender.
fn echo(config: Config) -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config)
        .on_web_socket(async |socket: Socket| socket.reply(socket.message()))
}

fn numbered(number: usize) -> Vec<u8> {
    masked_text(&format!(r#"{{"message":"{number}"}}"#))
}

#[tokio::test(start_paused = true)]
async fn a_socket_over_its_rate_is_slowed_down_and_loses_nothing() {
    let layer = echo(config().message_rate(10, 5));
    let server = serve(&layer);
    let mut ann = Wire::open(&server, "/").await;
    let mut bob = join(&server, "bob", &[]).await;
    let begin = Instant::now();
    let all: Vec<_> = (0..105).flat_map(numbered).collect();
    ann.send(&all).await;
    for number in 0..105 {
        let told = ann.text().await;
        assert!(told.contains(&format!(r#""message":"{number}""#)), "{told}");
        let due = Duration::from_millis(100) * (number + 1_u32).saturating_sub(5);
        let waited = begin.elapsed();
        assert!(waited >= due, "{number} came after {waited:?}");
        assert!(waited <= due + Duration::from_millis(300), "{waited:?}");
        if number == 50 {
            // Another socket has its own rate.
            let asked = Instant::now();
            bob.send(&news("x")).await.unwrap();
            text(&mut bob).await;
            assert!(asked.elapsed() < Duration::from_millis(10));
        }
    }
    assert_eq!(layer.hub().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn back_pressure_reaches_the_peer() {
    let layer = echo(config().message_rate(1, 1));
    let server = serve(&layer);
    let (_reader, mut writer) = tokio::io::split(Wire::open(&server, "/").await.into_inner());
    // 64 KiB fit into the pipe, and 16 KiB are read at once.
    let message = masked_text(&format!(r#"{{"message":"{}"}}"#, "x".repeat(1_000)));
    let mut written = 0;
    while let Ok(sent) = timeout(Duration::from_millis(1), writer.write_all(&message)).await {
        sent.unwrap();
        written += 1;
    }
    assert!((70..=90).contains(&written), "{written} messages");
    assert_eq!(layer.hub().stats().messages_in, 1);
    assert_eq!(layer.hub().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_frame_counts() {
    let server = serve(&echo(config().message_rate(1, 10)));
    let empty = masked(false, wire::CONTINUATION, b"");
    let fragments = [
        masked(false, wire::TEXT, b"{"),
        empty.repeat(28),
        masked(true, wire::CONTINUATION, b"}"),
    ];
    for (what, frames, seconds) in [
        ("messages", masked_text("{}").repeat(30), 20),
        ("fragments", fragments.concat(), 20),
        ("pings", masked(true, wire::PING, b"x").repeat(30), 20),
        ("pongs", masked(true, wire::PONG, b"x").repeat(30), 20),
        ("few", masked(true, wire::PING, b"x").repeat(9), 0),
    ] {
        let mut wire = Wire::open(&server, "/").await;
        let begin = Instant::now();
        wire.send(&frames).await;
        wire.send(&masked_text(r#"{"action":"last"}"#)).await;
        while !wire.text().await.contains("last") {}
        let waited = begin.elapsed().as_secs_f32();
        let expected = seconds as f32;
        assert!(
            (expected..expected + 1.5).contains(&waited),
            "{what}: {waited}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_held_back_owes_no_pong_and_is_not_taken_for_dead() {
    let layer = echo(config().message_rate(1, 1));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for number in 0..200 {
        ann.send(&news(number.to_string())).await.unwrap();
    }
    // Each answer takes a second; pongs wait behind the messages.
    for number in 0..200 {
        assert_eq!(text(&mut ann).await, number.to_string());
    }
    let idle = timeout(Duration::from_secs(300), ann.receive()).await;
    assert!(idle.is_err(), "{idle:?}");
    assert_eq!(layer.hub().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_dies_while_it_is_behind_is_noticed_once_its_messages_are_read() {
    let (ends, mut told) = mpsc::channel(1);
    let layer = echo(config().message_rate(1, 1)).on_disconnect(move |socket: Socket| {
        let ends = ends.clone();
        async move { ends.send(socket.message().message.clone()).await.unwrap() }
    });
    let server = serve(&layer);
    let mut silent = Wire::open(&server, "/").await;
    let begin = Instant::now();
    silent.send(&masked_text("{}").repeat(100)).await;
    let end = timeout(Duration::from_secs(1_000), told.recv()).await;
    let waited = begin.elapsed().as_secs();
    assert!(end.unwrap().unwrap().contains("no answer to a ping"));
    assert_eq!(layer.hub().stats().messages_in, 100, "nothing is lost");
    assert!((100..=100 + 25 + 10 + 1).contains(&waited), "{waited} s");
    drop(silent);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_while_its_peer_is_behind_is_noticed_by_the_next_ping() {
    let layer = echo(config().message_rate(1, 1));
    let server = serve(&layer);
    let mut ann = Wire::open(&server, "/").await;
    ann.send(&numbered(0).repeat(1_000)).await;
    until("it is behind", || layer.hub().stats().messages_in > 0).await;
    let begin = Instant::now();
    drop(ann);
    until("its socket is gone", || layer.hub().is_empty()).await;
    let waited = begin.elapsed();
    assert!(waited <= Duration::from_secs(26), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_is_behind_closes_and_shuts_down_like_any_other() {
    let layer = echo(config().message_rate(1, 1));
    let server = serve(&layer);
    let hub = layer.hub();
    let flood = async || {
        let mut wire = Wire::open(&server, "/").await;
        wire.send(&masked_text("{}").repeat(100)).await;
        wire.text().await;
        wire
    };
    let mut kicked = flood().await;
    let begin = Instant::now();
    assert_eq!(
        hub.close(hub.sockets()[0], &"4001 enough".parse().unwrap()),
        1
    );
    assert_eq!(kicked.frame().await.unwrap().close(), (4001, "enough"));
    kicked
        .send(&masked(true, wire::CLOSE, &close_payload(4001, "")))
        .await;
    assert_eq!(kicked.frame().await, None);
    let mut last = flood().await;
    let stopping = {
        let hub = hub.clone();
        spawn(async move { hub.shutdown(Duration::from_secs(10)).await })
    };
    assert_eq!(last.frame().await.unwrap().close().0, 1001);
    last.send(&masked(true, wire::CLOSE, &close_payload(1001, "")))
        .await;
    let end = soon("the end", stopping).await.unwrap();
    assert_eq!(end.cut, 0);
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn every_byte_counts_and_none_is_lost() {
    let server = serve(&echo(config().byte_rate(1_000, 2_000)));
    let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(12_000 - 22));
    let empty = masked(false, wire::CONTINUATION, b"");
    let fragments = [
        masked(false, wire::TEXT, b"{"),
        empty.repeat(2_000),
        masked(true, wire::CONTINUATION, b"}"),
    ];
    let ping = masked(true, wire::PING, &[b'x'; 114]);
    for (what, frames, bytes) in [
        ("one long message", masked_text(&long), 12_000),
        ("fragments without a byte", fragments.concat(), 12_014),
        ("pings", ping.repeat(100), 12_000),
        ("a burst", masked_text("{}").repeat(200), 1_600),
    ] {
        assert!(
            frames.len().abs_diff(bytes) <= 20,
            "{what}: {}",
            frames.len()
        );
        let mut wire = Wire::open(&server, "/").await;
        let begin = Instant::now();
        wire.send(&frames).await;
        wire.send(&masked_text(r#"{"action":"last"}"#)).await;
        while !wire.text().await.contains("last") {}
        let waited = begin.elapsed().as_secs_f32();
        let expected = bytes.saturating_sub(2_000) as f32 / 1_000.0;
        assert!(
            (expected..expected + 1.5).contains(&waited),
            "{what}: {waited}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_slower_of_two_rates_holds() {
    let server = serve(&echo(config().message_rate(1, 1).byte_rate(1_000, 1_000)));
    for (size, seconds) in [(2, 9), (2_000, 17)] {
        let mut wire = Wire::open(&server, "/").await;
        let begin = Instant::now();
        let padding = " ".repeat(size - 2);
        wire.send(&masked_text(&format!("{{{padding}}}")).repeat(10))
            .await;
        for _ in 0..10 {
            wire.text().await;
        }
        let waited = begin.elapsed().as_secs();
        assert!((seconds..=seconds + 1).contains(&waited), "{waited} s");
    }
}

/// Ten messages of 64 KiB each second are more than many a line takes.
#[tokio::test(start_paused = true)]
async fn a_visitor_within_its_rates_closes_no_reader_whose_line_takes_them() {
    const READERS: usize = 5;
    const LINE: usize = 20_000;

    for (byte_rate, expected) in [(None, 0), (Some(LINE * 9 / 10), READERS)] {
        let mut config = config()
            .message_rate(10, 10)
            .ping_interval(Duration::from_secs(600));
        if let Some(bytes) = byte_rate {
            config = config.byte_rate(u32::try_from(bytes).unwrap(), 64 * 1_024);
        }
        let layer = WebConnectionSocketLayer::new(config).relay();
        let server = serve(&layer);
        let hub = layer.hub();
        let mut tasks = Vec::new();
        for _ in 0..READERS {
            let mut line = Wire::open(&server, "/?groupId=room").await.into_inner();
            tasks.push(spawn(async move {
                let mut chunk = vec![0; LINE / 10];
                while line.read(&mut chunk).await.is_ok_and(|read| read > 0) {
                    sleep(Duration::from_millis(100)).await;
                }
            }));
        }
        let (_answers, mut visitor) = tokio::io::split(Wire::open(&server, "/").await.into_inner());
        let text = "x".repeat(60_000);
        let message =
            format!(r#"{{"message":"{text}","recipients":[{{"type":"group","value":"room"}}]}}"#);
        let message = masked_text(&message);
        let flood = async { while visitor.write_all(&message).await.is_ok() {} };
        let flood = timeout(Duration::from_secs(120), flood).await;
        assert!(flood.is_err(), "the visitor was closed");
        assert!(hub.stats().messages_in > 30, "{}", hub.stats().messages_in);
        // The visitor is one more.
        assert_eq!(hub.len() - 1, expected);
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// On the real clock, because it has to go on between two looks at it.
#[tokio::test]
async fn a_token_that_comes_back_between_two_looks_neither_reorders_nor_delays() {
    // A ping would have the socket looked at again.
    let config = config().ping_interval(Duration::from_secs(60 * 60));
    let server = serve(&echo(config.message_rate(200_000, 1)));
    let mut wire = Wire::open(&server, "/").await;
    // In many chunks, each of which ends within a message.
    let padding = " ".repeat(1_000);
    let padded = |number| masked_text(&format!(r#"{{"message":"{number}"{padding}}}"#));
    let all: Vec<_> = (0..300).flat_map(padded).collect();
    wire.send(&all).await;
    for number in 0..300 {
        let text = wire.text().await;
        assert!(text.contains(&format!(r#""message":"{number}""#)), "{text}");
    }
}

#[tokio::test]
async fn a_rate_is_kept_over_tcp() {
    const MESSAGES: usize = 60;

    let layer = echo(config().message_rate(100, 10));
    let hub = layer.hub();
    let (listener, address) = listen().await;
    let server = Running::start(listener, layer, Router::new());
    let mut wire = open(address, "/").await;
    let begin = Instant::now();
    let all: Vec<_> = (0..MESSAGES).flat_map(numbered).collect();
    wire.send(&all).await;
    for number in 0..MESSAGES {
        let text = wire.text().await;
        assert!(text.contains(&format!(r#""message":"{number}""#)), "{text}");
    }
    assert!(begin.elapsed() >= Duration::from_millis(10 * (MESSAGES as u64 - 10)));
    let stream = wire.into_inner();
    stream.set_zero_linger().unwrap();
    drop(stream);
    until("its socket is gone", || hub.is_empty()).await;
    server.stop().await;
}
