//! Other people's clients: Python's `websockets` and Node's `ws`.

use std::process::Command;

use crate::support::chat::Chat;
use crate::support::outside_dir;
use crate::support::process::{Process, script};

#[tokio::test]
async fn python_websockets_speaks_with_the_chat() {
    let chat = Chat::start().await;
    let mut python = Command::new(outside_dir().join("venv/bin/python"));
    python.arg(script("python_websockets.py"));

    speaks_with(&chat, python).await;
}

#[tokio::test]
async fn node_ws_speaks_with_the_chat() {
    let chat = Chat::start().await;
    let mut node = Command::new("node");
    node.arg(script("node_ws.mjs"))
        .arg(outside_dir().join("node_modules/ws/wrapper.mjs"));

    speaks_with(&chat, node).await;
}

/// Every script prints a line for each thing that worked, and fails at the first that did not.
async fn speaks_with(chat: &Chat, mut client: Command) {
    client.arg(chat.socket_url());
    Process::start("client", client).succeeds().await;
}
