use std::time::Duration;

use serde_json::Value;
use tower::Layer;
use web_connection_socket::testing::{Client, Server};

use super::{ANSWER, app, layer};

fn server() -> Server {
    Server::new(layer(Duration::from_millis(80)).layer(app()))
}

const PAGE: &str = "/__initializeSocket.wc?userId=ann&resume=1";

async fn frame(page: &mut Client) -> Value {
    let text = page.receive_text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Reads so many pieces of the answer, or all that are left, and tells up to where it read.
async fn read(page: &mut Client, text: &mut String, pieces: usize) -> (bool, String) {
    let mut position = String::new();
    for _ in 0..pieces {
        let message = frame(page).await;
        position = message["__position"].as_str().unwrap().to_owned();
        match message["action"].as_str().unwrap() {
            "begin" => assert_eq!(message["message"], "why?"),
            "piece" => text.push_str(message["message"].as_str().unwrap()),
            action => {
                assert_eq!(action, "end");
                return (true, position);
            }
        }
    }
    (false, position)
}

const ASK: &str = r#"{"action":"ask","message":"why?"}"#;

#[tokio::test(start_paused = true)]
async fn an_answer_is_whole_for_a_page_that_comes_back_again_and_again() {
    let server = server();
    let mut page = server.connect(PAGE).await.unwrap();
    assert_eq!(frame(&mut page).await["action"], "__resumed");
    page.send_text(ASK).await.unwrap();
    let mut text = String::new();
    let (mut is_whole, mut position) = read(&mut page, &mut text, 10).await;
    let mut missed = 0;
    while !is_whole {
        drop(page);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let path = format!("{PAGE}&position={position}");
        page = server.connect(&path).await.unwrap();
        let resumed = frame(&mut page).await;
        let stream = &resumed["streams"]["__user"];
        assert_eq!(stream["recovered"], true, "{resumed}");
        missed += stream["missed"].as_u64().unwrap();
        (is_whole, position) = read(&mut page, &mut text, 20).await;
    }
    assert_eq!(text, ANSWER);
    assert!(missed > 10, "{missed}");
}

#[tokio::test(start_paused = true)]
async fn a_visitor_gets_one_answer_at_a_time_and_no_other_visitors() {
    let server = server();
    let mut ann = server.connect("/?userId=ann").await.unwrap();
    let mut bob = server.connect("/?userId=bob").await.unwrap();
    for _ in 0..2 {
        ann.send_text(ASK).await.unwrap();
    }
    let mut text = String::new();
    let mut refused = 0;
    loop {
        let message = ann.receive().await.unwrap();
        match message.action.as_str() {
            "piece" => text.push_str(&message.message),
            "refused" => refused += 1,
            "end" => break,
            _ => {}
        }
    }
    assert_eq!((&*text, refused), (ANSWER, 1));
    // Whatever had been sent to him would come first.
    let mut nameless = server.connect("/").await.unwrap();
    nameless.send_text(ASK).await.unwrap();
    assert_eq!(frame(&mut nameless).await["action"], "refused");
    bob.send_text(ASK).await.unwrap();
    assert_eq!(frame(&mut bob).await["action"], "begin");
}
