//! The outside sender over TLS, with an authority of our own.

use std::net::SocketAddr;

use axum::Router;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rcgen::KeyPair;
use tokio::net::TcpListener;
use tower::Layer;
use web_connection_socket::{BroadcastErrorKind, Broadcaster, WebConnectionSocketLayer};

use super::{TOKEN, send, with_token};
use crate::support::{join, news, serve, spawn, text, tls::Authority};

#[tokio::test]
async fn s12_a_message_travels_over_tls_when_the_servers_authority_is_trusted() {
    let authority = Authority::new("known");
    let layer = with_token();
    let mut ann = join(&serve(&layer), "ann", &[]).await;
    let address = serve_tls(&authority, &layer, "localhost").await;
    let sender = sender(address)
        .root_certificates(authority.pem().as_bytes())
        .and_then(|sender| sender.bearer_token(TOKEN))
        .unwrap();
    for _ in 0..3 {
        let report = send(&sender, &news("hello")).await.unwrap();
        assert_eq!(report.queued, 1);
        assert_eq!(text(&mut ann).await, "hello");
    }
}

#[tokio::test]
async fn an_unknown_authority_or_another_name_is_refused_before_anything_is_sent() {
    let (known, unknown) = (Authority::new("known"), Authority::new("unknown"));
    let layer = with_token();
    for (authority, name, reason) in [
        (&unknown, "localhost", "UnknownIssuer"),
        (&known, "other.example", "not valid for name"),
    ] {
        let address = serve_tls(authority, &layer, name).await;
        let sender = sender(address)
            .root_certificates(known.pem().as_bytes())
            .and_then(|sender| sender.bearer_token(TOKEN))
            .unwrap();
        let error = send(&sender, &news("hello")).await.unwrap_err();
        assert_eq!(error.kind(), BroadcastErrorKind::Connect);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn what_holds_no_certificate_is_an_error() {
    let sender = Broadcaster::new("https://localhost/").unwrap();
    let key = KeyPair::generate().unwrap().serialize_pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for bad in ["", "hello", &key, broken, "-----BEGIN CERTIFICATE-----\n!"] {
        let error = sender
            .clone()
            .root_certificates(bad.as_bytes())
            .unwrap_err();
        assert_eq!(error.kind(), BroadcastErrorKind::Certificate, "{bad}");
    }
}

fn sender(address: SocketAddr) -> Broadcaster {
    Broadcaster::new(&format!("https://localhost:{}/", address.port())).expect("a base URL")
}

/// Serves a layer at a free port with a certificate for `name`.
async fn serve_tls(
    authority: &Authority,
    layer: &WebConnectionSocketLayer,
    name: &str,
) -> SocketAddr {
    let acceptor = authority.acceptor(name, &[]);
    let service = layer.layer(Router::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, service) = (acceptor.clone(), service.clone());
            spawn(async move {
                // A client that trusts no authority breaks the handshake off.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = TowerToHyperService::new(service);
                _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}
