//! A stand-in for a Web Connection server, whose `BroadcastMessage` derives its URL from the request.

use serde_json::json;

use crate::support::backend::{Backend, Kind};
use crate::support::gateway::Gateway;
use crate::support::http::Http;
use crate::support::process::script;
use crate::support::raw::exchange;
use crate::support::socket::Socket;

#[tokio::test]
async fn its_broadcasts_come_in_by_its_address_and_no_others_do() {
    let backend = Backend::start(Kind::Python, &script("gateway/foxpro.py")).await;
    let network = format!("{}/32", backend.address().ip());
    let settings = crate::support::scratch::Scratch::new("settings");
    let file = settings.path().join("WebConnectionWebServerSettings.xml");
    let xml = "<WebConnectionWebServerSettings><UseWebSockets>True</UseWebSockets>\
        <WebSocketProcessScriptmap>wwt</WebSocketProcessScriptmap></WebConnectionWebServerSettings>";
    std::fs::write(file, xml).expect("a file in the scratch folder");
    let folder = settings.path().display().to_string();
    let arguments = [
        "--allow-callers-from",
        &network,
        "--settings",
        &folder,
        "--host",
        "127.0.0.1",
    ];
    let gateway = Gateway::start_unsigned(&backend.url(), &arguments).await;
    let mut ann = Socket::open(&gateway.socket_url("userId=ann")).await;
    let mut bob = Socket::open(&gateway.socket_url("userId=bob")).await;

    ann.send(&json!({"action": "shout", "message": "hello", "userId": "ann"}))
        .await;
    for socket in [&mut ann, &mut bob] {
        let heard = socket.receive().await;
        assert_eq!(
            (&heard["message"], &heard["userId"]),
            (&json!("HELLO"), &json!("ann"))
        );
    }

    for name in ["__broadcastWebSocket.wc", "__WebSocket.wwt"] {
        let url = gateway.url(&format!("/{name}"));
        let answer = Http::new().post(&url, &[], "{\"action\":\"forged\"}").await;
        assert!(
            matches!(answer.status.as_u16(), 401 | 403),
            "{name}: {}",
            answer.status
        );
    }
    // The host that a visitor asks for decides where such an application broadcasts.
    let handshake = "GET /__initializeSocket.wc HTTP/1.1\r\nHost: evil.example\r\n\
        Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let answer = exchange(gateway.address(), handshake).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}
