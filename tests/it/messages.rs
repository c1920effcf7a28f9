//! What a socket may send, what comes of it, and what is sent back.

use axum::{Router, routing::post};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;
use web_connection_socket::{
    CloseReason, Recipient, Socket, SocketMessage, WebConnectionSocketLayer,
};

use crate::support::{
    config, error_of, join, news, relay, serve, serve_app, soon, text,
    wire::{self, Wire, close_payload, masked, masked_text},
};

#[tokio::test]
async fn a_bad_message_gets_an_error_frame_and_the_socket_lives() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let bad = [
        "",
        "hello",
        "{",
        "[]",
        "null",
        "7",
        r#""text""#,
        r#"{"action":7}"#,
        r#"{"message":{"a":1}}"#,
        r#"{"recipients":{}}"#,
        r#"{"recipients":["ann"]}"#,
        r#"{"recipients":[{"type":"role","value":"x"}]}"#,
        r#"{"recipients":[{"type":"user","value":""}]}"#,
        r#"{"recipients":[{"type":"connection","value":""}]}"#,
        r#"{"recipients":[{"type":"user","value":"ann","also":1}]}"#,
        r#"{"action":"a","ACTION":"b"}"#,
        r#"{"error":null}"#,
        r#"{"action":"__error","Error":{"code":"failed","status":500}}"#,
        r#"{"x":1e400}"#,
        r#"{"message":"\ud800"}"#,
        "{\"message\":\"\0\"}",
        r#"{"action":"a"} {"action":"b"}"#,
        &deep,
    ];
    for text in bad {
        ann.send_text(text).await.unwrap();
        assert_eq!(
            error_of(&mut ann).await,
            ("bad_message".into(), 400),
            "{text}"
        );
    }
    ann.send(&news("still here")).await.unwrap();
    assert_eq!(text(&mut ann).await, "still here");
    assert_eq!(
        text(&mut bob).await,
        "still here",
        "an error frame is its sender's alone"
    );
    assert_eq!(layer.hub().stats().messages_in, bad.len() as u64 + 1);
}

#[tokio::test]
async fn s07_five_keys_in_one_order_travel_in_both_directions() {
    let (bodies, mut dispatched) = mpsc::channel(8);
    let app = Router::new().route(
        "/__WebSocket.wwd",
        post(async move |socket: Socket, body: Bytes| {
            bodies.send(body).await.unwrap();
            socket.broadcast(socket.message());
        }),
    );
    let server = serve_app(&WebConnectionSocketLayer::new(config()), app);
    let mut ann = join(&server, "ann", &[]).await;
    for (sent, travels) in [
        (
            "{}",
            r#"{"action":"","message":"","groupId":"","userId":"","recipients":[]}"#,
        ),
        (
            r#" {"RECIPIENTS":[{"VALUE":"ann","TYPE":"USER"}],"userid":"ann","action":"a"} "#,
            concat!(
                r#"{"action":"a","message":"","groupId":"","userId":"ann","#,
                r#""recipients":[{"type":"user","value":"ann"}]}"#
            ),
        ),
        (
            r#"{"zebra":1.10,"message":"é\n","action":null,"apple":{"b": 1,"a":[ ]},"recipients":null}"#,
            concat!(
                r#"{"action":"","message":"é\n","groupId":"","userId":"","recipients":[],"#,
                r#""zebra":1.10,"apple":{"b": 1,"a":[ ]}}"#
            ),
        ),
    ] {
        ann.send_text(sent).await.unwrap();
        assert_eq!(dispatched.recv().await.unwrap(), travels);
        assert_eq!(soon("a frame", ann.receive_text()).await.unwrap(), travels);
    }
}

#[tokio::test]
async fn s10_the_action_chooses_the_handler() {
    let answer = |name: &'static str| {
        move |socket: Socket| async move { socket.reply(&SocketMessage::new(name)) }
    };
    let layer = WebConnectionSocketLayer::new(config())
        .on_action("order.shipped", answer("shipped"))
        .on_action("order.paid", answer("paid"))
        .on_web_socket(answer("general"));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for (action, handler) in [
        ("order.paid", "paid"),
        ("order.shipped", "shipped"),
        ("order.lost", "general"),
        ("Order.Paid", "general"),
        ("", "general"),
    ] {
        ann.send(&SocketMessage::new(action)).await.unwrap();
        assert_eq!(ann.receive().await.unwrap().action, handler, "{action}");
    }
}

