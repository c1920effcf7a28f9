//! The command-line sender and the chat, each a program of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::json;

use crate::support::chat::{Chat, MAX_MESSAGE};
use crate::support::socket::Socket;
use crate::support::{example, free_port};

#[tokio::test]
async fn s12_a_program_without_a_socket_reaches_the_sockets_that_it_names() {
    let chat = Chat::start().await;
    let url = chat.socket_url();
    let mut ann = Socket::open(&format!("{url}?userId=ann&groupId=staff")).await;
    let mut bob = Socket::open(&format!("{url}?userId=bob&groupId=staff")).await;

    let note = ["--action", "note", "--message"];
    for (text, recipients, sockets) in [
        ("to ann", &["--user", "ann"][..], 1),
        ("to no socket", &["--user", "eve"], 0),
        ("to all but bob", &["--except-user", "bob"], 1),
        ("to staff", &["--group", "staff", "--group", "else"], 2),
    ] {
        let sent = send(
            &chat.url("/"),
            &[&note, &[text][..], recipients].concat(),
            "",
        );
        let report = format!("matched {sockets}, queued {sockets}, dropped 0, forwarded false\n");
        assert_eq!(String::from_utf8_lossy(&sent.stdout), report, "{sent:?}");
        assert!(sent.status.success());
    }
    for text in ["to ann", "to all but bob", "to staff"] {
        assert_eq!(ann.receive().await["message"], text);
    }
    assert_eq!(bob.receive().await["message"], "to staff");
}

#[tokio::test]
async fn a_whole_message_is_read_from_the_standard_input() {
    let chat = Chat::start().await;
    let mut ann = Socket::open(&format!("{}?userId=ann", chat.socket_url())).await;
    let message = json!({ "ACTION": "note", "message": "Grüße", "trace": [1, 2] });
    let sent = send(
        &chat.url("/"),
        &["--json", "-", "--user", "ann"],
        &message.to_string(),
    );
    assert!(sent.status.success(), "{sent:?}");
    let received = ann.receive().await;
    assert_eq!(received["action"], "note");
    assert_eq!(received["message"], "Grüße");
    assert_eq!(received["trace"], json!([1, 2]));
    assert_eq!(
        received["recipients"],
        json!([{ "type": "user", "value": "ann" }])
    );
}

#[tokio::test]
async fn a_failure_is_one_line_with_the_reason_and_exit_code_1() {
    let chat = Chat::start().await;
    let too_large = json!({ "action": "note", "message": "x".repeat(MAX_MESSAGE) }).to_string();
    let unused = format!("http://127.0.0.1:{}/", free_port());
    for (url, input, reason) in [
        (
            &chat.url("/"),
            &*too_large,
            "413 Payload Too Large: The body exceeds",
        ),
        (
            &chat.url("/"),
            "{\"message\": 7}",
            "`message` must be a string",
        ),
        (&unused, "{}", "the server cannot be reached: "),
        (
            &"localhost:5200".to_owned(),
            "{}",
            "it does not begin with http://",
        ),
    ] {
        let failed = send(url, &["--json", "-"], input);
        let told = String::from_utf8_lossy(&failed.stderr);
        assert!(told.contains(reason), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        assert_eq!((failed.status.code(), &*failed.stdout), (Some(1), &b""[..]));
    }
    let misused = send(&unused, &[], "");
    assert_eq!(misused.status.code(), Some(2), "{misused:?}");
}

fn send(url: &str, arguments: &[&str], input: &str) -> Output {
    let mut sender = Command::new(program())
        .args(["--url", url])
        .args(arguments)
        .env_remove("WEBCONNECTION_BROADCAST_TOKEN")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the sender that was built");
    let mut stdin = sender.stdin.take().expect("its standard input");
    // A sender that has nothing to read may have ended before.
    _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    sender.wait_with_output().expect("the end of the sender")
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::build("broadcast"))
}
