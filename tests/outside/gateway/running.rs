//! The gateway at work: TLS, HTTP/2, Unix sockets, other WebSockets, its log, its status and its end.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::CertifiedKey;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{
    Request as Handshake, Response as Accepted,
};
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};
use web_connection_socket::{Config, Server, WebConnectionSocketLayer};

use crate::support::PATIENCE;
use crate::support::gateway::{Gateway, TOKEN};
use crate::support::http::Http;
use crate::support::raw::{RawServer, exchange};
use crate::support::scratch::Scratch;
use crate::support::socket::Socket;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET: &str = "GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Writes a new certificate for `localhost` and its key into two files.
fn write_certificate(certificate: &Path, key: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let CertifiedKey { cert, signing_key } = made.expect("a certificate");
    fs::write(certificate, cert.pem()).expect("a file in the scratch folder");
    fs::write(key, signing_key.serialize_pem()).expect("a file in the scratch folder");
    cert.der().clone()
}

/// Whether a client that trusts this certificate alone takes the gateway for `localhost`.
async fn is_trusted(gateway: &Gateway, certificate: &CertificateDer<'static>) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(gateway.address())
        .await
        .expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    timeout(PATIENCE, handshake)
        .await
        .expect("an answer in time")
        .is_ok()
}

#[tokio::test]
async fn a_certificate_is_read_again_and_an_unreadable_one_is_not_taken() {
    let server = RawServer::start(OK, true).await;
    let folder = Scratch::new("certificate");
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    let first = write_certificate(&certificate, &key);
    let paths = [&certificate, &key].map(|path| path.display().to_string());
    let arguments = [
        "--tls-cert",
        &paths[0],
        "--tls-key",
        &paths[1],
        "--control-port",
        "0",
    ];
    let mut gateway = Gateway::start(&server.url(), &arguments).await;
    assert!(is_trusted(&gateway, &first).await);

    let second = write_certificate(&certificate, &key);
    assert!(is_trusted(&gateway, &first).await && !is_trusted(&gateway, &second).await);
    gateway.process().signal("HUP");
    gateway
        .process()
        .line_with("read the certificate and its key again")
        .await;
    assert!(is_trusted(&gateway, &second).await && !is_trusted(&gateway, &first).await);

    fs::write(&key, "not a key").expect("a file in the scratch folder");
    gateway.process().signal("HUP");
    gateway
        .process()
        .line_with("kept the certificate that was read before: --tls-key")
        .await;
    assert!(is_trusted(&gateway, &second).await);

    // Of the other certificate.
    write_certificate(&folder.path().join("other.pem"), &key);
    gateway.process().signal("HUP");
    gateway.process().line_with("may not be consistent").await;
    assert!(is_trusted(&gateway, &second).await);
}

#[tokio::test]
async fn asked_to_stop_it_closes_its_sockets_and_ends() {
    let server = RawServer::start(OK, true).await;
    let mut gateway = Gateway::start(
        &server.url(),
        &["--control-port", "0", "--status-port", "0"],
    )
    .await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(Socket::open(&gateway.socket_url("")).await);
    }
    gateway.process().signal("TERM");
    for socket in &mut sockets {
        assert_eq!(socket.drain().await, Some(1001));
    }
    gateway.process().succeeds().await;
}

#[tokio::test]
async fn a_control_port_takes_broadcasts_and_the_public_one_does_not() {
    let server = RawServer::start(OK, true).await;
    let control = crate::support::free_port();
    let port = control.to_string();
    let gateway = Gateway::start(&server.url(), &["--control-port", &port]).await;
    let mut socket = Socket::open(&gateway.socket_url("")).await;
    let json = json!({"action": "news"}).to_string();
    let bearer = format!("Bearer {TOKEN}");
    let token = [("authorization", &*bearer)];
    let broadcast = "/__broadcastWebSocket.wc";
    let (private, public) = (
        format!("http://127.0.0.1:{port}{broadcast}"),
        gateway.url(broadcast),
    );
    assert_eq!(Http::new().post(&public, &token, &json).await.status, 404);
    assert_eq!(Http::new().post(&private, &[], &json).await.status, 401);
    assert_eq!(Http::new().post(&private, &token, &json).await.status, 200);
    assert_eq!(socket.receive().await["action"], "news");
    assert!(
        gateway
            .log()
            .contains(&format!("broadcast_url=\"{private}\"")),
        "{}",
        gateway.log()
    );
}