#[tokio::test]
async fn s10_an_action_without_a_handler_goes_to_the_inner_service() {
    let app = Router::new().route(
        "/__WebSocket.wwd",
        post(async |socket: Socket| {
            socket.reply(&SocketMessage::new("page")).unwrap();
        }),
    );
    let layer = WebConnectionSocketLayer::new(config())
        .on_action("mine", |socket: Socket| async move {
            socket.reply(&SocketMessage::new("handler"))
        });
    let server = serve_app(&layer, app);
    let mut ann = join(&server, "ann", &[]).await;
    for (action, answer) in [("mine", "handler"), ("other", "page")] {
        ann.send(&SocketMessage::new(action)).await.unwrap();
        assert_eq!(ann.receive().await.unwrap().action, answer);
    }
}

#[tokio::test]
async fn s11_a_handler_creates_a_message_that_answers_the_one_it_got() {
    let layer =
        WebConnectionSocketLayer::new(config()).on_web_socket(|socket: Socket| async move {
            let message = socket.create_message().text("mine").to_group("chat");
            socket.broadcast(&message);
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["chat"]).await;
    let sent = news("x")
        .from_user("ann")
        .from_group("chat")
        .to_user("nobody");
    ann.send(&sent).await.unwrap();
    let message = ann.receive().await.unwrap();
    assert_eq!((&*message.action, &*message.message), ("news", "mine"));
    assert_eq!(message.user_id, "ann");
    assert_eq!(message.group_id, "chat");
    assert_eq!(message.recipients, [Recipient::group("chat")]);
}

#[tokio::test(start_paused = true)]
async fn breaking_a_rule_of_the_wire_is_answered_with_its_close_code() {
    let long = vec![b'x'; 70_000];
    let huge_length = [&[0x81, 0xFF, 0x40][..], &[0; 7], &[1, 2, 3, 4]].concat();
    let fragments = [
        masked(false, wire::TEXT, &long[..40_000]),
        masked(true, wire::CONTINUATION, &long[..40_000]),
    ];
    let split_utf8 = [
        masked(false, wire::TEXT, b"\"\xC3"),
        masked(true, wire::CONTINUATION, b"\""),
    ];
    for (what, bytes, code) in [
        ("binary", masked(true, wire::BINARY, b"x"), 1003),
        ("oversize", masked(true, wire::TEXT, &long), 1009),
        ("oversize in fragments", fragments.concat(), 1009),
        ("a length of 2^62", huge_length, 1009),
        ("bad UTF-8", masked(true, wire::TEXT, b"\"\xC3\x28\""), 1007),
        ("bad UTF-8 over fragments", split_utf8.concat(), 1007),
        ("no mask", b"\x81\x01a".to_vec(), 1002),
        (
            "a reserved bit",
            masked(true, wire::TEXT | 0x40, b"a"),
            1002,
        ),
        ("a reserved operation", masked(true, 0x3, b"a"), 1002),
        ("a ping in fragments", masked(false, wire::PING, b""), 1002),
        ("a long ping", masked(true, wire::PING, &long[..126]), 1002),
        (
            "a continuation of nothing",
            masked(true, wire::CONTINUATION, b"a"),
            1002,
        ),
        (
            "a close code that may not travel",
            masked(true, wire::CLOSE, &close_payload(1005, "")),
            1002,
        ),
        (
            "a close frame of one byte",
            masked(true, wire::CLOSE, b"x"),
            1002,
        ),
        (
            "a close reason that is not UTF-8",
            masked(true, wire::CLOSE, b"\x03\xE8\xFF"),
            1007,
        ),
    ] {
        let layer = relay();
        let server = serve(&layer);
        let mut wire = Wire::open(&server, "/").await;
        let mut other = join(&server, "other", &[]).await;
        wire.send(&bytes).await;
        // What comes after it is read and thrown away, so that no reset overtakes the close frame.
        wire.send(&masked_text(r#"{"message":"unheard"}"#)).await;
        let (sent, reason) = wire.closed().await;
        assert_eq!(sent, code, "{what}: {reason}");
        drop(wire);
        layer.hub().broadcast(&news("alive"));
        assert_eq!(text(&mut other).await, "alive", "{what}");
    }
}

#[tokio::test]
async fn a_ping_is_answered_with_its_own_payload() {
    let server = serve(&relay());
    let mut wire = Wire::open(&server, "/").await;
    for payload in [&b""[..], b"1", &[0xFF; 125]] {
        wire.send(&masked(true, wire::PING, payload)).await;
        let pong = wire.frame().await.unwrap();
        assert_eq!((pong.opcode, &*pong.payload), (wire::PONG, payload));
    }
    // Also between the fragments of a message.
    wire.send(&masked(false, wire::TEXT, br#"{"message":"#))
        .await;
    wire.send(&masked(true, wire::PING, b"between")).await;
    assert_eq!(wire.frame().await.unwrap().payload, b"between");
    wire.send(&masked(true, wire::CONTINUATION, br#""whole"}"#))
        .await;
    let message = SocketMessage::from_slice(wire.text().await.as_bytes()).unwrap();
    assert_eq!(message.message, "whole");
    // No ping asked for it.
    wire.send(&masked(true, wire::PONG, b"unasked")).await;
    wire.send(&masked_text("{}")).await;
    wire.text().await;
}

#[tokio::test]
async fn a_close_is_answered_once_with_its_code_and_nothing_follows() {
    for (payload, answer) in [
        (close_payload(1000, ""), close_payload(1000, "")),
        (close_payload(4321, "bye"), close_payload(4321, "bye")),
        (vec![], vec![]),
    ] {
        let layer = relay();
        let server = serve(&layer);
        let mut wire = Wire::open(&server, "/").await;
        let close = masked(true, wire::CLOSE, &payload);
        wire.send(
            &[
                &close[..],
                &close,
                &masked_text("{}"),
                &masked(true, wire::PING, b""),
            ]
            .concat(),
        )
        .await;
        let frame = wire.frame().await.unwrap();
        assert_eq!((frame.opcode, frame.payload), (wire::CLOSE, answer));
        assert_eq!(layer.hub().broadcast(&news("late")).matched, 0);
        assert_eq!(wire.frame().await, None);
        assert_eq!(layer.hub().stats().messages_in, 0);
    }
}

#[tokio::test]
async fn a_close_of_ours_comes_after_what_was_queued_and_before_the_end() {
    let layer = relay();
    let server = serve(&layer);
    let mut wire = Wire::open(&server, "/?userId=ann").await;
    let hub = layer.hub();
    hub.broadcast(&news("first"));
    hub.close(hub.sockets()[0], &CloseReason::new(4000, "done"));
    assert_eq!(hub.broadcast(&news("late")).matched, 0);
    assert!(wire.text().await.contains("first"));
    assert_eq!(wire.frame().await.unwrap().close(), (4000, "done"));
    // The peer's answer ends it, and is not answered again.
    wire.send(&masked(true, wire::CLOSE, &close_payload(4000, "done")))
        .await;
    assert_eq!(wire.frame().await, None);
}

#[tokio::test]
async fn a_frame_in_the_handshakes_own_segment_is_served() {
    let server = serve(&relay());
    let first = masked_text(r#"{"message":"early"}"#);
    let mut wire = Wire::open_with(&server, "/", &first).await;
    assert!(wire.text().await.contains("early"));

    // The beginning of one as well.
    let mut wire = Wire::open_with(&server, "/", &first[..9]).await;
    wire.send(&first[9..]).await;
    assert!(wire.text().await.contains("early"));
}

#[tokio::test]
async fn a_frame_may_come_in_any_pieces() {
    let server = serve(&relay());
    let frame = masked_text(&format!(r#"{{"message":"{}"}}"#, "x".repeat(300)));
    let mut wire = Wire::open(&server, "/").await;
    for split in [1, 2, 3, 7, 8, 9, 100, frame.len() - 1] {
        wire.send(&frame[..split]).await;
        tokio::task::yield_now().await;
        wire.send(&frame[split..]).await;
        assert!(wire.text().await.contains("xxx"), "{split}");
    }
    for byte in &frame {
        wire.send(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(wire.text().await.contains("xxx"));
    // Several in one piece.
    wire.send(&frame.repeat(3)).await;
    for _ in 0..3 {
        assert!(wire.text().await.contains("xxx"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unread_pings_costs_a_few_pongs() {
    let layer = relay();
    let server = serve(&layer);
    let mut wire = Wire::open(&server, "/").await;
    let pings: Vec<u8> = (0..100_000_u32)
        .flat_map(|number| {
            masked(
                true,
                wire::PING,
                &[&number.to_be_bytes()[..], &[0; 116]].concat(),
            )
        })
        .collect();
    wire.send(&pings).await;
    let mut pongs = 0;
    loop {
        let frame = wire.frame().await.unwrap();
        assert_eq!(frame.opcode, wire::PONG);
        pongs += 1;
        if frame.payload[..4] == 99_999_u32.to_be_bytes() {
            break;
        }
    }
    // Its pipe holds 64 KiB; what did not fit was replaced by newer answers.
    assert!(pongs < 2_000, "{pongs} pongs were kept");
}

#[tokio::test]
async fn s07_an_error_frame_cannot_be_made_by_a_client() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    let forged = json!({"action": "__error", "error": {"code": "failed", "status": 500}});
    ann.send_text(forged.to_string()).await.unwrap();
    assert_eq!(error_of(&mut ann).await.0, "bad_message");
    layer.hub().broadcast(&news("next"));
    assert_eq!(text(&mut bob).await, "next");
}
