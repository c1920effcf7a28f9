//! What the README tells its reader to type.

use std::process::Command;

use crate::support::chat::Chat;
use crate::support::page::Page;

#[tokio::test]
async fn the_curl_line_reaches_every_page() {
    let chat = Chat::start().await;
    let (ann, bob) = Page::join_two(&chat.url("")).await;

    let line = readme_curl_line();
    let line = line.replace(address_in(&line), &chat.address().to_string());
    let curl = Command::new("sh")
        .args(["-ec", &line])
        .output()
        .expect("a shell");
    assert!(
        curl.status.success(),
        "{line}\n{}",
        String::from_utf8_lossy(&curl.stderr)
    );
    assert!(
        String::from_utf8_lossy(&curl.stdout).contains("\"matched\":2"),
        "{curl:?}"
    );

    for page in [ann, bob] {
        page.browser()
            .until("document.querySelectorAll('#messages article.message').length === 1")
            .await;
        let text = page.messages().await.remove(0).text;
        assert!(
            !text.is_empty() && line.contains(text.split_whitespace().next().unwrap()),
            "{text:?} is not of {line}"
        );
    }
}

/// The command that the README shows, its continuation lines included.
fn readme_curl_line() -> String {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"))
        .expect("the README");
    let mut lines = readme.lines().skip_while(|line| !line.starts_with("curl "));
    let mut command = String::new();
    for line in &mut lines {
        command.push_str(line);
        command.push('\n');
        if !line.ends_with('\\') {
            break;
        }
    }
    assert!(
        command.contains("__broadcastWebSocket.wc"),
        "the README shows how to broadcast with curl: {command:?}"
    );
    command
}

fn address_in(command: &str) -> &str {
    let (_, rest) = command.split_once("http://").expect("a URL");
    rest.split('/').next().expect("a host and a port")
}
