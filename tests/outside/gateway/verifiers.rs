//! The signature, by other people's libraries: http-message-signatures of PyPI and of npm.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::gateway::{Gateway, KEY};
use crate::support::process::script;
use crate::support::raw::RawServer;
use crate::support::socket::Socket;
use crate::support::{PATIENCE, eventually, outside_dir};

#[tokio::test]
async fn libraries_of_python_and_node_verify_it() {
    let listener = RawServer::start("HTTP/1.1 204 No Content\r\n\r\n", true).await;
    let gateway = Gateway::start(&listener.url(), &[]).await;
    let mut ann =
        Socket::open(&gateway.socket_url("userId=ann&groupId=a%2Cb&groupId=%C3%A9")).await;
    ann.send(&json!({"action": "say", "message": "Grüße"}))
        .await;
    let request = eventually("a dispatch", PATIENCE, async || {
        Some(listener.take().concat()).filter(|request| !request.is_empty())
    })
    .await;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let target = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: Vec<_> = lines
        .map(|line| {
            line.split_once(": ")
                .unwrap_or((line.trim_end_matches(':'), ""))
        })
        .collect();
    let whole = json!({"target": target, "headers": headers, "body": body});
    let mut added = whole.clone();
    added["headers"]
        .as_array_mut()
        .unwrap()
        .push(json!(["WebSocket-Extra", "1"]));
    let mut changed = whole.clone();
    for header in changed["headers"].as_array_mut().unwrap() {
        if header[0] == "websocket-user-id" {
            header[1] = json!("bob");
        }
    }
    let mut other_body = whole.clone();
    other_body["body"] = json!("{}");

    for verifier in ["verify.py", "verify.mjs"] {
        assert!(verifies(verifier, KEY, &whole), "{verifier}: {whole}");
        assert!(!verifies(verifier, "another key", &whole), "{verifier}");
        for forged in [&added, &changed, &other_body] {
            assert!(!verifies(verifier, KEY, forged), "{verifier}: {forged}");
        }
    }
}

fn verifies(verifier: &str, key: &str, request: &Value) -> bool {
    let program = if verifier.ends_with(".py") {
        outside_dir().join("venv/bin/python")
    } else {
        "node".into()
    };
    let mut child = Command::new(program)
        .arg(script(&format!("gateway/{verifier}")))
        .arg(key)
        .env("OUTSIDE", outside_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a program that tests/run installs");
    let mut stdin = child.stdin.take().expect("its standard input");
    stdin
        .write_all(request.to_string().as_bytes())
        .expect("a program that reads");
    drop(stdin);
    let ended = child.wait_with_output().expect("the end of the program");
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.success(), printed.contains("verified"));
    ended.status.success()
}
