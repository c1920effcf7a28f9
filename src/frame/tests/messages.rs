//! Frames that keep every rule, and the events that they give.

use bytes::Bytes;

use super::client::{
    BINARY, CLOSE, CONTINUATION, FIN, LIMIT, PING, PONG, TEXT, close, decode_all, frame, text,
};
use crate::frame::{Decoder, Event};

#[test]
fn whole_messages_become_events() {
    for length in [0, 1, 125, 126, 4_082, 4_096, 5_000, 65_535, 65_536] {
        let payload = "x".repeat(length);
        let mut decoder = Decoder::new(LIMIT);
        let bytes = frame(FIN | TEXT, payload.as_bytes());
        assert_eq!(decoder.drain([&bytes[..]]), (vec![text(payload)], None));
        assert!(decoder.is_idle());
        assert_eq!(decoder.frames(), 1);
    }
    assert_eq!(
        decode_all(&frame(FIN | BINARY, &[0xff, 0x00])).0,
        [Event::Binary(Bytes::from_static(&[0xff, 0x00]))]
    );
}

#[test]
fn decoding_stops_at_the_end_of_the_frame_that_completes_an_event() {
    let second = frame(FIN | TEXT, b"second");
    let bytes = [frame(FIN | TEXT, b"first"), second.clone()].concat();
    let mut decoder = Decoder::new(LIMIT);
    let mut input = &bytes[..];
    assert_eq!(decoder.decode(&mut input), Ok(Some(text("first"))));
    assert_eq!(input, second);
    assert!(decoder.is_idle());
}

#[test]
fn a_close_frame_is_handed_on_as_it_came() {
    for code in [
        1000, 1001, 1002, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999,
    ] {
        assert_eq!(
            decode_all(&close(code, "schluß".as_bytes())).0,
            [Event::Close(Some((code, "schluß".to_owned())))]
        );
    }
    assert_eq!(decode_all(&frame(FIN | CLOSE, b"")).0, [Event::Close(None)]);
}

#[test]
fn a_character_may_be_split_over_fragments() {
    let bytes: Vec<u8> = [
        frame(TEXT, b"\xf0"),
        frame(CONTINUATION, b"\x9f"),
        frame(CONTINUATION, b""),
        frame(CONTINUATION, b"\xa6"),
        frame(FIN | CONTINUATION, b"\x80"),
    ]
    .concat();
    assert_eq!(decode_all(&bytes), (vec![text("🦀")], None));
}

#[test]
fn control_frames_between_fragments_are_served_at_once() {
    let mut decoder = Decoder::new(LIMIT);
    let mut step = |bytes: Vec<u8>| decoder.drain([&bytes[..]]).0;
    assert_eq!(step(frame(TEXT, b"a")), []);
    assert_eq!(
        step(frame(FIN | PING, b"1")),
        [Event::Ping(Bytes::from_static(b"1"))]
    );
    assert_eq!(step(frame(CONTINUATION, b"b")), []);
    assert_eq!(
        step(frame(FIN | PING, b"2")),
        [Event::Ping(Bytes::from_static(b"2"))]
    );
    assert_eq!(step(frame(FIN | PONG, b"3")), [Event::Pong]);
    assert_eq!(step(frame(FIN | CONTINUATION, b"c")), [text("abc")]);
    assert_eq!(decoder.frames(), 6);
    assert!(decoder.is_idle());
}

#[test]
fn a_close_between_fragments_is_served() {
    let bytes = [frame(TEXT, b"a"), close(1001, b"")].concat();
    let closed = Event::Close(Some((1001, String::new())));
    assert_eq!(decode_all(&bytes), (vec![closed], None));
}

#[test]
fn only_complete_frames_are_counted() {
    let bytes = frame(FIN | TEXT, b"hello");
    let mut decoder = Decoder::new(LIMIT);
    for byte in &bytes[..bytes.len() - 1] {
        decoder.drain([std::slice::from_ref(byte)]);
        assert_eq!(decoder.frames(), 0);
    }
    decoder.drain([&bytes[bytes.len() - 1..]]);
    assert_eq!(decoder.frames(), 1);
}
