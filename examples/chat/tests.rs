use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tower::Layer;
use web_connection_socket::{
    Config,
    testing::{Client, Server},
};

use super::{app, layer, people};

fn chat() -> Server {
    Server::new(layer(Config::new()).layer(app("wwd")))
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

const RENDERED: &str = r#"{"action":"broadcastchatmessage","message":"<p><em>hi</em> &lt;b&gt;</p>\n","groupId":"red","userId":"ann","recipients":[]}"#;

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
            assert_eq!(page.receive_text().await.unwrap(), RENDERED);
            assert_eq!(page.receive_text().await.unwrap(), RENDERED);
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
    assert_eq!(ann.receive_text().await.unwrap(), RENDERED);
    let receipt: Value = serde_json::from_str(&ann.receive_text().await.unwrap()).unwrap();
    assert_eq!(
        (&receipt["action"], &receipt["message"], &receipt["receipt"]),
        (&json!("sent"), &json!("2"), &json!("no. 7"))
    );
    assert_eq!(ann.receive_text().await.unwrap(), RENDERED);
    for _ in 0..2 {
        assert_eq!(bob.receive_text().await.unwrap(), RENDERED);
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

#[tokio::test(start_paused = true)]
async fn a_crowd_that_comes_and_goes_costs_few_lists() {
    let server = chat();
    let path = format!("/?userId=ann&groupId={}", people::GROUP);
    let mut page = server.connect(&path).await.unwrap();
    until(&mut page, &["ann".to_owned()]).await;
    for number in 0..100 {
        let visitor = server.connect(&format!("/?userId=u{number}")).await;
        drop(visitor.unwrap());
    }
    // So that the last list is another than the first.
    let _stays = server.connect("/?userId=bob").await.unwrap();
    let lists = until(&mut page, &["ann".to_owned(), "bob".to_owned()]).await;
    assert!(lists < 20, "{lists}");
}

#[tokio::test(start_paused = true)]
async fn pages_that_ask_know_in_the_end_who_is_here() {
    for _ in 0..20 {
        let server = chat();
        let open = |number: usize| {
            let path = format!("/?userId=u{}&groupId={}", number % 6, people::GROUP);
            let server = &server;
            async move { server.connect(&path).await.unwrap() }
        };
        // Eight at once, two of them with a second tab.
        let mut pages = futures_util::future::join_all((0..8).map(open)).await;
        let all: Vec<_> = (0..6).map(|number| format!("u{number}")).collect();
        for page in &mut pages {
            until(page, &all).await;
        }
        drop(pages.split_off(2));
        for page in &mut pages {
            until(page, &all[..2]).await;
        }
    }
}

/// Reads lists until one has these names, and tells how many it read.
async fn until(page: &mut Client, names: &[String]) -> usize {
    let mut lists = 0;
    loop {
        lists += 1;
        let message = page.receive().await.unwrap();
        assert_eq!(message.action, "people");
        let people: Value = message.parse_json().unwrap();
        if people == json!({"names": names, "count": names.len()}) {
            return lists;
        }
    }
}
