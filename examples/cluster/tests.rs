use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tokio::time::sleep;
use tower::Layer;
use web_connection_socket::{
    backplane::MemoryBackplane,
    testing::{Client, Server},
};

use super::{app, layer};

/// Starts a node.
async fn node(backplane: MemoryBackplane) -> Server {
    let layer = layer().backplane(backplane);
    layer.hub().cluster().connected().await;
    let app = app(layer.hub());
    Server::new(layer.layer(app))
}

async fn state(node: &Server) -> Value {
    let request = Request::get("/cluster").body(Bytes::new()).unwrap();
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

    bob.send_text(r#"{"action":"say","message":"hello <b>","userId":"bob"}"#)
        .await
        .unwrap();
    for page in [&mut ann, &mut bob] {
        let said = next(page, "said").await;
        assert_eq!(said, json!({ "node": there, "text": "hello <b>" }));
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
