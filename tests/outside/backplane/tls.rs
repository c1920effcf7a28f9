//! Brokers behind TLS.

use brokers::{Nats, Redis};
use rcgen::{CertificateParams, KeyPair};
use web_connection_socket::backplane::{Backplane, NatsBackplane, RedisBackplane, SetupErrorKind};

use super::node::{Node, topic, within};
use crate::support::{free_port, scratch::Scratch};

#[tokio::test]
async fn redis_is_spoken_to_over_tls_if_its_authority_is_trusted() {
    let certificate = Certificate::new();
    let port = free_port().to_string();
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
    let stranger = RedisBackplane::new(&url).expect("a URL");
    refuses(&stranger, "did not open TLS").await;
    let trusting = stranger.root_certificates(certificate.pem.as_bytes());
    let trusting = trusting.expect("a certificate");
    Node::open_on(&trusting).await.subscribe(topic("all")).await;

    let plain = RedisBackplane::new(&format!("redis://localhost:{port}/")).expect("a URL");
    refuses(&plain, "did not open a session").await;
}

#[tokio::test]
async fn nats_is_spoken_to_over_tls_if_its_authority_is_trusted() {
    let certificate = Certificate::new();
    let nats = Nats::with(&[
        "--tls",
        "--tlscert",
        &certificate.file("cert.pem"),
        "--tlskey",
        &certificate.file("key.pem"),
    ]);
    let port = nats.address().port();
    // The server demands TLS, so the scheme may be either.
    for scheme in ["tls", "nats"] {
        let url = format!("{scheme}://localhost:{port}");
        let stranger = NatsBackplane::new(&url).expect("a URL");
        refuses(&stranger, "certificate").await;
        let trusting = stranger.root_certificates(certificate.pem.as_bytes());
        let trusting = trusting.expect("a certificate");
        Node::open_on(&trusting).await.subscribe(topic("all")).await;
    }
    let plain = Nats::start();
    let demanding = NatsBackplane::new(&plain.url().replace("nats:", "tls:")).expect("a URL");
    refuses(&demanding, "tls://").await;
}

#[tokio::test]
async fn a_server_that_is_silent_is_named_with_what_may_be_wrong() {
    let redis = Redis::start();
    let address = redis.address();
    let with_tls = RedisBackplane::new(&format!("rediss://{address}/")).expect("a URL");
    let with_tls_text = format!("rediss://{address} did not answer within 4 s");
    let nats = NatsBackplane::new(&format!("nats://{address}")).expect("a URL");
    let nats_text = format!("nats://{address} did not answer within 4 s");
    tokio::join!(
        refuses(&with_tls, &with_tls_text),
        refuses(&nats, &nats_text)
    );
}

#[test]
fn what_is_no_certificate_is_refused_at_once() {
    let redis = RedisBackplane::new("redis://h").expect("a URL");
    let error = redis
        .root_certificates(b"-----BEGIN")
        .expect_err("no certificate");
    assert_eq!(error.kind(), SetupErrorKind::Certificate);
}

async fn refuses(backplane: &dyn Backplane, reason: &str) {
    let error = within(backplane.connect()).await.err().expect("a refusal");
    let text = error.to_string();
    assert!(text.contains(reason), "{text}");
}

/// A certificate for `localhost`, its own authority.
pub(crate) struct Certificate {
    folder: Scratch,
    pub(crate) pem: String,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let folder = Scratch::new("tls");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        for (name, text) in [("cert.pem", &pem), ("key.pem", &key.serialize_pem())] {
            std::fs::write(folder.path().join(name), text).expect("a file in an empty folder");
        }
        Self { folder, pem }
    }

    pub(crate) fn file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("a path that is text").to_owned()
    }
}
