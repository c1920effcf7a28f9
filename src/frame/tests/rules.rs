//! Frames that break a rule, and the close code that answers them.

use super::client::{
    BINARY, CLOSE, CONTINUATION, FIN, LIMIT, PING, PONG, TEXT, close, decode_all, frame,
};
use crate::frame::{Decoder, Violation};

/// The close code that answers `bytes`, which complete no event first.
fn refusal(bytes: &[u8]) -> Option<u16> {
    let (events, violation) = decode_all(bytes);
    assert_eq!(events, []);
    violation.map(|violation| violation.close_reason().code())
}

#[test]
fn frames_that_rfc_6455_forbids_are_protocol_errors() {
    for (what, bytes) in [
        ("unmasked", vec![FIN | TEXT, 2, b'h', b'i']),
        ("rsv1", frame(FIN | 0x40 | TEXT, b"hi")),
        ("rsv2", frame(FIN | 0x20 | TEXT, b"hi")),
        ("rsv3 on a ping", frame(FIN | 0x10 | PING, b"")),
        ("reserved data opcode 3", frame(FIN | 0x3, b"")),
        ("reserved data opcode 7", frame(FIN | 0x7, b"hi")),
        ("reserved control opcode 11", frame(FIN | 0xb, b"")),
        ("reserved control opcode 15", frame(FIN | 0xf, b"hi")),
        ("fragmented ping", frame(PING, b"hi")),
        ("fragmented close", frame(CLOSE, b"")),
        ("long ping", frame(FIN | PING, &[0; 126])),
        (
            "ping longer than the limit",
            frame(FIN | PING, &[0; LIMIT + 1]),
        ),
        ("continuation of nothing", frame(FIN | CONTINUATION, b"hi")),
        ("fragment of nothing", frame(CONTINUATION, b"hi")),
        (
            "message in a message",
            [frame(TEXT, b"a"), frame(FIN | TEXT, b"b")].concat(),
        ),
        (
            "start in a message",
            [frame(TEXT, b"a"), frame(BINARY, b"b")].concat(),
        ),
        ("continuation after the end", {
            let end = frame(FIN | CONTINUATION, b"");
            [frame(FIN | PONG, b""), end].concat()
        }),
        ("close of one byte", frame(FIN | CLOSE, &[3])),
        (
            "16-bit length of 5",
            vec![FIN | TEXT, 0xfe, 0, 5, 1, 2, 3, 4],
        ),
        (
            "64-bit length of 5",
            vec![FIN | TEXT, 0xff, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4],
        ),
        (
            "length of 2^63",
            vec![FIN | TEXT, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        ),
    ] {
        let violation = decode_all(&bytes).1;
        assert_eq!(
            violation.map(|violation| violation.close_reason().code()),
            Some(1002),
            "{what}"
        );
    }
}

#[test]
fn a_reserved_opcode_fails_before_its_payload() {
    assert_eq!(refusal(&frame(FIN | 0x4, &[0; 100])[..6]), Some(1002));
}

#[test]
fn close_codes_that_may_not_be_sent_are_protocol_errors() {
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        assert_eq!(refusal(&close(code, b"")), Some(1002), "{code}");
    }
}

#[test]
fn nothing_is_read_after_a_close_or_a_violation() {
    let more = frame(FIN | TEXT, b"more");
    for ending in [close(1000, b"bye"), frame(FIN | 0x3, b"")] {
        let mut decoder = Decoder::new(LIMIT);
        decoder.drain([&frame(TEXT, b"half a message")[..], &ending[..]]);
        assert_eq!(decoder.drain([&more[..], &more[..]]), (vec![], None));
        assert!(decoder.holds_nothing());
    }
}

#[test]
fn bad_utf8_is_refused_wherever_it_stands() {
    for (what, bytes) in [
        ("one frame", frame(FIN | TEXT, b"caf\xe9")),
        ("cut short", frame(FIN | TEXT, b"\xe2\x82")),
        ("surrogate", frame(FIN | TEXT, b"\xed\xa0\x80")),
        ("overlong", frame(FIN | TEXT, b"\xc0\xaf")),
        ("close reason", close(1000, b"\xff")),
        ("first fragment", frame(TEXT, b"\xff")),
        (
            "split",
            [frame(TEXT, b"\xe2\x82"), frame(CONTINUATION, b"\x28")].concat(),
        ),
        ("cut after fragments", {
            let end = frame(FIN | CONTINUATION, b"");
            [frame(TEXT, b"ok \xe2\x82"), end].concat()
        }),
    ] {
        assert_eq!(refusal(&bytes), Some(1007), "{what}");
    }
}

#[test]
fn bad_utf8_is_refused_before_the_rest_of_the_frame() {
    for (valid, next) in [
        (&b"\xce\xba\xe1\xbd\xb9"[..], b'\xff'),
        (b"\xf4", b'\x90'),
        (b"\xed", b'\xa0'),
        (b"\xe0", b'\x80'),
        (b"\xc3", b'('),
    ] {
        let payload = [valid, &[next], b"and more"].concat();
        let bytes = frame(FIN | TEXT, &payload);
        let seen = 6 + valid.len();
        let mut decoder = Decoder::new(LIMIT);
        assert_eq!(decoder.drain([&bytes[..seen]]), (vec![], None));
        let refused = decoder.drain([&bytes[seen..=seen]]).1;
        assert_eq!(refused, Some(Violation::BadUtf8), "{payload:02x?}");
    }
}
