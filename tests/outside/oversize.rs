//! A message that is too long: every client sees 1009, whatever it is busy with.
//!
//! `TRIES=100` tries each a hundred times; three times are the default.

use std::process::Command;

use serde_json::json;

use crate::support::PATIENCE;
use crate::support::browser::{Browser, Viewport};
use crate::support::chat::{Chat, MAX_MESSAGE};
use crate::support::nginx::Nginx;
use crate::support::outside_dir;
use crate::support::process::{Process, script};

#[tokio::test]
async fn chromium_sees_1009() {
    let chat = Chat::start().await;
    let browser = Browser::start(Viewport::default()).await;
    browser.go_to(&chat.url("/")).await;
    let send = "
        const [[url, size], done] = arguments;
        const socket = new WebSocket(url);
        socket.onopen = () => socket.send('x'.repeat(size));
        socket.onclose = event => done(event.code);";

    for size in [MAX_MESSAGE * 3 / 2, MAX_MESSAGE * 16, MAX_MESSAGE * 64] {
        for attempt in 0..tries() {
            let code = browser
                .evaluate_async(send, json!([chat.socket_url(), size]))
                .await;
            assert_eq!(code, json!(1009), "{size} bytes, attempt {attempt}");
        }
    }
}

#[tokio::test]
async fn node_ws_sees_1009() {
    let chat = Chat::start().await;
    sees_1009(node(), &chat.socket_url()).await;
}

#[tokio::test]
async fn python_websockets_sees_1009() {
    let chat = Chat::start().await;
    let mut python = Command::new(outside_dir().join("venv/bin/python"));
    python.arg(script("oversize.py"));
    sees_1009(python, &chat.socket_url()).await;
}

/// nginx gives a connection up when its server does, whatever the client still sends.
#[tokio::test]
async fn node_ws_sees_1009_behind_nginx() {
    let chat = Chat::start().await;
    let nginx = Nginx::start(chat.address()).await;
    sees_1009(node(), &nginx.url("ws", "/__initializeSocket.wc")).await;
}

fn node() -> Command {
    let mut node = Command::new("node");
    node.arg(script("oversize.mjs"))
        .arg(outside_dir().join("node_modules/ws/wrapper.mjs"));
    node
}

/// The scripts send 1.5, 16 and 64 times the limit, whole and in fragments, and fail at the first
/// other code.
async fn sees_1009(mut client: Command, url: &str) {
    let tries = tries();
    client.args([url, &MAX_MESSAGE.to_string(), &tries.to_string()]);
    let mut client = Process::start("client", client);
    client.succeeds_within(PATIENCE * tries).await;
}

fn tries() -> u32 {
    match std::env::var("TRIES") {
        Ok(tries) => tries.parse().expect("a number of tries"),
        Err(_) => 3,
    }
}
