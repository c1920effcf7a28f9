use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use http::Request;
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::Layer;
use web_connection_socket::{
    WebConnectionSocketLayer,
    backplane::MemoryBackplane,
    history::MemoryHistory,
    testing::{Client, Server},
};

use super::{Options, app, layer};

/// Starts a node.
async fn node(backplane: MemoryBackplane) -> Server {
    serve(layer().backplane(backplane)).await
}

async fn serve(layer: WebConnectionSocketLayer) -> Server {
    layer.hub().cluster().connected().await;
    let app = app(layer.hub());
    // A visitor has left some seconds after its last page did.
    Server::new(layer.layer(app)).timeout(Duration::from_secs(30))
}

async fn state(node: &Server) -> Value {
    get(node, "/cluster").await
}

async fn get(node: &Server, path: &str) -> Value {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    let answer = node.request(request).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_slice(answer.body()).unwrap()
}

/// The next message of an action, and what its text holds.
async fn next(page: &mut Client, action: &str) -> Value {
    loop {
        let message = page.receive().await.unwrap();
        if message.action == action {
            return serde_json::from_str(&message.message).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_learns_where_it_is_and_who_is_on_the_other_nodes() {
    let broker = MemoryBackplane::new();
    let first = node(broker.clone()).await;
    let second = node(broker.another_node()).await;
    let mut ann = first.connect("/?userId=ann").await.unwrap();
    let welcome = ann.receive().await.unwrap();
    assert_eq!(welcome.action, "welcome");
    assert_eq!(json!(welcome.message), state(&first).await["node"]);

    let mut bob = second.connect("/?userId=bob").await.unwrap();
    let there = state(&second).await["node"].clone();
    while next(&mut ann, "here").await != json!({ "node": there, "names": ["bob"], "sockets": 1 }) {
    }

    let mut cat = first.connect(LOBBY_PAGE).await.unwrap();
    bob.send_text(r#"{"action":"say","message":"hello <b>","userId":"bob"}"#)
        .await
        .unwrap();
    let hello = json!({ "node": there, "text": "hello <b>" });
    assert_eq!(next(&mut cat, "said").await, hello);

    // A page that comes later has it from its own node.
    let recent = get(&first, "/recent").await;
    let said = &recent["messages"][0];
    assert_eq!(
        (&said["action"], &said["userId"]),
        (&json!("said"), &json!("bob"))
    );
    assert!(recent["position"].is_string());
}

const LOBBY_PAGE: &str = "/?userId=cat&groupId=lobby";

#[tokio::test(start_paused = true)]
async fn a_page_that_comes_back_to_another_node_gets_what_it_missed() {
    let broker = MemoryBackplane::new();
    let store = MemoryHistory::new();
    let first = serve(
        layer()
            .backplane(broker.clone())
            .history_store(store.clone()),
    )
    .await;
    let second = serve(
        layer()
            .backplane(broker.another_node())
            .history_store(store),
    )
    .await;
    let mut cat = first.connect(LOBBY_PAGE).await.unwrap();
    let mut bob = second.connect("/?userId=bob&groupId=lobby").await.unwrap();
    say(&mut bob, "one").await;
    let position = said(&mut cat, "one").await["__position"].clone();
    drop(cat);
    said(&mut bob, "one").await;
    for text in ["two", "three"] {
        say(&mut bob, text).await;
        said(&mut bob, text).await;
    }
    let path = format!(
        "{LOBBY_PAGE}&resume=1&position={}",
        position.as_str().unwrap()
    );
    let mut cat = second.connect(&path).await.unwrap();
    for text in ["two", "three"] {
        said(&mut cat, text).await;
    }
    // A page that begins on either node shows the same.
    for node in [&first, &second] {
        assert_eq!(
            get(node, "/recent").await["messages"]
                .as_array()
                .unwrap()
                .len(),
            3
        );
    }
}

async fn say(page: &mut Client, text: &str) {
    let message = json!({ "action": "say", "message": text });
    page.send_text(message.to_string()).await.unwrap();
}

/// Reads the next message that was said, which has to be this one.
async fn said(page: &mut Client, text: &str) -> Value {
    loop {
        let frame: Value = serde_json::from_str(&page.receive_text().await.unwrap()).unwrap();
        if frame["action"] == "said" {
            let said: Value = serde_json::from_str(frame["message"].as_str().unwrap()).unwrap();
            assert_eq!(said["text"], text);
            return frame;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_all_nodes_know_who_is_in_the_lobby() {
    let broker = MemoryBackplane::new();
    let first = node(broker.clone()).await;
    let second = node(broker.another_node()).await;
    let mut cat = first
        .connect(&format!("{LOBBY_PAGE}&presence=lobby"))
        .await
        .unwrap();
    let dan = second.connect("/?userId=dan&groupId=lobby").await.unwrap();
    until_members(&mut cat, 2).await;
    drop(dan);
    until_members(&mut cat, 1).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_program_says_reaches_the_pages_of_both_nodes() {
    let broker = MemoryBackplane::new();
    let first = node(broker.clone()).await;
    let second = node(broker.another_node()).await;
    let mut pages = [
        first.connect(LOBBY_PAGE).await.unwrap(),
        second.connect(LOBBY_PAGE).await.unwrap(),
    ];
    let request = Request::post("/__WebSocket.wwd").header("content-type", "application/json");
    let line = r#"{"action":"say","message":"Hello from a terminal","userId":"curl"}"#;
    let request = request.body(Bytes::from_static(line.as_bytes())).unwrap();
    assert!(first.request(request).await.unwrap().status().is_success());
    for page in &mut pages {
        assert_eq!(said(page, "Hello from a terminal").await["userId"], "curl");
    }
}

async fn until_members(page: &mut Client, count: usize) {
    loop {
        let frame: Value = serde_json::from_str(&page.receive_text().await.unwrap()).unwrap();
        if frame["action"] == "__presence" && frame["count"] == json!(count) {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_script_learns_how_the_node_is() {
    let broker = MemoryBackplane::new();
    let first = node(broker.clone()).await;
    let alone = state(&first).await;
    let id = alone["node"].clone();
    assert_eq!(
        alone,
        json!({ "node": id, "connected": true, "nodes": [id], "gaps": 0, "sockets": 0 })
    );

    let second = node(broker.another_node()).await;
    let _ann = second.connect("/?userId=ann").await.unwrap();
    let mut other = state(&second).await;
    // It hears of the first node by its heartbeat.
    while other["nodes"].as_array().unwrap().len() < 2 {
        sleep(Duration::from_millis(100)).await;
        other = state(&second).await;
    }
    let mut nodes = [id, other["node"].clone()];
    nodes.sort_by_key(Value::to_string);
    assert_eq!(
        (&other["nodes"], &other["sockets"]),
        (&json!(nodes), &json!(1))
    );

    broker.cut();
    while state(&first).await["connected"] == json!(true) {
        sleep(Duration::from_millis(100)).await;
    }
}

#[test]
fn jetstream_is_of_nats_alone() {
    let parses = |options: &[&str]| {
        let options = ["cluster"].iter().chain(options);
        Options::try_parse_from(options).is_ok()
    };
    assert!(parses(&["--jetstream", "--nats", "nats://h"]));
    assert!(!parses(&["--jetstream"]));
    assert!(!parses(&["--jetstream", "--redis", "redis://h"]));
}