#[tokio::test]
async fn each_refused_call_is_one_line_with_its_reason() {
    let server = RawServer::start(OK, true).await;
    let mut gateway = Gateway::start(&server.url(), &["--log-format", "json"]).await;
    for number in 0..5 {
        let url = gateway.url(&format!("/{number}/__broadcastWebSocket.wc?secret"));
        assert_eq!(Http::new().post(&url, &[], "{}").await.status, 401);
    }
    let page = exchange(gateway.address(), GET).await;
    assert!(page.ends_with("ok"), "{page}");
    gateway
        .process()
        .line_with("/4/__broadcastWebSocket.wc")
        .await;
    let log = gateway.log();
    let refused: Vec<serde_json::Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &serde_json::Value| {
            line["message"]
                .as_str()
                .is_some_and(|text| text.contains("refused"))
        })
        .collect();
    assert_eq!(refused.len(), 5, "{log}");
    for (number, line) in refused.iter().enumerate() {
        assert_eq!(
            line["path"],
            format!("\"/{number}/__broadcastWebSocket.wc\"")
        );
        assert_eq!(
            (&line["status"], &line["method"]),
            (&json!(401), &json!("POST"))
        );
        assert!(
            line["peer"].as_str().unwrap().starts_with("127.0.0.1:"),
            "{line}"
        );
        assert!(
            line["message"]
                .as_str()
                .unwrap()
                .starts_with("refused: The bearer token is missing."),
            "{line}"
        );
    }
    assert!(!log.contains("secret") && !log.contains("/page"), "{log}");
}

#[tokio::test]
async fn an_application_that_is_down_is_a_bad_gateway_and_its_cause_stays_in_the_log() {
    let mut gateway = Gateway::start("http://127.0.0.1:1", &[]).await;
    let answer = exchange(gateway.address(), GET).await;
    assert!(
        answer.starts_with("HTTP/1.1 502 ") && !answer.contains("refused (os"),
        "{answer}"
    );
    gateway
        .process()
        .line_with("cause=\"Connection refused")
        .await;
}

#[tokio::test]
async fn its_status_is_one_line() {
    let server = RawServer::start(OK, true).await;
    let port = crate::support::free_port();
    let gateway = Gateway::start(&server.url(), &["--status-port", &port.to_string()]).await;
    let _socket = Socket::open(&gateway.socket_url("userId=ann")).await;
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = exchange(([127, 0, 0, 1], port).into(), request).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        body.starts_with("sockets=1 users=1 received=0 "),
        "{answer}"
    );
    assert!(
        body.ends_with('\n') && body.lines().count() == 1,
        "{answer}"
    );
}

#[tokio::test]
async fn the_application_may_listen_at_a_unix_socket() {
    let folder = Scratch::new("unix");
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).expect("a socket in the scratch folder");
    let app = axum::Router::new().fallback(async |request: axum::extract::Request| {
        format!("{} {:?}", request.uri(), request.headers()["host"])
    });
    let task = tokio::spawn(async { axum::serve(listener, app).await });
    let gateway = Gateway::start(&format!("unix:{}", path.display()), &[]).await;
    let answer = exchange(gateway.address(), GET).await;
    assert!(answer.ends_with("/page \"localhost\""), "{answer}");
    task.abort();
}

