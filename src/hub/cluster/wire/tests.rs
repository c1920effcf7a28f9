//! Frames survive their bytes, what they are is fixed, and nothing else is taken for one.

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, any, prop, proptest};

use super::{
    Body, Counts, Draft, Incoming, Key, MAX_FRAME, MAX_RECIPIENTS, MemberEntry, MemberReport,
    MemberVersions, Order, Pulse, Question, Refused, ReportPart, Tails, Topics, Value, read,
};
use crate::{
    backplane::{Arrival, Topic},
    hub::cluster::{event::GarbageKind, node_id::NodeId},
    protocol::{CloseReason, ConnectionId, Recipient, RecipientType},
};

const NODE: NodeId = NodeId(0x0102_0304_0506_0708);
const TOPIC: Topic = Topic::partition(7);

fn arrival(mut draft: Draft, key: Option<&Key>) -> Arrival {
    draft.stamp(NODE, 0x11, 0x2a);
    let topic = draft.topic();
    Arrival::new(topic, draft.finish(key))
}

fn received(draft: Draft) -> Incoming {
    read(&arrival(draft, None), None).unwrap()
}

fn refused(arrival: &Arrival, key: Option<&Key>) -> GarbageKind {
    let Refused(kind) = read(arrival, key).unwrap_err();
    kind
}

