use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tower::Layer;
use web_connection_socket::{
    Config,
    testing::{Client, Server},
};

use super::{PEOPLE, app, layer};

fn chat() -> Server {
    let layer = layer(Config::new());
    let app = app("wwd", layer.hub());
    // A visitor has left some seconds after its last page did.
    Server::new(layer.layer(app)).timeout(Duration::from_secs(30))
}

/// A page of West Wind's documentation, which knows one action.
async fn documented_page(server: &Server, user: &str) -> Client {
    let path = format!("/__initializeSocket.wc?groupId=red&userId={user}");
    server.connect(&path).await.unwrap()
}

async fn post(server: &Server, path: &str, body: &'static str) -> (u16, Value) {
    let request = Request::post(path).body(Bytes::from(body)).unwrap();
    let answer = server.request(request).await.unwrap();
    let body = serde_json::from_slice(answer.body()).unwrap_or_default();
    (answer.status().as_u16(), body)
}

const WRITTEN: &str = r#"{"action":"broadcastchatmessage","message":"*hi* <b>","groupId":"red","userId":"ann","recipients":[]"#;

const RENDERED: &str = r#"{"action":"broadcastchatmessage","message":"<p><em>hi</em> &lt;b&gt;</p>\n","groupId":"red","userId":"ann","recipients":[]"#;

/// Reads a message, which has to be the rendered one; its time and its place in the history come last.
async fn reads_rendered(page: &mut Client) {
    let text = page.receive_text().await.unwrap();
    let more = text.strip_prefix(RENDERED).expect(&text);
    let more: Value = serde_json::from_str(&more.replacen(',', "{", 1)).unwrap();
    let keys: Vec<_> = more.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["__position", "time"]);
}

#[tokio::test]
async fn a_documented_page_gets_its_action_with_html_and_nothing_that_it_did_not_ask_for() {
    let server = chat();
    let mut ann = documented_page(&server, "ann").await;
    let mut bob = documented_page(&server, "bob").await;
    for _ in 0..2 {
        ann.send_text(format!("{WRITTEN},\"html\":\"<img>\"}}"))
            .await
            .unwrap();
        // A second message right behind it: nothing can have come between.
        ann.send_text(format!("{WRITTEN}}}")).await.unwrap();
        for page in [&mut ann, &mut bob] {
            reads_rendered(page).await;
            reads_rendered(page).await;
        }
    }
}

#[tokio::test]
async fn a_receipt_is_for_the_sender_that_asks() {
    let server = chat();
    let mut ann = documented_page(&server, "ann").await;
    let mut bob = documented_page(&server, "bob").await;
    ann.send_text(format!("{WRITTEN},\"receipt\":\"no. 7\"}}"))
        .await
        .unwrap();
    ann.send_text(format!("{WRITTEN},\"receipt\":{{}}}}"))
        .await
        .unwrap();
    reads_rendered(&mut ann).await;
    let receipt: Value = serde_json::from_str(&ann.receive_text().await.unwrap()).unwrap();
    assert_eq!(
        (&receipt["action"], &receipt["message"], &receipt["receipt"]),
        (&json!("sent"), &json!("2"), &json!("no. 7"))
    );
    reads_rendered(&mut ann).await;
    for _ in 0..2 {
        reads_rendered(&mut bob).await;
    }
}

#[tokio::test]
async fn a_program_may_post_to_either_url() {
    let server = chat();
    let mut ann = documented_page(&server, "ann").await;
    let to_pages = r#"{"action":"broadcastchatmessage","userId":"RickFox","Message":"<b>now</b>"}"#;
    let (status, report) = post(&server, "/__broadcastwebsocket.wc", to_pages).await;
    assert_eq!((status, &report["matched"]), (200, &json!(1)));
    assert_eq!(ann.receive().await.unwrap().message, "<b>now</b>");

    let to_application =
        r#"{"action":"broadcastchatmessage","userId":"RickFox","Message":"*now*"}"#;
    let (status, answer) = post(&server, "/__WebSocket.wwd", to_application).await;
    assert_eq!((status, answer), (200, Value::Null));
    assert_eq!(
        ann.receive().await.unwrap().message,
        "<p><em>now</em></p>\n"
    );

    let with_receipt = r#"{"action":"broadcastchatmessage","receipt":"1"}"#;
    let (status, answer) = post(&server, "/__WebSocket.wwd", with_receipt).await;
    assert_eq!((status, &answer["message"]), (200, &json!("1")));

    let unknown = r#"{"action":"order.shipped"}"#;
    assert_eq!(post(&server, "/__WebSocket.wwd", unknown).await.0, 422);
}

