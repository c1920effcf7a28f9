//! The decoder against single cases of RFC 6455 §§5–8.

use bytes::Bytes;

use crate::frame::{Decoder, Event, Violation};

pub(super) const LIMIT: usize = 64 * 1024;

pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;
pub(super) const FIN: u8 = 0x80;

/// A masked frame as a client sends it.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        medium @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((medium as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(KEY);
    bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k));
    bytes
}

pub(super) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

pub(super) fn text(content: impl AsRef<[u8]>) -> Event {
    Event::Text(Bytes::copy_from_slice(content.as_ref()))
}

impl Decoder {
    /// Everything that the chunks give, and the violation that ends them, if one does.
    pub(super) fn drain<'a>(
        &mut self,
        chunks: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<Event>, Option<Violation>) {
        let mut events = Vec::new();
        for mut chunk in chunks {
            loop {
                match self.decode(&mut chunk) {
                    Ok(Some(event)) => events.push(event),
                    Ok(None) => break,
                    Err(violation) => return (events, Some(violation)),
                }
            }
            assert!(chunk.is_empty(), "input is left without an event");
        }
        (events, None)
    }
}

pub(super) fn decode_all(bytes: &[u8]) -> (Vec<Event>, Option<Violation>) {
    Decoder::new(LIMIT).drain([bytes])
}

/// The close code that answers `bytes`, which complete no event first.
fn refusal(bytes: &[u8]) -> Option<u16> {
    let (events, violation) = decode_all(bytes);
    assert_eq!(events, []);
    violation.map(|violation| violation.close_reason().code())
}

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
fn a_message_holds_no_more_memory_than_it_needs() {
    for length in [5, 4_000, 5_000, 9_000, LIMIT] {
        let payload = vec![7; length];
        let (first, last) = payload.split_at(length / 3);
        let fragments = [frame(BINARY, first), frame(FIN | CONTINUATION, last)].concat();
        for bytes in [frame(FIN | BINARY, &payload), fragments] {
            let (mut events, _) = decode_all(&bytes);
            let Some(Event::Binary(binary)) = events.pop() else {
                panic!("no message of {length} bytes");
            };
            let capacity = Vec::from(binary).capacity();
            assert!(capacity <= length + 32, "{capacity} for {length} bytes");
        }
    }
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
fn a_limit_of_32_mib_is_reached_and_not_exceeded() {
    const LARGE: usize = 32 * 1024 * 1024;
    let bytes = frame(FIN | BINARY, &vec![7; LARGE]);
    let mut decoder = Decoder::new(LARGE);
    let (events, violation) = decoder.drain(bytes.chunks(16 * 1024));
    assert_eq!(violation, None);
    assert!(matches!(&events[..], [Event::Binary(binary)] if binary.len() == LARGE));

    let header = &frame(FIN | BINARY, &vec![7; LARGE + 1])[..14];
    assert_eq!(
        Decoder::new(LARGE).drain([header]).1,
        Some(Violation::TooBig)
    );
}

#[test]
fn a_declared_length_beyond_the_limit_fails_at_the_header() {
    let mut header = vec![FIN | BINARY, 0x80 | 127];
    header.extend((1_u64 << 62).to_be_bytes());
    header.extend([1, 2, 3, 4]);
    let mut decoder = Decoder::new(LIMIT);
    assert_eq!(decoder.drain([&header[..13]]), (vec![], None));
    assert_eq!(decoder.drain([&header[13..]]).1, Some(Violation::TooBig));
    assert!(decoder.holds_nothing());
}

#[test]
fn the_limit_holds_over_all_fragments_and_at_the_header() {
    let first = frame(TEXT, &[b'x'; LIMIT - 1]);
    let mut decoder = Decoder::new(LIMIT);
    let last = frame(FIN | CONTINUATION, b"y");
    let (events, violation) = decoder.drain([&first[..], &last[..]]);
    assert_eq!((events.len(), violation), (1, None));

    let header = &frame(FIN | CONTINUATION, b"yz")[..6];
    assert_eq!(
        decoder.drain([&first[..], header]),
        (vec![], Some(Violation::TooBig))
    );
}

#[test]
fn control_frames_are_served_under_the_smallest_limit() {
    let bytes = frame(FIN | PING, &[1; 125]);
    let (events, violation) = Decoder::new(0).drain([&bytes[..]]);
    assert_eq!(events, [Event::Ping(Bytes::from(vec![1; 125]))]);
    assert_eq!(violation, None);
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

#[test]
fn a_million_empty_fragments_end_in_one_message() {
    let mut decoder = Decoder::new(LIMIT);
    let empty = frame(CONTINUATION, b"");
    decoder.drain([&frame(TEXT, b"a")[..]]);
    for _ in 0..1_000_000 {
        assert_eq!(decoder.decode(&mut &empty[..]), Ok(None));
    }
    let (events, _) = decoder.drain([&frame(FIN | CONTINUATION, b"b")[..]]);
    assert_eq!(events, [text("ab")]);
    assert_eq!(decoder.frames(), 1_000_002);
    assert!(decoder.is_idle());
}

#[test]
fn fragments_of_one_byte_reach_the_limit_and_no_further() {
    let mut decoder = Decoder::new(LIMIT);
    let byte = frame(CONTINUATION, b"x");
    decoder.drain([&frame(BINARY, b"x")[..]]);
    for _ in 1..LIMIT {
        assert_eq!(decoder.decode(&mut &byte[..]), Ok(None));
    }
    assert_eq!(decoder.decode(&mut &byte[..]), Err(Violation::TooBig));
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 56, "{}", size_of::<Decoder>());
}

#[test]
fn a_message_takes_memory_as_it_arrives() {
    const LARGE: usize = 1 << 20;
    let bytes = frame(FIN | BINARY, &vec![7; LARGE]);
    let mut decoder = Decoder::new(LARGE);
    let mut arrived = 0;
    for chunk in bytes.chunks(10_000) {
        arrived += chunk.len();
        let (events, violation) = decoder.drain([chunk]);
        assert_eq!(violation, None);
        let capacity = decoder.capacity();
        assert!(
            capacity <= LARGE.min(2 * arrived),
            "{capacity} at {arrived}"
        );
        assert_eq!(events.len(), usize::from(arrived == bytes.len()));
    }
}

#[test]
fn after_a_message_that_is_too_long_the_close_is_found() {
    let long = frame(FIN | BINARY, &[7; LIMIT + 1]);
    let more = [frame(TEXT, b"a"), frame(FIN | PING, b"b"), frame(0x3, b"c")].concat();
    let bytes = [long, more, close(1009, b"so be it")].concat();
    for size in [1, 5, 16 * 1024, bytes.len()] {
        let mut decoder = Decoder::new(LIMIT);
        let (mut is_refused, mut closed_at) = (false, None);
        for (index, mut chunk) in bytes.chunks(size).enumerate() {
            is_refused = is_refused || decoder.decode(&mut chunk).is_err();
            if is_refused && decoder.skip_to_close(&mut chunk) {
                closed_at = Some(index);
            }
        }
        assert_eq!(
            closed_at,
            Some((bytes.len() - 1) / size),
            "in pieces of {size}"
        );
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
