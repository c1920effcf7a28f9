//! Raw mode: whole messages, text and binary, as they are.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Semaphore, mpsc};
use tracing::Level;
use web_connection_socket::{
    CloseReason, Config, RawMessage, Socket, SocketErrorKind, SocketMessage,
    WebConnectionSocketLayer,
};

use crate::support::{
    config, http, join, log, news, serve, soon, text, until,
    wire::{self, Wire, masked},
};

const KIB: usize = 1024;

#[tokio::test]
async fn text_and_binary_come_and_go_as_they_are() {
    let server = serve(&echo(config()));
    let mut ann = join(&server, "ann", &[]).await;
    for message in [
        RawMessage::text(""),
        RawMessage::text("no JSON: grüße 🦀"),
        RawMessage::text("{\"action\":7}"),
        RawMessage::binary(""),
        RawMessage::binary(vec![0xff, 0x00, 0xc3, 0x28]),
        RawMessage::binary(vec![7; 64 * KIB]),
    ] {
        match message.as_text() {
            Some(text) => ann.send_text(text).await.unwrap(),
            None => ann.send_binary(message.clone().into_bytes()).await.unwrap(),
        }
        assert_eq!(soon("an echo", ann.receive_raw()).await.unwrap(), message);
    }
}

#[tokio::test]
async fn fragments_come_as_one_message() {
    let server = serve(&echo(config()));
    let mut wire = Wire::open(&server, "/").await;
    for opcode in [wire::TEXT, wire::BINARY] {
        wire.send(&masked(false, opcode, "grü".as_bytes())).await;
        wire.send(&masked(false, wire::CONTINUATION, b"")).await;
        wire.send(&masked(true, wire::CONTINUATION, "ße".as_bytes()))
            .await;
        let frame = wire.frame().await.unwrap();
        assert_eq!((frame.opcode, frame.text()), (opcode, "grüße"));
    }
}

#[tokio::test]
async fn one_message_is_handled_at_a_time_and_the_sender_feels_it() {
    let gate = Arc::new(Semaphore::new(0));
    let opener = gate.clone();
    let layer = WebConnectionSocketLayer::new(config()).on_raw(move |socket: Socket, message| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.expect("an open gate").forget();
            socket.send_raw(&message)
        }
    });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for number in 0..3_u8 {
        ann.send_binary(vec![number]).await.unwrap();
    }
    // The second waits beside the first; the third is not read.
    until("the first is being handled", || {
        layer.hub().stats().dispatches_running == 1
    })
    .await;
    assert_eq!(layer.hub().stats().messages_in, 1);
    for number in 0..3_u8 {
        opener.add_permits(1);
        let echo = soon("an echo", ann.receive_raw()).await.unwrap();
        assert_eq!(echo.as_bytes(), [number]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_fails_costs_itself_and_its_sender_hears_nothing() {
    let log = log::capture();
    let config = config().dispatch_timeout(Duration::from_secs(3));
    let layer = WebConnectionSocketLayer::new(config).on_raw(async |socket: Socket, message| {
        match RawMessage::as_text(&message) {
            Some("panic") => panic!("the password is swordfish"),
            Some("hang") => std::future::pending().await,
            Some("fail") => Err("no".to_owned()),
            _ => socket.send_raw(&message).map_err(|error| error.to_string()),
        }
    });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for bad in ["panic", "hang", "fail"] {
        ann.send_text(bad).await.unwrap();
    }
    ann.send_text("good").await.unwrap();
    let echo = soon("an echo", ann.receive_raw()).await.unwrap();
    assert_eq!(echo.as_text(), Some("good"));
    let stats = layer.hub().stats();
    assert_eq!((stats.dispatches_failed, stats.messages_in), (3, 4));
    assert!(
        log.of(Level::WARN)[0].contains("TimedOut"),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn a_message_longer_than_the_queue_bound_goes_into_an_empty_queue() {
    let config = config().max_message_size(1024 * KIB).max_queue_bytes(KIB);
    let server = serve(&echo(config));
    let mut ann = join(&server, "ann", &[]).await;
    ann.send_binary(vec![7; 1024 * KIB]).await.unwrap();
    let echo = soon("an echo", ann.receive_raw()).await.unwrap();
    assert_eq!(echo.as_bytes().len(), 1024 * KIB);
}

#[tokio::test]
async fn a_full_queue_closes_the_socket_and_the_sender_is_told() {
    let (told, mut outcomes) = mpsc::channel(1);
    let layer = WebConnectionSocketLayer::new(config().max_queue_bytes(256 * KIB));
    let layer = layer.on_raw(move |socket: Socket, message: RawMessage| {
        let told = told.clone();
        async move {
            let failed = (0..100).find_map(|_| socket.send_raw(&message).err());
            told.send(failed).await.expect("a test that listens");
        }
    });
    let server = serve(&layer);
    let mut wire = Wire::open(&server, "/").await;
    wire.send(&masked(true, wire::BINARY, &[7; 8 * KIB])).await;
    let error = soon("the outcome", outcomes.recv()).await.unwrap();
    assert_eq!(error.unwrap().kind(), SocketErrorKind::QueueFull);
    let reason = loop {
        let frame = wire.frame().await.unwrap();
        if frame.opcode == wire::CLOSE {
            break frame.close().0;
        }
    };
    assert_eq!(reason, 1013);
}

#[tokio::test]
async fn raw_messages_and_broadcasts_keep_their_order() {
    let layer = WebConnectionSocketLayer::new(config()).on_raw(async |socket: Socket, message| {
        socket.send_raw(&RawMessage::text("first"))?;
        socket.broadcast(&news("second"));
        socket.reply(&news("third"))?;
        socket.send_raw(&message)?;
        socket.broadcast(&news("fifth"));
        socket.close(CloseReason::new(4000, "done"));
        assert!(socket.message().action.is_empty());
        Ok::<(), web_connection_socket::SocketError>(())
    });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send_binary("fourth").await.unwrap();
    assert_eq!(ann.receive_raw().await.unwrap().as_text(), Some("first"));
    assert_eq!(text(&mut ann).await, "second");
    assert_eq!(text(&mut ann).await, "third");
    assert_eq!(
        ann.receive_raw().await.unwrap(),
        RawMessage::binary("fourth")
    );
    assert_eq!(text(&mut ann).await, "fifth");
    assert_eq!(ann.closed().await.code(), 4000);
}

#[tokio::test]
async fn what_is_posted_still_goes_to_the_handlers_of_messages() {
    let layer = echo(config()).on_action("posted", async |socket: Socket| {
        let error = socket
            .send_raw(&RawMessage::text("to a closed socket"))
            .unwrap_err();
        assert_eq!(error.kind(), SocketErrorKind::NotConnected);
    });
    let server = serve(&layer);
    let answer = http::post(&server, http::WEB_SOCKET, r#"{"action":"posted"}"#).await;
    assert_eq!(answer.status(), 200);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&SocketMessage::new("posted")).await.unwrap();
    assert_eq!(ann.receive().await.unwrap().action, "posted");
}

/// A layer that sends back what it gets.
fn echo(config: Config) -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config)
        .on_raw(|socket: Socket, message: RawMessage| async move { socket.send_raw(&message) })
}