#[tokio::test]
async fn the_application_may_speak_tls_with_an_authority_of_its_own() {
    let folder = Scratch::new("authority");
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    write_certificate(&certificate, &key);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let layer = WebConnectionSocketLayer::new(Config::new());
    let server = Server::new(listener, &layer.hub());
    let app = axum::Router::new().fallback(async || "over TLS");
    let tls = crate::support::tls::acceptor(&certificate, &key);
    let task = tokio::spawn(server.serve_tls(move |tcp| tls.accept(tcp), app));

    let url = format!("https://localhost:{port}");
    let pem = certificate.display().to_string();
    let gateway = Gateway::start(&url, &["--upstream-ca", &pem]).await;
    let answer = exchange(gateway.address(), GET).await;
    assert!(answer.ends_with("over TLS"), "{answer}");

    let mut distrusting = Gateway::start(&url, &[]).await;
    let answer = exchange(distrusting.address(), GET).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    distrusting
        .process()
        .line_with("cause=\"invalid peer certificate")
        .await;
    task.abort();
}

#[tokio::test]
async fn a_directory_of_the_upstream_goes_before_every_path() {
    let server = RawServer::start(OK, true).await;
    let gateway = Gateway::start(&format!("{}/shop/", server.url()), &[]).await;
    exchange(gateway.address(), GET).await;
    assert!(
        server
            .take()
            .concat()
            .starts_with("GET /shop/page HTTP/1.1\r\n")
    );
}

#[tokio::test]
async fn other_websockets_of_the_application_pass_through() {
    let (echo, task) = echo_server().await;
    let gateway = Gateway::start(&echo, &[]).await;

    let mut request = format!("ws://{}/graphql", gateway.address())
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-ws".parse().unwrap());
    let tcp = TcpStream::connect(gateway.address()).await.unwrap();
    let (socket, answer) = timeout(PATIENCE, client_async(request, tcp))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "graphql-ws");
    echoes(socket).await;

    // As a stream of HTTP/2.
    let tcp = TcpStream::connect(gateway.address()).await.unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tcp));
    let (mut sender, connection) = handshake.await.unwrap();
    let settings = async {
        while !connection.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, settings).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{}/graphql", gateway.address()))
        .header("sec-websocket-protocol", "graphql-ws")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(Full::<Bytes>::default())
        .unwrap();
    let mut answer = timeout(PATIENCE, sender.send_request(request))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "graphql-ws");
    assert!(!answer.headers().contains_key("sec-websocket-accept"));
    let stream = TokioIo::new(hyper::upgrade::on(&mut answer).await.unwrap());
    echoes(WebSocketStream::from_raw_socket(stream, Role::Client, None).await).await;

    // A refusal passes through as well.
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://{}/elsewhere", gateway.address()))
        .header("sec-websocket-protocol", "graphql-ws")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = timeout(PATIENCE, sender.send_request(request))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(answer.status(), 404);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "no such socket");
    connection.abort();
    task.abort();
}

async fn echoes<S>(mut socket: WebSocketStream<S>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    for message in [Message::text("hello"), Message::binary(vec![7; 100_000])] {
        socket.send(message.clone()).await.expect("an open socket");
        let echo = timeout(PATIENCE, socket.next())
            .await
            .expect("an echo in time")
            .expect("an open socket")
            .expect("a message");
        assert_eq!(echo, message);
    }
    socket.close(None).await.expect("an open socket");
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    timeout(PATIENCE, ended).await.expect("the end in time");
}

/// An application with a WebSocket of its own at `/graphql`.
async fn echo_server() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.expect("a listening socket");
            tokio::spawn(async move {
                #[expect(clippy::result_large_err, reason = "the library's signature")]
                let choose = |request: &Handshake, mut accepted: Accepted| {
                    if request.uri().path() != "/graphql" {
                        let mut refused = http::Response::new(Some("no such socket".to_owned()));
                        *refused.status_mut() = http::StatusCode::NOT_FOUND;
                        refused.headers_mut().insert("content-length", 14.into());
                        return Err(refused);
                    }
                    let protocol = request.headers()["sec-websocket-protocol"].clone();
                    accepted
                        .headers_mut()
                        .insert("sec-websocket-protocol", protocol);
                    Ok(accepted)
                };
                let Ok(mut socket) = accept_hdr_async(tcp, choose).await else {
                    return;
                };
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() || message.is_binary() {
                        socket.send(message).await.expect("an open socket");
                    }
                }
            });
        }
    });
    (url, task)
}
