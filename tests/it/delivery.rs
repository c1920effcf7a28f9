//! Which sockets get a broadcast, how often, and in which order.

use std::collections::HashMap;

use http::StatusCode;
use tokio::io::AsyncReadExt;
use web_connection_socket::{
    CloseReason, DefaultAudience, Recipient, Socket, SocketErrorKind, SocketMessage,
    WebConnectionSocketLayer,
    testing::{Client, Server},
};

use crate::support::{
    config,
    http::{BROADCAST, post, publish},
    join, news, news_to, relay, serve, soon, spawn, text, until,
    wire::Wire,
};

#[tokio::test]
async fn s08_each_type_of_recipient_selects_its_sockets() {
    let mut room = Room::open().await;
    for (recipients, names) in [
        (vec![Recipient::group("chat")], "ann ann2 bob"),
        (vec![Recipient::group("ops")], "bob"),
        (vec![Recipient::user("ann")], "ann ann2"),
        (vec![Recipient::all_but_user("ann")], "bob cleo"),
        (vec![Recipient::all()], "ann ann2 bob cleo"),
        (vec![Recipient::all_but_group("ops")], "ann ann2 cleo"),
        (
            vec![Recipient::group("chat"), Recipient::all_but_user("ann")],
            "bob",
        ),
        (
            vec![Recipient::group("ops"), Recipient::user("cleo")],
            "bob cleo",
        ),
        (
            vec![Recipient::all(), Recipient::all_but_group("chat")],
            "cleo",
        ),
        (
            vec![Recipient::user("ann"), Recipient::all_but_user("ann")],
            "",
        ),
    ] {
        room.expect(recipients, names).await;
    }
}

#[tokio::test]
async fn one_connection_is_included_or_excluded_by_its_id() {
    let mut room = Room::open().await;
    let bob = room.layer.hub().sockets_of("bob")[0];
    room.expect(vec![Recipient::connection(bob)], "bob").await;
    room.expect(vec![Recipient::all_but_connection(bob)], "ann ann2 cleo")
        .await;
    let chat = vec![Recipient::group("chat"), Recipient::all_but_connection(bob)];
    room.expect(chat, "ann ann2").await;
}

#[tokio::test]
async fn s08_an_empty_list_and_an_empty_group_reach_all_sockets() {
    let mut room = Room::open().await;
    room.expect(vec![], "ann ann2 bob cleo").await;
    room.expect(vec![Recipient::group("")], "ann ann2 bob cleo")
        .await;
    let but_bob = vec![Recipient::group(""), Recipient::all_but_user("bob")];
    room.expect(but_bob, "ann ann2 cleo").await;
}

#[tokio::test]
async fn the_default_audience_can_be_those_without_a_group() {
    let config = config().default_audience(DefaultAudience::Ungrouped);
    let mut room = Room::around(WebConnectionSocketLayer::new(config).relay()).await;
    room.expect(vec![], "cleo").await;
    room.expect(vec![Recipient::group("")], "ann ann2 bob cleo")
        .await;
}

#[tokio::test]
async fn s08_all_but_user_excludes_every_tab_of_that_user() {
    let mut room = Room::open().await;
    room.expect(vec![Recipient::all_but_user("ann")], "bob cleo")
        .await;
}

#[tokio::test]
async fn a_socket_gets_one_copy_however_many_recipients_select_it() {
    let mut room = Room::open().await;
    let thrice = vec![
        Recipient::all(),
        Recipient::group("chat"),
        Recipient::group("ops"),
        Recipient::user("bob"),
        Recipient::user("bob"),
        Recipient::group(""),
    ];
    room.expect(thrice, "ann ann2 bob cleo").await;
}

#[tokio::test]
async fn names_are_compared_exactly_and_an_unknown_one_selects_no_socket() {
    let mut room = Room::open().await;
    for unknown in [
        Recipient::user("Ann"),
        Recipient::group("chat "),
        Recipient::group("nowhere"),
        Recipient::user("an"),
    ] {
        room.expect(vec![unknown], "").await;
    }
}

#[tokio::test]
async fn an_unknown_recipient_type_is_refused_and_reaches_no_socket() {
    let mut room = Room::open().await;
    let to_role = r#"{"action":"a","recipients":[{"type":"role","value":"admin"}]}"#;
    let answer = post(&room.server, BROADCAST, to_role).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    room.expect(vec![], "ann ann2 bob cleo").await;
}

#[tokio::test]
async fn s08_the_sender_gets_its_own_broadcast_in_all_its_tabs() {
    let server = serve(&relay());
    let mut ann = join(&server, "ann", &[]).await;
    let mut tab = join(&server, "ann", &[]).await;
    ann.send(&news("hello")).await.unwrap();
    assert_eq!(text(&mut ann).await, "hello");
    assert_eq!(text(&mut tab).await, "hello");
}

