//! The chats of `examples/backends`, each with two sockets and a browser.

use serde_json::json;

use crate::support::backend::{Backend, Kind};
use crate::support::gateway::Gateway;
use crate::support::page::Page;
use crate::support::raw::{RawServer, exchange};
use crate::support::socket::Socket;
use crate::support::{PATIENCE, eventually};

macro_rules! with_each_backend {
    ($($test:ident),* $(,)?) => {
        mod php { $(#[tokio::test] async fn $test() { super::$test(super::Kind::Php).await; })* }
        mod php_fpm { $(#[tokio::test] async fn $test() { super::$test(super::Kind::PhpFpm).await; })* }
        mod python { $(#[tokio::test] async fn $test() { super::$test(super::Kind::Python).await; })* }
        mod flask { $(#[tokio::test] async fn $test() { super::$test(super::Kind::Flask).await; })* }
        mod node { $(#[tokio::test] async fn $test() { super::$test(super::Kind::Node).await; })* }
    };
}

with_each_backend!(
    visitors_chat,
    a_header_that_was_added_changed_or_left_out_is_refused,
    a_message_that_comes_again_is_answered_and_handled_once_unless_it_failed,
);

async fn visitors_chat(kind: Kind) {
    let backend = Backend::chat(kind).await;
    let gateway = Gateway::start(&backend.url(), &["--scripts", "/scripts"]).await;
    let mut ann = Socket::open(&gateway.socket_url("userId=ann")).await;
    let mut bob = Socket::open(&gateway.socket_url("userId=bob&groupId=caf%C3%A9")).await;
    let page = Page::join(&gateway.url(""), "eve", "").await;

    ann.send(&json!({
        "action": "broadcastchatmessage",
        "message": "<b>Grüße</b> & more",
        "userId": "ann",
        "recipients": [],
    }))
    .await;
    for socket in [&mut ann, &mut bob] {
        let heard = socket.receive().await;
        assert_eq!(heard["action"], "broadcastchatmessage");
        assert_eq!(heard["message"], "&lt;b&gt;Grüße&lt;/b&gt; &amp; more");
        assert_eq!(heard["userId"], "ann");
    }
    let shown = page.message("Grüße").await;
    assert_eq!(
        (&*shown.author, &*shown.text),
        ("ann", "<b>Grüße</b> & more")
    );

    page.send("from the page").await;
    for socket in [&mut ann, &mut bob] {
        assert_eq!(socket.receive().await["message"], "from the page");
    }
    // The application's reply, which only the page gets.
    page.browser()
        .until("document.querySelector('.message .delivery')?.dataset.state === 'sent'")
        .await;

    bob.send(
        &json!({"action": "broadcastchatmessage", "message": "to the café", "userId": "bob",
        "recipients": [{"type": "group", "value": "café"}]}),
    )
    .await;
    assert_eq!(bob.receive().await["message"], "to the café");
    ann.send(&json!({"action": "order.shipped"})).await;
    let error = ann.receive().await;
    assert_eq!(error["action"], "__error");
    assert_eq!(
        (&error["error"]["code"], &error["error"]["status"]),
        (&json!("failed"), &json!(422))
    );
}

async fn a_header_that_was_added_changed_or_left_out_is_refused(kind: Kind) {
    let backend = Backend::chat(kind).await;
    let address = backend.address();
    let mut tapped = Tapped::start().await;
    let request = tapped.request("broadcastchatmessage", "hello").await;
    for (what, forged) in [
        (
            "added",
            request.replacen("\r\n", "\r\nWebSocket-Extra: 1\r\n", 1),
        ),
        (
            "changed",
            request.replace("websocket-user-id: ann", "websocket-user-id: bob"),
        ),
        (
            "left out",
            request.replace("websocket-identity: claimed\r\n", ""),
        ),
        // Some servers know the last one alone. In another case it would end PHP's, for want of memory.
        (
            "twice",
            request.replacen("\r\n\r\n", "\r\nwebsocket-user-id: bob\r\n\r\n", 1),
        ),
        (
            "twice, and first",
            request.replacen(
                "\r\n",
                if kind == Kind::PhpFpm {
                    "\r\nWebSocket-Extra: 1\r\n"
                } else {
                    "\r\nwebsocket-user-id: bob\r\n"
                },
                1,
            ),
        ),
        ("in the body", request.replace("\"hello\"", "\"jello\"")),
        (
            "in the path",
            request
                .replacen("/__WebSocket.wwd", "/__WebSocket.wwd?", 1)
                .replacen('?', "?x=1", 1),
        ),
        ("in the time", request.replace(";created=1", ";created=2")),
        (
            "without a signature",
            request.replace("\nsignature", "\nx-signature"),
        ),
    ] {
        assert_ne!(forged, request, "{what}: {request}");
        let answer = exchange(address, &forged).await;
        // Node and others refuse what is not HTTP by themselves.
        assert!(
            answer.starts_with("HTTP/1.1 401 ")
                || answer.starts_with("HTTP/1.1 400 ")
                || answer.starts_with("HTTP/1.0 401 "),
            "{what}: {answer}"
        );
    }
    let whole = exchange(address, &request).await;
    assert!(
        whole.contains(" 200 ") || whole.contains(" 204 "),
        "{whole}"
    );
    assert_eq!(tapped.ann.receive().await["message"], "hello");
}

async fn a_message_that_comes_again_is_answered_and_handled_once_unless_it_failed(kind: Kind) {
    let backend = Backend::chat(kind).await;
    let address = backend.address();
    let mut tapped = Tapped::start().await;
    let status = async |request: &str| {
        let answer = exchange(address, request).await;
        answer
            .split_whitespace()
            .nth(1)
            .and_then(|code| code.parse().ok())
    };

    let first = tapped.request("broadcastchatmessage", "first").await;
    let second = tapped.request("broadcastchatmessage", "second").await;
    for request in [&first, &first, &first, &second] {
        let status: Option<u16> = status(request).await;
        assert!(matches!(status, Some(200 | 204)), "{status:?}");
    }
    for text in ["first", "second"] {
        assert_eq!(tapped.ann.receive().await["message"], text);
    }

    let unknown = tapped.request("order.shipped", "").await;
    let lost = tapped.request("broadcastchatmessage", "lost").await;
    // Nothing takes broadcasts any more.
    drop(tapped);
    for (request, failed) in [(unknown, 422), (lost, 500)] {
        for _ in 0..2 {
            assert_eq!(status(&request).await, Some(failed));
        }
    }
}

/// A gateway whose requests a test reads, and passes on to the application as it likes.
struct Tapped {
    ann: Socket,
    listener: RawServer,
    _gateway: Gateway,
}

impl Tapped {
    async fn start() -> Self {
        let listener = RawServer::start("HTTP/1.1 204 No Content\r\n\r\n", true).await;
        let gateway = Gateway::start(&listener.url(), &[]).await;
        Self {
            ann: Socket::open(&gateway.socket_url("userId=ann")).await,
            listener,
            _gateway: gateway,
        }
    }

    /// Lets ann say something, and returns what the application would get.
    async fn request(&mut self, action: &str, text: &str) -> String {
        let message = json!({"action": action, "message": text});
        self.ann.send(&message).await;
        let requests = eventually("a dispatch", PATIENCE, async || {
            Some(self.listener.take()).filter(|requests| !requests.is_empty())
        });
        let request = requests.await.concat();
        request.replacen("\r\n", "\r\nConnection: close\r\n", 1)
    }
}
