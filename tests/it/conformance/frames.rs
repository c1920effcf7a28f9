//! Frames: header, mask, fragments, pings.

use axum::Router;

use super::{FIN, echo, echoing, expect, refused};
use crate::support::{
    serve,
    tcp::{Running, listen, open_with},
    wire::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, masked, masked_text},
};

/// RFC 6455 §5.2.
#[tokio::test]
async fn every_length_is_taken_in_its_shortest_form() {
    let (_server, mut wire) = echoing().await;
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 131_072] {
        let payload = "*".repeat(length);
        for opcode in [TEXT, BINARY] {
            wire.send(&masked(true, opcode, payload.as_bytes())).await;
            expect(&mut wire, opcode, payload.as_bytes()).await;
        }
    }
}

/// RFC 6455 §5.2.
#[tokio::test]
async fn a_length_in_a_longer_form_than_needed_is_1002() {
    let server = serve(&echo());
    let key = [0; 4];
    for length in [0, 1, 125] {
        let header = [&[FIN | TEXT, 0xfe, 0, length][..], &key].concat();
        refused(&server, &header, 1002, "16 bits").await;
    }
    for length in [0, 125, 126, 65_535_u64] {
        let header = [&[FIN | BINARY, 0xff], &length.to_be_bytes()[..], &key].concat();
        refused(&server, &header, 1002, "64 bits").await;
    }
}

/// RFC 6455 §5.2.
#[tokio::test(start_paused = true)]
async fn the_top_bit_of_a_length_is_0() {
    let server = serve(&echo());
    for (length, code) in [(1 << 63, 1002), (u64::MAX, 1002), (1 << 62, 1009)] {
        let header = [&[FIN | BINARY, 0xff], &length.to_be_bytes()[..], &[0; 4]].concat();
        refused(&server, &header, code, "a 64-bit length").await;
    }
}

/// RFC 6455 §5.2.
#[tokio::test]
async fn reserved_bits_are_1002() {
    let server = serve(&echo());
    for bits in (1..8).map(|bits| bits << 4) {
        for (what, opcode) in [
            ("text", TEXT),
            ("binary", BINARY),
            ("ping", PING),
            ("pong", PONG),
        ] {
            refused(&server, &masked(true, bits | opcode, b"hi"), 1002, what).await;
        }
        refused(
            &server,
            &masked(true, bits | CLOSE, &[3, 232]),
            1002,
            "close",
        )
        .await;
        let fragments = [masked(false, TEXT, b"a"), masked(true, bits, b"b")].concat();
        refused(&server, &fragments, 1002, "continuation").await;
    }
}

/// RFC 6455 §5.2.
#[tokio::test]
async fn reserved_opcodes_are_1002() {
    let server = serve(&echo());
    for opcode in (3..=7).chain(11..=15) {
        for payload in [&b""[..], b"hi"] {
            refused(&server, &masked(true, opcode, payload), 1002, "alone").await;
            refused(&server, &masked(false, opcode, payload), 1002, "unfinished").await;
            let inside = [masked(false, TEXT, b"a"), masked(true, opcode, payload)].concat();
            refused(&server, &inside, 1002, "in a message").await;
        }
    }
}

/// RFC 6455 §5.1.
#[tokio::test]
async fn a_frame_without_a_mask_is_1002() {
    let server = serve(&echo());
    for opcode in [TEXT, BINARY, PING, PONG] {
        refused(&server, &[FIN | opcode, 2, b'h', b'i'], 1002, "unmasked").await;
        refused(&server, &[FIN | opcode, 0], 1002, "unmasked and empty").await;
    }
    refused(
        &server,
        &[FIN | CLOSE, 2, 3, 232],
        1002,
        "an unmasked close",
    )
    .await;
    let second = [&masked(false, TEXT, b"a")[..], &[FIN, 1, b'b']].concat();
    refused(&server, &second, 1002, "an unmasked continuation").await;
}

/// RFC 6455 §5.3.
#[tokio::test]
async fn every_masking_key_is_taken_off() {
    let (_server, mut wire) = echoing().await;
    for key in [[0; 4], [0xff; 4], [1, 2, 3, 4], [0, 0, 0, 9]] {
        for length in 0..20 {
            let payload = vec![b'm'; length];
            let mut frame = vec![FIN | BINARY, 0x80 | length as u8];
            frame.extend(key);
            frame.extend(
                payload
                    .iter()
                    .zip(key.iter().cycle())
                    .map(|(byte, key)| byte ^ key),
            );
            // Cut so that the key has to be turned.
            let (first, rest) = frame.split_at(6 + length / 3);
            wire.send(first).await;
            tokio::task::yield_now().await;
            wire.send(rest).await;
            expect(&mut wire, BINARY, &payload).await;
        }
    }
}

