//! Clients that the application adds to groups while they are open: they have a position from the first
//! moment on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use axum::{Router, routing::any};
use serde_json::{Value, json};
use web_connection_socket::{
    Hub, Identity, Position, Recipient, Socket, StreamName, UserId, WebConnectionSocketLayer,
    config::HistoryRule,
    testing::{Client, Server},
};

use crate::support::{config, frame, news, serve, serve_app, until};

/// Who joins rooms by messages, by a hook or by the hub, and without a room at first.
struct Site {
    hub: Arc<Hub>,
    server: Server,
}

impl Site {
    fn new() -> Self {
        let kept = config()
            .history(HistoryRule::group("room*"))
            .history(HistoryRule::users());
        let layer = WebConnectionSocketLayer::new(kept)
            .on_action("enter", async |socket: Socket| socket.join(socket.text()))
            .on_action("become", async |socket: Socket| {
                let ann = Identity::user(socket.text()).group("room 1");
                socket.reidentify(ann.group("free"))
            });
        // What has no function goes to the application.
        let app = Router::new().fallback(any(|| async { [("WebSocket-Join", "room%201")] }));
        Self {
            hub: layer.hub(),
            server: serve_app(&layer, app),
        }
    }

    /// Opens a socket for Ann, and returns it with what it is told of its streams.
    async fn connect(&self, more: &str) -> (Client, Value) {
        let path = format!("/?userId=ann&resume=1{more}");
        let mut client = self.server.connect(&path).await.expect("an open socket");
        let told = told(&mut client).await;
        (client, told)
    }

    async fn ask(&self, client: &mut Client, action: &str, text: &str) {
        let mut message = news(text);
        message.action = action.into();
        client.send(&message).await.expect("an open socket");
    }

    fn publish(&self, text: &str) -> Position {
        let report = self.hub.broadcast(&news(text).to_group("room 1"));
        *report.position().expect("the room has a rule")
    }

    async fn now(&self) -> Position {
        let position = self.hub.position("room 1").await;
        position.expect("the room has a rule")
    }
}

/// What a client is told of its streams.
async fn told(client: &mut Client) -> Value {
    let mut told = frame(client).await;
    assert_eq!(told["action"], "__resumed", "{told}");
    assert_eq!(told.get("refused"), None, "{told}");
    told["streams"].take()
}

fn begins(position: &Position) -> Value {
    json!({"room 1": {"recovered": true, "missed": 0, "position": position}})
}

#[tokio::test]
async fn whatever_adds_a_client_to_a_group_tells_it_where_it_begins() {
    for way in [
        "message", "header", "identity", "hub", "cluster", "hook", "open",
    ] {
        let site = if way == "open" {
            let kept = config().history(HistoryRule::group("room*"));
            let layer = WebConnectionSocketLayer::new(kept).on_open(async |socket: Socket| {
                socket.join("room 1").expect("an open socket");
            });
            Site {
                hub: layer.hub(),
                server: serve(&layer),
            }
        } else {
            Site::new()
        };
        site.publish("before");
        let now = site.now().await;
        let (mut ann, first) = site.connect("").await;
        assert_eq!(first.get("room 1"), None, "{way}");
        let socket = site.hub.sockets()[0];
        match way {
            "message" => site.ask(&mut ann, "enter", "room 1").await,
            "header" => site.ask(&mut ann, "anything", "").await,
            "identity" => site.ask(&mut ann, "become", "ann").await,
            "hub" => site.hub.join(socket, "room 1").expect("an open socket"),
            "cluster" => {
                let ann = Recipient::user("ann");
                let cluster = site.hub.cluster();
                let joined = cluster.join(&ann, "room 1", Duration::from_secs(9));
                assert_eq!(joined.await.value, 1);
            }
            "hook" => {
                let again = Identity::user("ann").group("room 1");
                site.hub.reidentify(socket, again).expect("an open socket");
            }
            _ => {}
        }
        assert_eq!(told(&mut ann).await, begins(&now), "{way}");
        drop(ann);
        let last = site.publish("meanwhile");
        let more = format!("&groupId=room%201&position={now}");
        let (mut ann, told) = site.connect(&more).await;
        let expected = json!({"recovered": true, "missed": 1, "position": last});
        assert_eq!(told["room 1"], expected, "{way}");
        assert_eq!(frame(&mut ann).await["message"], "meanwhile");
    }
}

