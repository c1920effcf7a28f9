//! What holds for every stream of frames, in whatever chunks the network delivers it, with
//! tungstenite's `WebSocket` as the oracle.

use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select},
};
use tungstenite::{
    Error, Message, WebSocket,
    protocol::{Role, WebSocketConfig},
};

use super::client::{
    BINARY, CONTINUATION, FIN, LIMIT, PING, PONG, TEXT, close, decode_all, frame, text,
};
use crate::frame::{Decoder, Event};

proptest! {
    #[test]
    fn what_was_sent_arrives_however_it_is_chunked(
        mut sent in vec(sent(), 0..8),
        ending in option::of(ending()),
        cuts in vec(any::<Index>(), 0..40),
    ) {
        sent.extend(ending);
        let bytes: Vec<u8> = sent.iter().flat_map(Sent::frames).collect();
        let mut decoder = Decoder::new(LIMIT);
        let (events, violation) = decoder.drain(chunks(&bytes, &cuts));
        prop_assert_eq!(events, sent.iter().map(Sent::event).collect::<Vec<_>>());
        prop_assert_eq!(violation, None);
        prop_assert!(decoder.is_idle());
    }

    #[test]
    fn damaged_streams_end_alike_however_they_are_chunked(
        sent in vec(sent(), 1..4),
        damage in vec((any::<Index>(), any::<u8>()), 0..4),
        cuts in vec(any::<Index>(), 0..40),
    ) {
        let mut bytes: Vec<u8> = sent.iter().flat_map(Sent::frames).collect();
        for (place, byte) in damage {
            *place.get_mut(&mut bytes) = byte;
        }
        let mut whole = Decoder::new(LIMIT);
        let mut chunked = Decoder::new(LIMIT);
        prop_assert_eq!(
            whole.drain([&bytes[..]]),
            chunked.drain(chunks(&bytes, &cuts))
        );
        prop_assert_eq!(whole.frames(), chunked.frames());
    }

    // Events only: what is wrong with a stream, tungstenite tells later, in other words or not at all.
    #[test]
    fn damaged_streams_give_the_events_that_tungstenite_reads(
        sent in vec(sent(), 1..4),
        ending in option::of(ending()),
        damage in vec((any::<Index>(), any::<u8>()), 0..3),
        cuts in vec(any::<Index>(), 0..10),
    ) {
        let mut bytes: Vec<u8> = sent.iter().chain(&ending).flat_map(Sent::frames).collect();
        for (place, byte) in damage {
            *place.get_mut(&mut bytes) = byte;
        }
        let (ours, violation) = Decoder::new(LIMIT).drain(chunks(&bytes, &cuts));
        let (theirs, fails) = read_by_tungstenite(&bytes);
        let heard = ours.len().min(theirs.len());
        prop_assert_eq!(&ours[..heard], &theirs[..heard]);
        if violation.is_none() {
            prop_assert_eq!(ours, theirs);
            prop_assert!(!fails);
        }
    }

    #[test]
    fn noise_never_panics(bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode_all(&bytes);
    }
}

/// A message or a control frame, and the places where a message is cut into fragments.
#[derive(Clone, Debug)]
enum Sent {
    Text(String, Vec<Index>),
    Binary(Vec<u8>, Vec<Index>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(u16, String),
}

impl Sent {
    fn frames(&self) -> Vec<u8> {
        match self {
            Self::Text(text, cuts) => fragments(TEXT, text.as_bytes(), cuts),
            Self::Binary(binary, cuts) => fragments(BINARY, binary, cuts),
            Self::Ping(payload) => frame(FIN | PING, payload),
            Self::Pong(payload) => frame(FIN | PONG, payload),
            Self::Close(code, reason) => close(*code, reason.as_bytes()),
        }
    }

    fn event(&self) -> Event {
        match self {
            Self::Text(content, _) => text(content),
            Self::Binary(binary, _) => Event::Binary(Bytes::copy_from_slice(binary)),
            Self::Ping(payload) => Event::Ping(Bytes::copy_from_slice(payload)),
            Self::Pong(_) => Event::Pong,
            Self::Close(code, reason) => Event::Close(Some((*code, reason.clone()))),
        }
    }
}

/// What tungstenite reads of a stream, and whether it fails.
fn read_by_tungstenite(bytes: &[u8]) -> (Vec<Event>, bool) {
    struct Input<'a>(&'a [u8]);

    impl Read for Input<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(ErrorKind::WouldBlock.into()),
                read => Ok(read),
            }
        }
    }

    impl Write for Input<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let config = WebSocketConfig::default()
        .max_frame_size(Some(LIMIT))
        .max_message_size(Some(LIMIT));
    let mut socket = WebSocket::from_raw_socket(Input(bytes), Role::Server, Some(config));
    let mut events = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => events.push(Event::Text(text.into())),
            Ok(Message::Binary(binary)) => events.push(Event::Binary(binary)),
            Ok(Message::Ping(payload)) => events.push(Event::Ping(payload)),
            Ok(Message::Pong(_)) => events.push(Event::Pong),
            Ok(Message::Close(frame)) => {
                let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                events.push(Event::Close(frame));
                return (events, false);
            }
            Ok(Message::Frame(_)) => return (events, true),
            Err(Error::Io(error)) => return (events, error.kind() != ErrorKind::WouldBlock),
            Err(_) => return (events, true),
        }
    }
}

fn fragments(opcode: u8, payload: &[u8], cuts: &[Index]) -> Vec<u8> {
    let pieces = chunks(payload, cuts);
    let last = pieces.len() - 1;
    let first_byte = |index| {
        let opcode = if index == 0 { opcode } else { CONTINUATION };
        if index == last { FIN | opcode } else { opcode }
    };
    (pieces.iter().enumerate())
        .flat_map(|(index, piece)| frame(first_byte(index), piece))
        .collect()
}

/// `bytes` cut at the given places; some of the pieces may be empty.
fn chunks<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let starts = [0].into_iter().chain(ends.clone());
    starts
        .zip(ends)
        .map(|(start, end)| &bytes[start..end])
        .collect()
}

/// A close frame; tungstenite does not know 1014.
fn ending() -> impl Strategy<Value = Sent> {
    let code = select(&[1000, 1001, 1003, 1007, 1011, 3000, 4999][..]);
    (code, ".{0,30}").prop_map(|(code, reason)| Sent::Close(code, reason))
}

fn sent() -> impl Strategy<Value = Sent> {
    let cuts = || vec(any::<Index>(), 0..5);
    let payload = || vec(any::<u8>(), 0..=125);
    prop_oneof![
        (".{0,200}", cuts()).prop_map(|(text, cuts)| Sent::Text(text, cuts)),
        (vec(any::<u8>(), 0..9_000), cuts()).prop_map(|(b, cuts)| Sent::Binary(b, cuts)),
        payload().prop_map(Sent::Ping),
        payload().prop_map(Sent::Pong),
    ]
}
