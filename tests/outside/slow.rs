//! A peer that never reads, beside healthy ones.

use serde_json::json;

use crate::support::chat::{Chat, MAX_MESSAGE};
use crate::support::http::Http;
use crate::support::socket::Socket;

const BROADCASTS: usize = 512;

#[tokio::test]
async fn a_client_that_never_reads_is_closed_and_costs_no_other_client_anything() {
    let chat = Chat::start().await;
    let url = chat.socket_url();
    let mut stalled = Socket::open_with_buffer(&url, 4096).await;
    let mut healthy = [
        Socket::open(&url).await,
        Socket::open(&url).await,
        Socket::open(&url).await,
    ];
    let http = Http::new();
    let text = "x".repeat(MAX_MESSAGE / 2);
    let mut matched = Vec::new();
    let mut resident = Vec::new();

    for number in 0..BROADCASTS {
        let message = json!({ "action": "load", "message": text, "number": number }).to_string();
        let answer = http
            .post(&chat.url("/__broadcastWebSocket.wc"), &[], &message)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        matched.push(answer.json()["matched"].as_u64());
        for socket in &mut healthy {
            assert_eq!(socket.receive().await["number"], json!(number));
        }
        resident.push(chat.resident_kib());
    }

    assert_eq!((matched[0], matched[BROADCASTS - 1]), (Some(4), Some(3)));
    // The queue of a socket is bounded to 1 MiB, and the last 100 messages, which the chat keeps, are 3 MiB; what the
    // stalled one did not read is 16 MiB.
    let grown = resident.iter().max().unwrap() - resident[0];
    assert!(grown < 8 * 1024, "the server grew by {grown} KiB");
    let code = stalled.drain().await;
    assert!(matches!(code, None | Some(1013)), "closed with {code:?}");
}