#[tokio::test]
async fn another_user_is_another_stream() {
    let site = Site::new();
    let (mut ann, first) = site.connect("&groupId=room%201").await;
    assert_eq!(first.as_object().unwrap().len(), 2);
    site.ask(&mut ann, "become", "bob").await;
    let bob = StreamName::from(UserId::from("bob"));
    let of_bob = site.hub.position(bob).await.unwrap();
    let expected = json!({"__user": {"recovered": true, "missed": 0, "position": of_bob}});
    assert_eq!(
        told(&mut ann).await,
        expected,
        "and no group that it was in"
    );
    site.ask(&mut ann, "become", "bob").await;
    site.hub.broadcast(&news("end"));
    assert_eq!(frame(&mut ann).await["message"], "end");
}

#[tokio::test]
async fn nothing_is_told_that_a_client_knows_or_did_not_ask_for() {
    let site = Site::new();
    let (mut ann, _) = site.connect("&groupId=room%201").await;
    let mut bob = site.server.connect("/?userId=bob").await.unwrap();
    for socket in site.hub.sockets() {
        for group in ["room 1", "room 1", "free", ""] {
            site.hub.join(socket, group).expect("an open socket");
        }
    }
    site.publish("end");
    for client in [&mut ann, &mut bob] {
        assert_eq!(frame(client).await["message"], "end");
    }
    let bob = site.hub.sockets_of("bob")[0];
    assert!(site.hub.leave(bob, "room 1"));
    // One that left begins again where it comes back.
    let socket = site.hub.sockets_of("ann")[0];
    assert!(site.hub.leave(socket, "room 1"));
    site.publish("while Ann is out");
    site.hub.join(socket, "room 1").expect("an open socket");
    assert_eq!(told(&mut ann).await, begins(&site.now().await));
}

/// A client that comes again before the application has added it is told that it has lost its place, and
/// then where it begins.
#[tokio::test]
async fn a_client_that_is_added_only_after_it_came_again_is_told_twice() {
    let site = Site::new();
    let had = site.publish("1");
    site.publish("2");
    let path = format!("/?userId=ann&resume=1&position={had}");
    let mut ann = site.server.connect(&path).await.unwrap();
    let first = frame(&mut ann).await;
    assert_eq!(
        (&first["refused"], first["streams"].get("room 1")),
        (&json!(1), None)
    );
    site.ask(&mut ann, "enter", "room 1").await;
    assert_eq!(told(&mut ann).await, begins(&site.now().await));
    site.publish("3");
    assert_eq!(frame(&mut ann).await["message"], "3");
}

/// Another thread publishes all the time: what a client gets before it is told is up to its position, and
/// behind that nothing is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_is_exactly_where_the_membership_begins() {
    let site = Site::new();
    let is_over = Arc::new(AtomicBool::new(false));
    let publisher = {
        let (hub, is_over) = (site.hub.clone(), is_over.clone());
        thread::spawn(move || {
            while !is_over.load(Relaxed) {
                hub.broadcast(&news("x").to_group("room 1"));
                thread::yield_now();
            }
        })
    };
    for _ in 0..200 {
        let (mut ann, _) = site.connect("").await;
        let socket = site.hub.sockets_of("ann")[0];
        site.hub.join(socket, "room 1").expect("an open socket");
        let mut last = None;
        let mut has_begun = false;
        let mut behind = 0;
        while behind < 3 {
            let frame = frame(&mut ann).await;
            let position = if frame["action"] == "__resumed" {
                assert!(!has_begun);
                has_begun = true;
                let position = &frame["streams"]["room 1"]["position"];
                let offset = offset(position);
                assert!(last.is_none_or(|last| last == offset), "{last:?} {frame}");
                last = Some(offset);
                continue;
            } else {
                &frame["__position"]
            };
            let offset = offset(position);
            assert!(
                last.is_none_or(|last| last + 1 == offset),
                "{last:?} {frame}"
            );
            last = Some(offset);
            behind += u32::from(has_begun);
        }
        drop(ann);
        until("Ann is gone", || site.hub.is_empty()).await;
    }
    is_over.store(true, Relaxed);
    publisher.join().expect("no panic");
}

fn offset(position: &Value) -> u64 {
    let position = position.as_str().expect("a position");
    let offset = position.split('.').nth(2).expect("an offset");
    u64::from_str_radix(offset, 16).expect("a number")
}