fn message(recipients: &[Recipient]) -> Draft {
    Draft::message(TOPIC, recipients, br#"{"action":"a"}"#)
}

#[test]
fn the_bytes_of_a_message_are_part_of_the_protocol() {
    let id = ConnectionId::new(0x2a, 7);
    let recipients = [
        Recipient::group("chat"),
        Recipient::all_but_user("ann"),
        Recipient::all_but_connection(id),
    ];
    let expected = [
        &b"WC\x01\x40\x01\x00"[..],
        b"\x01\x02\x03\x04\x05\x06\x07\x08",
        b"\0\0\0\0\0\0\0\x11",
        b"\x02\0\0\0\0\0\0\0\x07",
        b"\0\0\0\0\0\0\0\x2a",
        b"\x03",
        b"\x01\x04chat",
        b"\x05\x03ann",
        b"\x06\0\0\0\0\0\0\0\x2a\0\0\0\0\0\0\0\x07",
        b"{\"action\":\"a\"}",
    ];
    let arrival = arrival(message(&recipients), None);
    assert_eq!(arrival.payload, expected.concat());
    let frame = read(&arrival, None).unwrap();
    assert_eq!(
        (frame.node, frame.incarnation, frame.number),
        (NODE, 0x11, 0x2a)
    );
    let Body::Message {
        recipients: read,
        json,
    } = frame.body
    else {
        panic!("{frame:?}");
    };
    assert_eq!(read, recipients);
    assert_eq!(json, br#"{"action":"a"}"#[..]);
}

#[test]
fn the_bytes_of_other_frames_are_part_of_the_protocol() {
    let mut tails = Tails::default();
    for topic in [Topic::ALL, TOPIC, TOPIC, Topic::node(3)] {
        tails.next(topic);
    }
    let mut members = MemberVersions::default();
    for partition in [3, 7, 7] {
        members.next(partition);
    }
    let pulse = Pulse {
        beat: 9,
        counts: Counts {
            sockets: 3,
            users: 2,
            groups: 1,
        },
        tails,
        members,
    };
    let number = |number: u64| number.to_be_bytes();
    let body = [
        &[number(9), number(3), number(2), number(1)].concat()[..],
        &[number(1), number(1 << 7), number(2)].concat(),
        &[1],
        &[number(3), number(1)].concat(),
        &[number(1 << 3 | 1 << 7), number(1), number(2)].concat(),
    ];
    let mut topics = Topics::default();
    topics.insert(TOPIC);
    topics.insert(Topic::node(3));
    let question = Question::Order(
        Recipient::user("ann"),
        Order::Close(CloseReason::new(4001, "out")),
    );
    for (draft, kind, expected) in [
        (Draft::beat(&pulse), 3, body.concat()),
        (Draft::bye(&pulse), 5, body.concat()),
        (Draft::mark(TOPIC, 5), 2, number(5).to_vec()),
        (
            Draft::sync(Topic::ALL, topics),
            4,
            [&number(1 << 7)[..], &[2]].concat(),
        ),
        (
            Draft::question(Topic::ALL, 6, &question),
            6,
            [&number(6)[..], b"\x03\x02\x03ann\x0f\xa1\x03out"].concat(),
        ),
        (
            Draft::answer(NODE, 6, 1, true, b"x"),
            7,
            [&number(6)[..], b"\0\x01\x01x"].concat(),
        ),
    ] {
        let arrival = arrival(draft, None);
        assert_eq!(arrival.payload[4], kind);
        assert_eq!(arrival.payload[39..], expected, "{kind}");
        let frame = read(&arrival, None).unwrap();
        match frame.body {
            Body::Beat(read) | Body::Bye(read) => assert_eq!(read, pulse),
            Body::Mark { nonce } => assert_eq!((nonce, frame.number), (5, 0x2a)),
            Body::Sync(read) => assert_eq!(read, topics),
            Body::Question(id, read) => assert_eq!((id, read), (6, question.clone())),
            Body::Answer { id, part, .. } => assert_eq!((id, &part[..]), (6, &b"x"[..])),
            Body::Message { .. }
            | Body::Entry { .. }
            | Body::Members(_)
            | Body::MembersWanted(_) => panic!("{kind}"),
        }
    }
}

#[test]
fn every_question_survives_its_bytes() {
    let user = || Recipient::user("ann");
    for question in [
        Question::Sockets,
        Question::Users,
        Question::Members(Recipient::all()),
        Question::Members(Recipient::connection(ConnectionId::new(1, 2))),
        Question::Order(user(), Order::Join("chat".into())),
        Question::Order(user(), Order::Leave("chat".into())),
        Question::Order(user(), Order::Close(CloseReason::NO_STATUS)),
    ] {
        let frame = received(Draft::question(Topic::ALL, 1, &question));
        assert!(matches!(frame.body, Body::Question(1, read) if read == question));
    }
}

#[test]
fn every_value_survives_its_parts() {
    let users = (0..10_000).map(|at| (format!("user number {at}").into(), at));
    let sockets = (0..10_000).map(|at| ConnectionId::new(1, at));
    for value in [
        Value::Count(7),
        Value::Users(users.collect()),
        Value::Sockets(sockets.collect()),
        Value::Sockets(Vec::new()),
    ] {
        let mut read = match &value {
            Value::Count(_) => Value::Count(0),
            Value::Users(_) => Value::Users(Vec::new()),
            Value::Sockets(_) => Value::Sockets(Vec::new()),
        };
        for part in value.parts() {
            assert!(part.len() <= 64 << 10);
            read.add(&part).unwrap();
        }
        assert_eq!(read, value);
    }
    assert_eq!(Value::Count(0).add(b"short"), None);
}

#[test]
fn another_version_or_number_of_partitions_is_told_from_garbage() {
    let good = arrival(message(&[]), None);
    for (at, value, expected) in [
        (0, b'w', GarbageKind::Malformed),
        (2, 2, GarbageKind::Version),
        (3, 128, GarbageKind::Version),
        (4, 0, GarbageKind::Malformed),
        (4, 99, GarbageKind::Malformed),
        (5, 2, GarbageKind::Malformed),
        (5, 1, GarbageKind::Signature),
        (22, 3, GarbageKind::Malformed),
        (30, 8, GarbageKind::Malformed),
    ] {
        let mut bytes = good.payload.to_vec();
        bytes[at] = value;
        let bad = Arrival::new(TOPIC, bytes.into());
        assert_eq!(refused(&bad, None), expected, "{at}");
    }
    let elsewhere = Arrival::new(Topic::ALL, good.payload.clone());
    assert_eq!(refused(&elsewhere, None), GarbageKind::Malformed);
    let large = Arrival::new(TOPIC, vec![b'W'; MAX_FRAME + 1].into());
    assert_eq!(refused(&large, None), GarbageKind::TooLarge);
}

#[test]
fn what_would_close_sockets_or_take_much_memory_is_refused() {
    let with_body = |body: &[u8]| {
        let mut bytes = arrival(message(&[]), None).payload[..39].to_vec();
        bytes.extend_from_slice(body);
        Arrival::new(TOPIC, bytes.into())
    };
    let too_many = [0x81, 0x80, 1];
    assert_eq!(
        usize::from(too_many[0] & 0x7f) + (1 << 14),
        MAX_RECIPIENTS + 1
    );
    for body in [
        &b""[..],
        b"\0",
        b"\0\xff{}",
        b"\x01\x07{}",
        b"\x01\x01\x05chat",
        b"\x01\x03short{}",
        b"\0hello",
        b"\0[1]",
        b"\0{\"action\":\"t\",\"messa",
        &too_many,
    ] {
        assert_eq!(
            refused(&with_body(body), None),
            GarbageKind::Malformed,
            "{body:?}"
        );
    }
    assert!(read(&with_body(b"\0{}"), None).is_ok());
}

#[test]
fn a_connection_that_is_none_selects_none_elsewhere_either() {
    let broken = Recipient::new(RecipientType::Connection, "7");
    let Body::Message { recipients, .. } = received(message(&[broken])).body else {
        panic!("a message");
    };
    assert_eq!(recipients, [Recipient::connection(ConnectionId::new(0, 0))]);
}

#[test]
fn only_the_same_key_makes_a_signature() {
    let (key, other) = (Key::new(b"one"), Key::new(b"other"));
    let signed = arrival(message(&[]), Some(&key));
    assert!(read(&signed, Some(&key)).is_ok());
    assert_eq!(refused(&signed, Some(&other)), GarbageKind::Signature);
    assert_eq!(refused(&signed, None), GarbageKind::Signature);
    let plain = arrival(message(&[]), None);
    assert_eq!(refused(&plain, Some(&key)), GarbageKind::Signature);
    for at in 4..signed.payload.len() {
        let mut bytes = signed.payload.to_vec();
        bytes[at] ^= 1;
        let forged = Arrival::new(TOPIC, bytes.into());
        assert!(read(&forged, Some(&key)).is_err(), "{at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_it_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        which in 0..4_usize,
    ) {
        let pulse = Pulse::default();
        let drafts = [
            message(&[Recipient::group("chat"), Recipient::user("ann")]),
            Draft::beat(&pulse),
            Draft::question(Topic::ALL, 1, &Question::Members(Recipient::user("ann"))),
            Draft::sync(Topic::ALL, Topics::default()),
        ];
        let draft = drafts.into_iter().nth(which).unwrap();
        let good = arrival(draft, None);
        let mut bytes = good.payload.to_vec();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        // Whether it is taken or not.
        drop(read(&Arrival::new(good.topic, Bytes::from(bytes)), None));
    }
}

#[test]
fn reports_of_members_survive_their_bytes() {
    let json = |text: &str| serde_json::value::to_raw_value(text).unwrap();
    let entry = |user: &str, info| MemberEntry {
        group: "chat".into(),
        user: user.into(),
        sockets: 3,
        cause: 1,
        info,
    };
    for part in [
        ReportPart::Changes,
        ReportPart::Snapshot {
            number: 7,
            is_last: false,
        },
        ReportPart::Snapshot {
            number: 8,
            is_last: true,
        },
    ] {
        let report = MemberReport {
            version: 9,
            part,
            entries: vec![entry("ann", Some((5, json("here")))), entry("", None)],
        };
        let bytes = arrival(Draft::members(20, &report), None);
        assert_eq!(bytes.topic, Topic::partition(20));
        let Body::Members(read) = read(&bytes, None).unwrap().body else {
            panic!("another kind");
        };
        assert_eq!((read.version, read.part), (9, part));
        assert_eq!(
            format!("{:?}", read.entries),
            format!("{:?}", report.entries)
        );
    }
    let wanted = arrival(Draft::members_wanted(NODE, 5), None);
    let body = read(&wanted, None).unwrap().body;
    assert!(matches!(body, Body::MembersWanted(5)), "{body:?}");
}

#[test]
fn a_report_of_members_that_says_no_json_is_none() {
    let report = MemberReport {
        version: 1,
        part: ReportPart::Changes,
        entries: vec![MemberEntry {
            group: "chat".into(),
            user: "ann".into(),
            sockets: 1,
            cause: 0,
            info: Some((5, serde_json::value::to_raw_value(&7).unwrap())),
        }],
    };
    let whole = arrival(Draft::members(20, &report), None).payload;
    for (at, byte) in (39..whole.len()).zip([0xff, 9].into_iter().cycle()) {
        let mut bytes = whole.to_vec();
        bytes[at] = byte;
        // Whatever is read of it is valid.
        let damaged = Arrival::new(Topic::partition(20), bytes.into());
        if let Ok(Incoming {
            body: Body::Members(report),
            ..
        }) = read(&damaged, None)
        {
            for (_, json) in report
                .entries
                .iter()
                .filter_map(|entry| entry.info.as_ref())
            {
                assert!(serde_json::from_str::<serde_json::Value>(json.get()).is_ok());
            }
        }
    }
    let mut bytes = whole.to_vec();
    let end = bytes.len() - 1;
    bytes[end] = b'}';
    assert!(read(&Arrival::new(Topic::partition(20), bytes.into()), None).is_err());
}