#[tokio::test]
async fn a_page_that_begins_gets_what_was_said_last_and_goes_on_behind_it() {
    let server = chat();
    let mut ann = documented_page(&server, "ann").await;
    let to_red = WRITTEN.replace("[]", r#"[{"type":"group","value":"red"}]"#);
    let to_blue = to_red.replace("red", "blue");
    for written in [WRITTEN, &to_red, &to_blue] {
        ann.send_text(format!("{written}}}")).await.unwrap();
    }
    for _ in 0..2 {
        ann.receive().await.unwrap();
    }
    let posted = r#"{"action":"broadcastchatmessage","message":"from a program"}"#;
    post(&server, "/__broadcastWebSocket.wc", posted).await;

    let recent = recent(&server, "red").await;
    let groups: Vec<_> = recent["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| (&message["recipients"][0]["value"], &message["message"]))
        .collect();
    let rendered = &json!("<p><em>hi</em> &lt;b&gt;</p>\n");
    assert_eq!(groups[0], (&Value::Null, rendered));
    assert!(groups.contains(&(&json!("red"), rendered)), "{recent}");
    assert!(groups.contains(&(&Value::Null, &json!("from a program"))));
    assert_eq!(groups.len(), 3, "{recent}");

    ann.send_text(format!("{to_red}}}")).await.unwrap();
    ann.send_text(format!("{WRITTEN}}}")).await.unwrap();
    let positions = recent["positions"].as_array().unwrap();
    let path = positions.iter().fold(
        "/__initializeSocket.wc?userId=bob&groupId=red&resume=1".to_owned(),
        |path, position| format!("{path}&position={}", position.as_str().unwrap()),
    );
    // Until both have been handled.
    for _ in 0..3 {
        ann.receive().await.unwrap();
    }
    let mut bob = server.connect(&path).await.unwrap();
    let resumed: Value = serde_json::from_str(&bob.receive_text().await.unwrap()).unwrap();
    assert_eq!(resumed["streams"]["red"]["missed"], 1, "{resumed}");
    assert_eq!(resumed["streams"]["__all"]["missed"], 1);
    for _ in 0..2 {
        assert_eq!(bob.receive().await.unwrap().action, "broadcastchatmessage");
    }
}

#[tokio::test]
async fn the_page_of_a_group_that_nothing_was_said_to_begins_all_the_same() {
    let server = chat();
    for (group, streams) in [("red", 2), ("", 1)] {
        let recent = recent(&server, group).await;
        assert_eq!(recent["messages"], json!([]));
        assert_eq!(recent["positions"].as_array().unwrap().len(), streams);
    }
}

async fn recent(server: &Server, group: &str) -> Value {
    let request = Request::get(format!("/recent?group={group}")).body(Bytes::new());
    let answer = server.request(request.unwrap()).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    serde_json::from_slice(answer.body()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn pages_that_ask_know_in_the_end_who_is_here() {
    let server = chat();
    let open = |number: usize| {
        let path = format!(
            "/?userId=u{}&groupId={PEOPLE}&presence={PEOPLE}",
            number % 6
        );
        let server = &server;
        async move { server.connect(&path).await.unwrap() }
    };
    // Eight at once, two of them with a second tab.
    let mut pages = futures_util::future::join_all((0..8).map(open)).await;
    for page in &mut pages {
        until(page, 6).await;
    }
    drop(pages.split_off(2));
    for page in &mut pages {
        until(page, 2).await;
    }
}

/// Reads what is told of who is here until so many are.
async fn until(page: &mut Client, count: usize) {
    loop {
        let frame: Value = serde_json::from_str(&page.receive_text().await.unwrap()).unwrap();
        assert_eq!(frame["action"], "__presence");
        if frame["count"] == json!(count) {
            return;
        }
    }
}
