//! What a node keeps of streams for its own clients, where other nodes publish to them as well.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use web_connection_socket::{
    HistoryPage, Position, SocketMessage, StreamName, backplane::MemoryBackplane,
    config::HistoryRule, testing::Client,
};

use super::{Node, acquainted, config, eventually};
use crate::support::{frame, leave, news};

fn lobby(text: &str) -> SocketMessage {
    news(text).to_group("lobby")
}

async fn two_nodes() -> [Node; 2] {
    let config = || {
        config()
            .history(HistoryRule::group("lobby"))
            .history(HistoryRule::all())
    };
    let first = MemoryBackplane::new();
    let second = first.another_node();
    let nodes = [
        Node::start(config(), &first),
        Node::start(config(), &second),
    ];
    acquainted(&nodes).await;
    nodes
}

impl Node {
    async fn since(&self, stream: &StreamName, position: &Position) -> HistoryPage {
        let page = self.hub.history(stream).since(position).await;
        page.expect("it has a rule")
    }

    async fn connect(&self, path: &str) -> Client {
        self.server.connect(path).await.expect("an open socket")
    }

    async fn now(&self, stream: &StreamName) -> Position {
        let position = self.hub.position(stream).await;
        position.expect("it has a rule")
    }
}

#[tokio::test(start_paused = true)]
async fn each_node_gives_its_own_positions() {
    let [here, there] = two_nodes().await;
    let mut ann = there.join("ann", &["lobby"]).await;
    let stream = StreamName::from("lobby");
    // From now on it hears the other node's messages, too.
    here.now(&stream).await;
    let report = here.hub.broadcast(&lobby("1")).settled().await;
    let received = frame(&mut ann).await;
    assert_eq!(received["message"], "1");
    let position: Position = serde_json::from_value(received["__position"].clone()).unwrap();
    assert_eq!(there.now(&stream).await, position);
    assert_ne!(report.position(), Some(&position));
    assert_eq!(Some(&here.now(&stream).await), report.position());
    // Of the other node's it knows nothing.
    assert!(!here.since(&stream, &position).await.is_complete);
}

