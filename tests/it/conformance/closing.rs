//! Closing: codes, reasons, and the end of the connection.

use std::time::Duration;

use axum::Router;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{BAD_UTF8, FIN, MAX, echo, echoing, expect, refused};
use crate::support::{
    serve, soon,
    tcp::{Running, listen, open},
    wire::{BINARY, CLOSE, PING, PONG, TEXT, Wire, close_payload, masked, masked_text},
};

/// RFC 6455 §5.5.1.
#[tokio::test]
async fn a_close_is_answered_with_its_code_and_nothing_follows() {
    let codes = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
    ];
    for code in codes.into_iter().chain([3000, 3999, 4000, 4999]) {
        for reason in ["", "goodbye", &"é".repeat(61)] {
            let payload = close_payload(code, reason);
            let (_server, mut wire) = echoing().await;
            let close = masked(true, CLOSE, &payload);
            let more = [
                masked(true, PING, b"late"),
                masked_text("late"),
                close.clone(),
            ]
            .concat();
            wire.send(&[close, more].concat()).await;
            let frame = wire.frame().await.unwrap();
            assert_eq!(frame.close(), (code, reason));
            assert_eq!(wire.frame().await, None);
        }
    }
    let (_server, mut wire) = echoing().await;
    wire.send(&masked(true, CLOSE, b"")).await;
    expect(&mut wire, CLOSE, b"").await;
    assert_eq!(wire.frame().await, None);
}

/// RFC 6455 §5.5.1.
#[tokio::test]
async fn what_was_answered_before_a_close_leaves_before_it() {
    let (_server, mut wire) = echoing().await;
    let sent = [
        masked_text("first"),
        masked(true, PING, b"then"),
        masked(true, CLOSE, &close_payload(1000, "")),
    ];
    wire.send(&sent.concat()).await;
    let frames = [wire.frame().await.unwrap(), wire.frame().await.unwrap()];
    assert!(
        frames
            .iter()
            .any(|frame| frame.opcode == TEXT && frame.payload == b"first")
    );
    assert!(
        frames
            .iter()
            .any(|frame| frame.opcode == PONG && frame.payload == b"then")
    );
    assert_eq!(wire.closed().await.0, 1000);
}

/// RFC 6455 §7.4.
#[tokio::test]
async fn close_payloads_that_may_not_be_are_1002_and_1007() {
    let server = serve(&echo());
    refused(&server, &masked(true, CLOSE, b"\x03"), 1002, "one byte").await;
    let codes = [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ];
    for code in codes {
        for reason in ["", "why"] {
            refused(
                &server,
                &masked(true, CLOSE, &close_payload(code, reason)),
                1002,
                reason,
            )
            .await;
        }
    }
    for reason in BAD_UTF8 {
        let payload = [&[3, 232], *reason].concat();
        refused(&server, &masked(true, CLOSE, &payload), 1007, "the reason").await;
    }
}

/// RFC 6455 §7.1.
#[tokio::test]
async fn over_tcp_the_code_comes_and_then_the_end_without_a_reset() {
    let (listener, address) = listen().await;
    let server = Running::start(listener, echo(), Router::new());
    let long = vec![b'x'; 1024 * 1024];
    for (what, bytes, code) in [
        ("a reserved opcode", masked(true, 0x3, b"x"), 1002),
        ("reserved bits", masked(true, 0x70 | TEXT, b"x"), 1002),
        ("no mask", b"\x81\x01x".to_vec(), 1002),
        (
            "a bad close",
            masked(true, CLOSE, &close_payload(1005, "")),
            1002,
        ),
        ("bad UTF-8", masked(true, TEXT, b"\xff"), 1007),
        ("a bad reason", masked(true, CLOSE, b"\x03\xe8\xff"), 1007),
        (
            "a good close",
            masked(true, CLOSE, &close_payload(3333, "x")),
            3333,
        ),
        ("too long", masked(true, BINARY, &vec![0; MAX + 1]), 1009),
    ] {
        let mut wire = open(address, "/").await;
        wire.send(&masked_text("before")).await;
        expect(&mut wire, TEXT, b"before").await;
        wire.send(&bytes).await;
        // A server that does not read this resets the connection, and the code may be lost.
        wire.send(&long).await;
        assert_eq!(closed_in_order(wire).await, code, "{what}");
    }
    server.stop().await;
}

/// A proxy resets a client that is still sending when our half of the stream ends.
#[tokio::test(start_paused = true)]
async fn our_half_ends_when_a_client_that_sent_too_much_has_answered() {
    let (_server, mut wire) = echoing().await;
    let long = masked(true, BINARY, &[0; MAX + 1]);
    let (sent_first, rest) = long.split_at(1_000);
    wire.send(sent_first).await;
    assert_eq!(wire.frame().await.unwrap().close().0, 1009);
    let begin = Instant::now();
    let early = timeout(Duration::from_secs(2), wire.frame()).await;
    assert!(early.is_err(), "{early:?}");
    wire.send(rest).await;
    wire.send(&masked_text("one more")).await;
    wire.send(&masked(true, CLOSE, &close_payload(1009, "")))
        .await;
    assert_eq!(wire.frame().await, None);
    assert_eq!(begin.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn our_half_ends_in_time_when_the_answer_does_not_come() {
    for bytes in [
        masked(true, BINARY, &[0; MAX + 1]),
        [&[FIN | BINARY, 0xff, 0x40][..], &[0; 11]].concat(),
    ] {
        let (_server, mut wire) = echoing().await;
        wire.send(&bytes).await;
        assert_eq!(wire.frame().await.unwrap().close().0, 1009);
        let begin = Instant::now();
        assert_eq!(wire.frame().await, None);
        assert_eq!(begin.elapsed(), Duration::from_millis(2_500));
    }
}

/// Reads the close frame and the end, which must not be a reset; gives the code.
async fn closed_in_order(mut wire: Wire<TcpStream>) -> u16 {
    let frame = wire.frame().await.expect("a close frame");
    let code = frame.close().0;
    let answer = masked(true, CLOSE, &frame.payload);
    // A server that has done with the connection hears no answer.
    let _gone = wire.try_send(&answer).await;
    let mut stream = wire.into_inner();
    let end = soon("the end", stream.read(&mut [0; 16])).await;
    assert_eq!(end.expect("no reset"), 0, "something came after the close");
    code
}
