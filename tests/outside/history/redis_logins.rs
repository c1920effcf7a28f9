//! Passwords, permissions and TLS of Redis.

use std::sync::Arc;

use brokers::Redis;
use web_connection_socket::{
    backplane::{Backplane, RedisBackplane},
    history::{HistoryErrorKind, RedisHistory},
};

use super::contract::{Stream, texts, within};

async fn refusal(url: &str) -> String {
    let history = RedisHistory::new(url).expect("a URL").prefix("shop");
    let stream = Stream::on(Arc::new(history), 1, 100);
    let error = within(stream.send("x")).await.expect_err("a refusal");
    assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
    error.to_string()
}

#[tokio::test]
async fn who_has_the_password_is_let_in_and_another_is_told_what_is_wrong() {
    let redis = Redis::with(&["--requirepass", "open:sesame"]);
    let address = redis.address();
    for login in ["", ":hunter2@", "ann:hunter2@"] {
        let text = refusal(&format!("redis://{login}{address}/")).await;
        let expected = format!("redis://{address} did not accept the user and password");
        assert!(text.contains(&expected), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let url = format!("redis://:open%3Asesame@{address}/");
    let history = RedisHistory::new(&url).expect("a URL");
    Stream::on(Arc::new(history), 1, 100).append("x").await;
}

#[tokio::test]
async fn a_server_without_a_password_takes_any_as_for_a_backplane() {
    let redis = Redis::start();
    let url = format!("redis://:open%3Asesame@{}/", redis.address());
    let backplane = RedisBackplane::new(&url).expect("a URL");
    let _link = within(backplane.connect()).await.expect("a link");
    let history = RedisHistory::new(&url).expect("a URL");
    Stream::on(Arc::new(history), 1, 100).append("x").await;
}

#[tokio::test]
async fn a_user_needs_the_keys_of_the_prefix_and_the_commands_that_are_documented() {
    let redis = Redis::start();
    let docs = include_str!("../../../src/history/redis/history.rs");
    let rules = docs
        .split("ACL SETUSER shop on ")
        .nth(1)
        .expect("the rules");
    let rules = rules.split('`').next().expect("their end");
    let rules = rules.replace(">PASSWORD", ">secret");
    let user: Vec<_> = ["ACL", "SETUSER", "shop", "on"]
        .into_iter()
        .chain(rules.split_whitespace())
        .collect();
    assert_eq!(redis.cli(&user), "OK\n");
    let url = format!("redis://shop:secret@{}/", redis.address());
    let history = RedisHistory::new(&url).expect("a URL").prefix("shop");
    let stream = Stream::on(Arc::new(history), 1, 100);
    stream.append("allowed").await;
    assert_eq!(redis.cli(&["SCRIPT", "FLUSH"]), "OK\n");
    stream.append("again").await;
    assert_eq!(texts(&stream.newest().await), ["allowed", "again"]);

    let history = RedisHistory::new(&url).expect("a URL").prefix("bank");
    let stream = Stream::on(Arc::new(history), 1, 100);
    let error = within(stream.send("x")).await.expect_err("no permission");
    let text = error.to_string().to_lowercase();
    assert!(text.contains("no permissions"), "{error}");
}

#[tokio::test]
async fn a_server_is_spoken_to_over_tls_if_its_authority_is_trusted() {
    let certificate = crate::backplane::tls::Certificate::new();
    let port = crate::support::free_port().to_string();
    let _redis = Redis::with(&[
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate.file("cert.pem"),
        "--tls-key-file",
        &certificate.file("key.pem"),
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://localhost:{port}/");
    let text = refusal(&url).await;
    assert!(text.contains("did not open TLS"), "{text}");
    let history = RedisHistory::new(&url).expect("a URL");
    let history = history.root_certificates(certificate.pem.as_bytes());
    let history = Arc::new(history.expect("a certificate"));
    let stream = Stream::on(history, 1, 100);
    stream.append("over TLS").await;
    assert_eq!(texts(&stream.newest().await), ["over TLS"]);
}