#[tokio::test(start_paused = true)]
async fn a_stream_stays_whole_while_its_members_are_away() {
    let [here, there] = two_nodes().await;
    let mut ann = there.join("ann", &["lobby"]).await;
    here.hub.broadcast(&lobby("1"));
    frame(&mut ann).await;
    let stream = StreamName::from("lobby");
    let position = there.now(&stream).await;
    leave(ann, &there.hub).await;
    // Long enough for a node to give up a partition without members.
    sleep(Duration::from_secs(60)).await;
    here.hub.broadcast(&lobby("2")).settled().await;
    let is_there = || there.stats().received == 2;
    eventually(is_there).await;
    let page = there.since(&stream, &position).await;
    assert_eq!((page.messages.len(), page.is_complete), (1, true));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_heard_is_a_break_in_what_is_kept() {
    let [here, there] = two_nodes().await;
    let _ann = there.join("ann", &["lobby"]).await;
    for stream in [StreamName::from("lobby"), StreamName::All] {
        let publish = |text| {
            let message = news(text);
            match &stream {
                StreamName::Group(group) => message.to_group(group),
                _ => message,
            }
        };
        there.hub.broadcast(&publish("1"));
        let before = there.now(&stream).await;
        assert!(there.since(&stream, &before).await.is_complete);
        there.backplane.cut();
        eventually(|| !there.hub.cluster().is_connected()).await;
        here.hub.broadcast(&publish("2"));
        there.hub.broadcast(&publish("3"));
        let meanwhile = there.now(&stream).await;
        there.backplane.restore();
        eventually(|| there.hub.cluster().is_connected()).await;
        for lost in [&before, &meanwhile] {
            let page = there.since(&stream, lost).await;
            assert_eq!((page.messages.len(), page.is_complete), (2, false));
        }
        // All is known to be well again.
        sleep(Duration::from_secs(30)).await;
        let after = there.now(&stream).await;
        here.hub.broadcast(&publish("4")).settled().await;
        eventually(|| there.hub.stats().history.unwrap().bytes > 0).await;
        sleep(Duration::from_secs(1)).await;
        let page = there.since(&stream, &after).await;
        assert_eq!((page.messages.len(), page.is_complete), (1, true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_opens_on_a_healthy_node_breaks_nothing() {
    let [here, there] = two_nodes().await;
    let _ann = there.join("ann", &["lobby"]).await;
    let all = StreamName::All;
    let (lobby_was, all_was) = (there.now(&"lobby".into()).await, there.now(&all).await);
    for number in 0..20 {
        let group = format!("room:{number}");
        let _bob = there.join("bob", &["lobby", &group]).await;
    }
    sleep(Duration::from_secs(30)).await;
    assert_eq!(there.now(&"lobby".into()).await, lobby_was);
    assert_eq!(there.now(&all).await, all_was);
    assert_eq!(here.stats().gaps, 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_enters_before_the_node_hears_the_group_has_no_place_yet() {
    let [here, there] = two_nodes().await;
    for is_heard in [false, true] {
        let mut ann = there.connect("/?userId=ann&resume=1").await;
        assert_eq!(frame(&mut ann).await["action"], "__resumed");
        let socket = there.hub.sockets_of("ann")[0];
        there.hub.join(socket, "lobby").expect("an open socket");
        let told = frame(&mut ann).await;
        let position: Position =
            serde_json::from_value(told["streams"]["lobby"]["position"].clone()).unwrap();
        assert!(there.hub.joined("lobby").await);
        assert_eq!(position == there.now(&"lobby".into()).await, is_heard);
        here.hub.broadcast(&lobby("1")).settled().await;
        // It has one with the first message, and no gap.
        let next = frame(&mut ann).await;
        assert_eq!(next["message"], "1", "{next}");
        leave(ann, &there.hub).await;
        let path = format!("/?userId=ann&groupId=lobby&resume=1&position={position}");
        let mut ann = there.connect(&path).await;
        let told = frame(&mut ann).await;
        assert_eq!(told["streams"]["lobby"]["recovered"], is_heard, "{told}");
        leave(ann, &there.hub).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_is_told_of_a_gap_before_what_comes_later() {
    let [here, there] = two_nodes().await;
    let mut ann = there.connect("/?userId=ann&groupId=lobby&resume=1").await;
    assert_eq!(frame(&mut ann).await["action"], "__resumed");
    let mut bob = there.join("bob", &["lobby"]).await;
    here.hub.broadcast(&lobby("1")).settled().await;
    for client in [&mut ann, &mut bob] {
        assert_eq!(frame(client).await["message"], "1");
    }
    there.backplane.cut();
    eventually(|| !there.hub.cluster().is_connected()).await;
    here.hub.broadcast(&lobby("2"));
    there.backplane.restore();
    for node in [&here, &there] {
        eventually(|| node.hub.cluster().is_connected() && node.hub.cluster().nodes().len() == 2)
            .await;
    }
    // All is known to be well again.
    sleep(Duration::from_secs(5)).await;
    there.hub.broadcast(&lobby("3"));

    // It may be told twice: that the link is gone, and that there is another one.
    let mut gap = Value::Null;
    let three = loop {
        let next = frame(&mut ann).await;
        if next["action"] == "news" {
            break next;
        }
        gap = next["streams"]["lobby"].clone();
    };
    assert_eq!(three["message"], "3");
    assert_eq!(
        (&gap["recovered"], &gap["reason"]),
        (&json!(false), &json!("gap"))
    );
    assert!(there.hub.stats().history.unwrap().gaps > 0);
    // One that did not ask gets messages alone.
    assert_eq!(frame(&mut bob).await, three);
    // From where it is told that it is now, it gets all; and so it does from the message behind.
    let position = |value: &Value| value.as_str().unwrap().to_owned();
    for (from, missed) in [
        (position(&gap["position"]), 1),
        (position(&three["__position"]), 0),
    ] {
        let path = format!("/?userId=ann&groupId=lobby&resume=1&position={from}");
        let told = frame(&mut there.connect(&path).await).await;
        assert_eq!(told["streams"]["lobby"]["missed"], missed, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_after_a_gap_is_told_once() {
    let [_here, there] = two_nodes().await;
    let before = there.now(&"lobby".into()).await;
    there.backplane.cut();
    eventually(|| !there.hub.cluster().is_connected()).await;
    there.backplane.restore();
    eventually(|| there.hub.cluster().is_connected()).await;
    let path = format!("/?userId=ann&groupId=lobby&resume=1&position={before}");
    let mut ann = there.connect(&path).await;
    let told = frame(&mut ann).await;
    assert_eq!(told["streams"]["lobby"]["reason"], "gap");
    there.hub.broadcast(&lobby("1"));
    assert_eq!(frame(&mut ann).await["message"], "1");
}