/// RFC 6455 §5.4.
#[tokio::test]
async fn fragments_of_every_shape_are_one_message() {
    let (_server, mut wire) = echoing().await;
    let whole = "fragmented: grüße, κόσμε, 🦀";
    for opcode in [TEXT, BINARY] {
        for parts in [1, 2, 3, 7, whole.len()] {
            for controls in [&[][..], &[PING], &[PONG], &[PING, PONG, PING]] {
                let size = whole.len().div_ceil(parts);
                let mut sent_controls = 0_u8;
                let mut sent = masked(false, opcode, b"");
                for part in whole.as_bytes().chunks(size) {
                    for control in controls {
                        sent_controls += 1;
                        sent.extend(masked(true, *control, &[sent_controls]));
                    }
                    sent.extend(masked(false, CONTINUATION, part));
                }
                sent.extend(masked(true, CONTINUATION, b""));
                wire.send(&sent).await;
                let mut answered = 0;
                let message = loop {
                    let frame = wire.frame().await.unwrap();
                    if frame.opcode != PONG {
                        break frame;
                    }
                    assert!(frame.payload[0] > answered, "pongs keep their order");
                    answered = frame.payload[0];
                };
                assert_eq!((message.opcode, message.text()), (opcode, whole));
                let last = if controls.last() == Some(&PING) {
                    sent_controls
                } else {
                    0
                };
                assert_eq!(answered, last, "the newest ping is answered");
            }
        }
    }
}

/// RFC 6455 §5.4.
#[tokio::test]
async fn fragments_out_of_place_are_1002() {
    let server = serve(&echo());
    let start = |opcode| masked(false, opcode, b"a");
    for (what, frames) in [
        (
            "an end without a start",
            vec![masked(true, CONTINUATION, b"a")],
        ),
        (
            "a fragment without a start",
            vec![masked(false, CONTINUATION, b"a")],
        ),
        (
            "an empty end without a start",
            vec![masked(true, CONTINUATION, b"")],
        ),
        ("a text in a text", vec![start(TEXT), masked_text("b")]),
        (
            "a binary in a text",
            vec![start(TEXT), masked(true, BINARY, b"b")],
        ),
        ("a text in a binary", vec![start(BINARY), masked_text("b")]),
        ("a start in a text", vec![start(TEXT), start(TEXT)]),
        ("a start in a binary", vec![start(BINARY), start(TEXT)]),
    ] {
        refused(&server, &frames.concat(), 1002, what).await;
    }
    // The message before is whole, and so is its echo.
    for after in [
        masked(true, CONTINUATION, b"x"),
        masked(false, CONTINUATION, b"x"),
    ] {
        let message = [masked(false, TEXT, b"a"), masked(true, CONTINUATION, b"b")].concat();
        let (_server, mut wire) = echoing().await;
        wire.send(&[message, after].concat()).await;
        expect(&mut wire, TEXT, b"ab").await;
        assert_eq!(wire.closed().await.0, 1002);
    }
}

/// RFC 6455 §5.5.
#[tokio::test]
async fn control_frames_are_short_and_whole() {
    let server = serve(&echo());
    for opcode in [CLOSE, PING, PONG] {
        refused(&server, &masked(false, opcode, b""), 1002, "unfinished").await;
        refused(
            &server,
            &masked(false, opcode, &[3, 232]),
            1002,
            "unfinished",
        )
        .await;
        for length in [126, 127, 65_535, 65_536] {
            refused(
                &server,
                &masked(true, opcode, &vec![b'x'; length]),
                1002,
                "too long",
            )
            .await;
        }
    }
}

/// RFC 6455 §5.5.2.
#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let (_server, mut wire) = echoing().await;
    for length in 0..=125 {
        let payload = vec![length as u8; length];
        wire.send(&masked(true, PING, &payload)).await;
        expect(&mut wire, PONG, &payload).await;
    }
    // Ten at once are answered ten times; whatever the pieces.
    let pings: Vec<u8> = (0..10_u8).flat_map(|n| masked(true, PING, &[n])).collect();
    for size in [pings.len(), 7, 1] {
        for piece in pings.chunks(size) {
            wire.send(piece).await;
        }
        for number in 0..10 {
            expect(&mut wire, PONG, &[number]).await;
        }
    }
}

/// RFC 6455 §5.5.3.
#[tokio::test]
async fn an_unsolicited_pong_is_ignored() {
    let (_server, mut wire) = echoing().await;
    for payload in [&b""[..], b"unasked", &[0xff; 125]] {
        wire.send(&masked(true, PONG, payload)).await;
    }
    wire.send(&masked(true, PING, b"and")).await;
    expect(&mut wire, PONG, b"and").await;
    wire.send(&masked_text("on")).await;
    expect(&mut wire, TEXT, b"on").await;
}

/// RFC 6455 §5.
#[tokio::test]
async fn frames_may_come_byte_by_byte_or_with_the_handshake() {
    let (listener, address) = listen().await;
    let server = Running::start(listener, echo(), Router::new());
    let close = close_payload(1000, "bye");
    let frames = [
        masked_text("first"),
        masked(false, BINARY, b"sec"),
        masked(true, PING, b"between"),
        masked(true, CONTINUATION, b"ond"),
        masked(true, CLOSE, &close),
    ]
    .concat();
    for byte_by_byte in [false, true] {
        let first = if byte_by_byte { &[][..] } else { &frames };
        let mut wire = open_with(address, "/", first).await;
        if byte_by_byte {
            for byte in &frames {
                wire.send(&[*byte]).await;
                tokio::task::yield_now().await;
            }
        }
        let mut seen = Vec::new();
        while let Some(frame) = wire.frame().await {
            seen.push((frame.opcode, frame.payload));
        }
        let pong = seen.iter().position(|(opcode, _)| *opcode == PONG);
        assert_eq!(seen.remove(pong.expect("a pong")).1, b"between");
        let expected = [
            (TEXT, b"first".to_vec()),
            (BINARY, b"second".to_vec()),
            (CLOSE, close.clone()),
        ];
        assert_eq!(seen, expected);
    }
    server.stop().await;
}
