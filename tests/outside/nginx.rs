//! A real nginx in front, with the settings that sites copy.
//!
//! It passes on neither the visitor's address nor the `Host`, so the server sees a caller of its own machine.

use std::future::{Future, IntoFuture};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use axum::extract::Request;
use axum::{Router, ServiceExt};
use http::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use web_connection_socket::serve;
use web_connection_socket::{Config, WebConnectionSocketLayer};

use crate::support::browser::{Browser, Viewport};
use crate::support::chat::Chat;
use crate::support::http::{Answer, Http};
use crate::support::nginx::Nginx;
use crate::support::socket::Socket;

#[tokio::test]
async fn a_stranger_behind_nginx_on_the_same_machine_counts_as_local() {
    let chat = Chat::start().await;
    let nginx = Nginx::start(chat.address()).await;
    let mut visitor = Socket::open(&nginx.url("ws", "/__initializeSocket.wc")).await;

    let answer = broadcast(&nginx.url("http", BROADCAST), &[]).await;

    assert_eq!(
        (answer.status, answer.json()["matched"].as_u64()),
        (StatusCode::OK, Some(1)),
        "{}",
        answer.body
    );
    assert_eq!(visitor.receive().await["message"], "from a stranger");
}

#[tokio::test]
async fn a_token_keeps_strangers_behind_nginx_out() {
    let layer = WebConnectionSocketLayer::new(config().bearer_tokens(["secret"]));
    let server = Server::start(|listener| serve(listener, layer, Router::new())).await;
    let nginx = Nginx::start(server.address).await;
    let mut visitor = Socket::open(&nginx.url("ws", "/__initializeSocket.wc")).await;

    for headers in [&[][..], &[("authorization", "Bearer guess")]] {
        let refused = broadcast(&nginx.url("http", BROADCAST), headers).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.body);
    }
    let answer = broadcast(
        &nginx.url("http", BROADCAST),
        &[("authorization", "Bearer secret")],
    )
    .await;

    assert_eq!(
        (answer.status, answer.json()["matched"].as_u64()),
        (StatusCode::OK, Some(1)),
        "{}",
        answer.body
    );
    assert_eq!(visitor.receive().await["message"], "from a stranger");
}

#[tokio::test]
async fn a_control_service_keeps_strangers_behind_nginx_out() {
    let layer = WebConnectionSocketLayer::new(config().control_service_only(true));
    let control = ServiceExt::<Request>::into_make_service(layer.control_service(Router::new()));
    let private = Server::start(|listener| axum::serve(listener, control).into_future()).await;
    let public = Server::start(|listener| serve(listener, layer, Router::new())).await;
    let nginx = Nginx::start(public.address).await;
    let mut visitor = Socket::open(&nginx.url("ws", "/__initializeSocket.wc")).await;

    let refused = broadcast(&nginx.url("http", BROADCAST), &[]).await;
    let answer = broadcast(&format!("http://{}{BROADCAST}", private.address), &[]).await;

    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.body);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(visitor.receive().await["message"], "from a stranger");
}

#[tokio::test]
async fn a_page_behind_nginx_shows_why_it_is_refused() {
    let chat = Chat::start().await;
    let nginx = Nginx::start(chat.address()).await;
    let browser = Browser::start(Viewport::default()).await;

    browser.go_to(&nginx.url("http", "/?name=ann")).await;
    browser
        .until("document.querySelector('#state').dataset.state === 'refused'")
        .await;

    let text: String = browser
        .evaluate("return document.querySelector('#state').textContent")
        .await;
    let (page, host) = (nginx.url("http", ""), chat.address().to_string());
    for part in ["Refused: ", &page, &host, "Config::public_origin"] {
        assert!(text.contains(part), "{text}");
    }
}

const BROADCAST: &str = "/__broadcastWebSocket.wc";

fn config() -> Config {
    Config::new().script_map("wwd")
}

/// A server of this process.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Server {
    async fn start<F>(serve: impl FnOnce(TcpListener) -> F) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port of the loopback interface");
        let address = listener
            .local_addr()
            .expect("the address of a bound socket");
        let serve = serve(listener);
        let task = tokio::spawn(async { serve.await.expect("a server that does not fail") });
        Self { address, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn broadcast(url: &str, headers: &[(&'static str, &str)]) -> Answer {
    let json = json!({ "action": "news", "message": "from a stranger" }).to_string();
    Http::new().post(url, headers, &json).await
}
