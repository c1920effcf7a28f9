//! Every spelling of a reserved URL, through the gateway to four servers: what reaches one is not the
//! gateway's by the name that this server gives its path.

use serde_json::Value;

use crate::support::backend::{Backend, Kind};
use crate::support::gateway::Gateway;
use crate::support::process::script;
use crate::support::raw::exchange;
use crate::support::spelled::every_spelling;

#[tokio::test]
async fn php_reads_none_of_them_as_ours() {
    none_is_ours(Kind::Php, "seen.php").await;
}

#[tokio::test]
async fn nginx_reads_none_of_them_as_ours() {
    none_is_ours(Kind::PhpFpm, "seen.php").await;
}

#[tokio::test]
async fn python_reads_none_of_them_as_ours() {
    none_is_ours(Kind::Python, "seen.py").await;
}

#[tokio::test]
async fn gunicorn_reads_none_of_them_as_ours() {
    none_is_ours(Kind::Flask, "seen.py").await;
}

#[tokio::test]
async fn node_reads_none_of_them_as_ours() {
    none_is_ours(Kind::Node, "seen.mjs").await;
}

async fn none_is_ours(kind: Kind, program: &str) {
    let backend = Backend::start(kind, &script(&format!("gateway/seen/{program}"))).await;
    let gateway = Gateway::start(&backend.url(), &[]).await;
    let (mut passed, mut refused) = (0, 0);
    for target in every_spelling() {
        for method in ["POST", "GET", "PROPFIND"] {
            let request = format!(
                "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                 WebSocket-Event: message\r\nwebsocket_event: message\r\nWebSocket.Event: message\r\n\
                 Signature-Input: wcs=()\r\nContent-Length: 2\r\n\r\n{{}}"
            );
            let answer = exchange(gateway.address(), &request).await;
            let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
            // A body may come in chunks.
            let json = body.find('{').zip(body.rfind('}'));
            let json = json.map_or("", |(start, end)| &body[start..=end]);
            let seen: Value = serde_json::from_str(json).unwrap_or_default();
            let Some(paths) = seen["paths"].as_array() else {
                refused += 1;
                let status: String = answer.chars().skip(9).take(3).collect();
                assert!(
                    ["400", "401", "403", "404", "405", "501", "502"].contains(&&*status),
                    "{request}: {answer}"
                );
                continue;
            };
            passed += 1;
            assert_eq!(seen["ours"], false, "{request}: {answer}");
            for path in paths {
                assert!(
                    !is_ours(path.as_str().expect("a path")),
                    "{request}: {answer}"
                );
            }
        }
    }
    assert!(
        passed >= 12 && refused > 350,
        "{passed} passed, {refused} refused"
    );
}

/// Whether an application would take a request at this path for one of the gateway's.
fn is_ours(path: &str) -> bool {
    let path = path.to_ascii_lowercase().replace('\\', "/");
    let mut segments = path.split('/');
    segments.any(|segment| {
        [
            "__websocket.wwd",
            "__broadcastwebsocket.wc",
            "__presence.wc",
        ]
        .contains(&segment.trim_matches([' ', '.', '\0']))
    })
}
