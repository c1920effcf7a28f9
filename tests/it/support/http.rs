//! Callers of the reserved URLs.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::Value;
use web_connection_socket::{SocketMessage, testing::Server};

use super::soon;

/// Where a message for the sockets is posted.
pub(crate) const BROADCAST: &str = "/__broadcastWebSocket.wc";

/// Where a message for the application is posted.
pub(crate) const WEB_SOCKET: &str = "/__WebSocket.wwd";

/// Posts a body to a path of the server.
pub(crate) async fn post(server: &Server, path: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let request = Request::post(path).body(body.into()).expect("a request");
    send(server, request).await
}

/// Asks for a path of the server.
pub(crate) async fn fetch(server: &Server, path: &str) -> Response<Bytes> {
    let request = Request::get(path).body(Bytes::new()).expect("a request");
    send(server, request).await
}

/// Sends any request.
pub(crate) async fn send(server: &Server, request: Request<Bytes>) -> Response<Bytes> {
    let response = soon("an answer", server.request(request)).await;
    response.expect("an answer")
}

/// Broadcasts over HTTP and gives `matched`, `queued` and `dropped` of the report.
pub(crate) async fn publish(server: &Server, message: &SocketMessage) -> (u64, u64, u64) {
    let response = post(server, BROADCAST, message.encode()).await;
    assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
    let report = json_of(&response);
    let count = |key: &str| report[key].as_u64().expect("a count");
    assert_eq!(report["forwarded"], false);
    (count("matched"), count("queued"), count("dropped"))
}

/// Reads an answer's body.
pub(crate) fn json_of(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).expect("JSON")
}
