//! What a client may make a decoder hold, and what it holds of itself.

use bytes::Bytes;

use super::client::{BINARY, CONTINUATION, FIN, LIMIT, PING, TEXT, close, decode_all, frame, text};
use crate::frame::{Decoder, Event, Violation};

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
