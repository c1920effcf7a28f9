//! What the tests share: servers, clients that send anything, networks, and a log to read.

pub(crate) mod app;
pub(crate) mod http;
pub(crate) mod http2;
pub(crate) mod log;
pub(crate) mod proxy;
pub(crate) mod raw;
pub(crate) mod spelled;
pub(crate) mod stalled;
pub(crate) mod tcp;
pub(crate) mod tls;
pub(crate) mod wire;

use std::{future::Future, time::Duration};

use axum::Router;
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tower::Layer;
use web_connection_socket::{
    CloseReason, Config, Hub, Recipient, SocketMessage, WebConnectionSocketLayer,
    testing::{Client, Server},
};

/// How long a wait may take on a busy machine before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Longer than any test runs a paused clock: those that run wait with [`soon`].
const A_DAY: Duration = Duration::from_secs(24 * 3_600);

/// The usual configuration of a test: programs on this machine may broadcast.
pub(crate) fn config() -> Config {
    Config::new().trust_local_callers()
}

/// A layer with that configuration whose sockets' messages go straight to the sockets they name.
pub(crate) fn relay() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config()).relay()
}

/// A server in memory with an application that has no routes.
pub(crate) fn serve(layer: &WebConnectionSocketLayer) -> Server {
    serve_app(layer, Router::new())
}

/// A server in memory around an application.
pub(crate) fn serve_app(layer: &WebConnectionSocketLayer, app: Router) -> Server {
    Server::new(layer.layer(app)).timeout(A_DAY)
}

/// Opens a socket for a user in some groups.
pub(crate) async fn join(server: &Server, user: &str, groups: &[&str]) -> Client {
    let mut path = format!("/__initializeSocket.wc?userId={user}");
    for group in groups {
        path.push_str("&groupId=");
        path.push_str(group);
    }
    server.connect(&path).await.expect("an open socket")
}

/// Closes a socket and waits until the server has.
pub(crate) async fn leave(client: Client, hub: &Hub) {
    let before = hub.len();
    let closed = client.close(CloseReason::NORMAL).await;
    closed.expect("an open socket");
    until("the socket is gone", || hub.len() < before).await;
}

/// A message whose action is `news`.
pub(crate) fn news(text: impl Into<String>) -> SocketMessage {
    SocketMessage::new("news").text(text)
}

/// A message for these recipients.
pub(crate) fn news_to(
    text: impl Into<String>,
    recipients: impl IntoIterator<Item = Recipient>,
) -> SocketMessage {
    let mut message = news(text);
    message.recipients = recipients.into_iter().collect();
    message
}

/// Waits for the text of a client's next message.
pub(crate) async fn text(client: &mut Client) -> String {
    let message = soon("a message", client.receive()).await;
    message.expect("an open socket").message
}

/// Waits for a client's next frame as JSON, which an error frame is as well.
pub(crate) async fn frame(client: &mut Client) -> Value {
    let text = soon("a frame", client.receive_text()).await;
    serde_json::from_str(&text.expect("an open socket")).expect("JSON")
}

/// Waits for an error frame and gives its code and status; it has the five keys of a message.
pub(crate) async fn error_of(client: &mut Client) -> (String, u64) {
    let frame = frame(client).await;
    assert_eq!(frame["action"], "__error", "{frame}");
    assert_eq!(
        (&frame["groupId"], &frame["userId"]),
        (&json!(""), &json!(""))
    );
    assert_eq!(frame["recipients"], json!([]));
    assert!(
        frame["message"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    let error = &frame["error"];
    let code = error["code"].as_str().expect("a code").to_owned();
    (code, error["status"].as_u64().expect("a status"))
}

/// Waits for a future that ends at once unless something is wrong.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Runs a future beside the test.
#[expect(clippy::disallowed_methods, reason = "the test joins it")]
pub(crate) fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(future)
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(1)).await;
    }
}