#[tokio::test]
async fn what_a_message_says_of_its_sender_changes_no_membership() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["chat"]).await;
    ann.send(&news("x").from_user("bob").from_group("ops"))
        .await
        .unwrap();
    assert_eq!(ann.receive().await.unwrap().user_id, "bob");
    assert_eq!(layer.hub().users(), [("ann".into(), 1)]);
    assert_eq!(layer.hub().groups(), [("chat".into(), 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_publishers_order_is_kept_over_sockets_and_http_at_once() {
    const EACH: usize = 100;

    let server = serve(&relay());
    let mut readers = Vec::new();
    for _ in 0..4 {
        readers.push(join(&server, "reader", &[]).await);
    }
    let numbered = |publisher: usize, number: usize| {
        news_to(format!("{publisher} {number}"), [Recipient::user("reader")])
    };
    let mut publishers = Vec::new();
    for publisher in 0..8 {
        let server = server.clone();
        publishers.push(spawn(async move {
            if publisher % 2 == 0 {
                for number in 0..EACH {
                    assert_eq!(
                        publish(&server, &numbered(publisher, number)).await,
                        (4, 4, 0)
                    );
                }
                return;
            }
            let mut socket = join(&server, "writer", &[]).await;
            for number in 0..EACH {
                socket.send(&numbered(publisher, number)).await.unwrap();
            }
            socket.close(CloseReason::NORMAL).await.unwrap();
        }));
    }
    for reader in &mut readers {
        let mut next = HashMap::new();
        for _ in 0..8 * EACH {
            let text = text(reader).await;
            let (publisher, number) = text.split_once(' ').unwrap();
            let expected = next.entry(publisher.to_owned()).or_insert(0);
            assert_eq!(number, expected.to_string(), "of publisher {publisher}");
            *expected += 1;
        }
    }
    for publisher in publishers {
        publisher.await.unwrap();
    }
}

#[tokio::test]
async fn a_thread_without_a_runtime_may_broadcast() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let hub = layer.hub();
    let thread = std::thread::spawn(move || {
        for number in 0..1_000 {
            assert_eq!(hub.broadcast(&news(number.to_string())).queued, 1);
        }
    });
    for number in 0..1_000 {
        assert_eq!(text(&mut ann).await, number.to_string());
    }
    thread.join().expect("a thread that broadcast");
}

#[tokio::test]
async fn the_report_counts_the_queued_and_the_dropped() {
    let layer = WebConnectionSocketLayer::new(config().max_queue_bytes(200_000)).relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    // Its pipe takes 64 KiB, and its queue the next three.
    let _stalled = Wire::open(&server, "/?userId=bob").await;
    let mut reports = Vec::new();
    for _ in 0..6 {
        let large = news("x".repeat(60_000));
        reports.push(publish(&server, &large).await);
        assert_eq!(text(&mut ann).await.len(), 60_000);
    }
    assert!(reports.contains(&(2, 1, 1)), "{reports:?}");
    assert_eq!(reports[0], (2, 2, 0));
    assert_eq!(reports[5], (1, 1, 0));
    assert_eq!(layer.hub().stats().dropped, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_accepted_after_the_101_is_seen() {
    let layer = relay();
    let server = serve(&layer);
    let mut connectors = Vec::new();
    for lane in 0..8 {
        let (server, hub) = (server.clone(), layer.hub());
        connectors.push(spawn(async move {
            for number in 0..125 {
                let user = format!("{lane}-{number}");
                let mut socket = join(&server, &user, &[]).await;
                let report = hub.broadcast(&news_to("welcome", [Recipient::user(user)]));
                assert_eq!((report.matched, report.queued), (1, 1));
                assert_eq!(text(&mut socket).await, "welcome");
            }
        }));
    }
    for connector in connectors {
        connector.await.unwrap();
    }
}

#[tokio::test]
async fn a_closing_socket_is_neither_counted_nor_revived() {
    let layer =
        WebConnectionSocketLayer::new(config()).on_web_socket(|socket: Socket| async move {
            assert!(socket.reply(&news("goodbye")).is_ok());
            assert!(socket.close(CloseReason::new(4001, "enough")));
            assert!(!socket.close(CloseReason::NORMAL));
            assert_eq!(socket.broadcast(&news("too late")).matched, 0);
            let joined = socket.join("afterlife").unwrap_err();
            let replied = socket.reply(&news("too late")).unwrap_err();
            assert_eq!(joined.kind(), SocketErrorKind::NotConnected);
            assert_eq!(replied.kind(), SocketErrorKind::NotConnected);
            assert!(socket.hub().groups().is_empty());
            assert!(socket.hub().is_empty());
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["chat"]).await;
    ann.send(&news("go")).await.unwrap();
    assert_eq!(text(&mut ann).await, "goodbye");
    assert_eq!(
        soon("the close", ann.closed()).await,
        CloseReason::new(4001, "enough")
    );
    assert_eq!(layer.hub().stats().dispatches_failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_leave_during_broadcasts_leave_nothing_behind() {
    let layer = relay();
    let server = serve(&layer);
    let hub = layer.hub();
    let mut visitors = Vec::new();
    for lane in 0..4 {
        let server = server.clone();
        visitors.push(spawn(async move {
            for number in 0..50 {
                let socket = join(&server, "visitor", &["chat"]).await;
                if (lane + number) % 2 == 0 {
                    socket.close(CloseReason::NORMAL).await.unwrap();
                }
            }
        }));
    }
    for visitor in visitors {
        while !visitor.is_finished() {
            let report = hub.broadcast(&news_to("x", [Recipient::group("chat")]));
            assert_eq!(report.matched, report.queued + report.dropped);
            tokio::task::yield_now().await;
        }
        visitor.await.unwrap();
    }
    until("all sockets have left", || hub.is_empty()).await;
    assert_eq!(hub.broadcast(&news("x")).matched, 0);
    let stats = hub.stats();
    assert_eq!((stats.users, stats.groups), (0, 0));
    // A socket that has left may still have its last frames to write.
    until("the queues are empty", || hub.stats().bytes_queued == 0).await;
}

#[tokio::test]
async fn a_burst_of_small_frames_cuts_no_healthy_reader() {
    const READERS: usize = 100;
    const FRAMES: usize = 5_000;
    const FRAME: usize = 150;

    let layer = relay();
    let server = serve(&layer);
    let mut readers = Vec::new();
    for _ in 0..READERS {
        readers.push(join(&server, "reader", &[]).await.into_inner());
    }
    let messages = (0..FRAMES).map(|number| {
        let envelope = news("").encode().len();
        news(format!("{number:0>width$}", width = FRAME - 4 - envelope))
    });
    let mut expected = Vec::with_capacity(FRAMES * FRAME);
    for message in messages {
        let json = message.encode();
        expected.extend_from_slice(&[0x81, 126, 0, json.len() as u8]);
        expected.extend_from_slice(&json);
        let report = layer.hub().broadcast(&message);
        assert_eq!((report.queued, report.dropped), (READERS, 0));
    }
    assert_eq!(expected.len(), FRAMES * FRAME);
    for reader in &mut readers {
        let mut received = vec![0; expected.len()];
        soon("the burst", reader.read_exact(&mut received))
            .await
            .unwrap();
        assert!(
            received == expected,
            "a reader saw other bytes than were sent"
        );
    }
    assert_eq!(layer.hub().len(), READERS);
    assert_eq!(layer.hub().stats().bytes_queued, 0);
}

/// Ann with two tabs and Bob in the group `chat`, Bob in `ops` too, Cleo in none.
struct Room {
    layer: WebConnectionSocketLayer,
    server: Server,
    sockets: Vec<(&'static str, Client)>,
    rounds: usize,
}

impl Room {
    async fn open() -> Self {
        Self::around(relay()).await
    }

    async fn around(layer: WebConnectionSocketLayer) -> Self {
        let server = serve(&layer);
        let sockets = vec![
            ("ann", join(&server, "ann", &["chat"]).await),
            ("ann2", join(&server, "ann", &["chat"]).await),
            ("bob", join(&server, "bob", &["chat", "ops"]).await),
            ("cleo", join(&server, "cleo", &[]).await),
        ];
        Self {
            layer,
            server,
            sockets,
            rounds: 0,
        }
    }

    /// Broadcasts over HTTP and compares how many copies each gets with the names given.
    async fn expect(&mut self, recipients: Vec<Recipient>, names: &str) {
        self.rounds += 1;
        let mark = format!("message {}", self.rounds);
        let count = names.split_whitespace().count() as u64;
        let report = publish(&self.server, &news_to(&*mark, recipients.clone())).await;
        assert_eq!(report, (count, count, 0), "{recipients:?}");

        let fence = SocketMessage::new("fence").to_all();
        publish(&self.server, &fence).await;
        let mut receivers = Vec::new();
        for (name, socket) in &mut self.sockets {
            loop {
                let message = soon("the fence", socket.receive())
                    .await
                    .expect("an open socket");
                if message.action == "fence" {
                    break;
                }
                assert_eq!(message.message, mark, "{recipients:?}");
                receivers.push(*name);
            }
        }
        assert_eq!(receivers.join(" "), names, "{recipients:?}");
    }
}
