//! Which page of another origin may read why it has no socket.

use std::time::Duration;

use axum::Router;
use http::{HeaderValue, StatusCode};
use tower::{Layer, ServiceBuilder};
use tower_http::cors::CorsLayer;
use web_connection_socket::{
    Config, Identity, Rejection, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config, join,
    raw::{Answer, Raw},
    serve,
};

const APP: &str = "https://app.example";

fn layer() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config().origins([APP]))
}

/// What a page of an origin is answered, behind its query.
async fn asked(server: &Server, origin: &str, query: &str) -> Answer {
    Raw::probe(query).with("Origin", origin).ask(server).await
}

/// Whether the page that asked may read the answer, with its cookies.
fn is_readable(answer: &Answer) -> bool {
    assert_eq!(answer.header("vary"), Some("Origin"));
    let credentials = answer.header("access-control-allow-credentials");
    let exposed = answer.header("access-control-expose-headers");
    match answer.header("access-control-allow-origin") {
        Some(origin) => {
            assert_eq!(
                (origin, credentials, exposed),
                (
                    APP,
                    Some("true"),
                    Some("Retry-After, WebSocket-Protocols, WebSocket-Refusal")
                )
            );
            true
        }
        None => {
            assert_eq!((credentials, exposed), (None, None));
            false
        }
    }
}

#[tokio::test]
async fn a_page_that_may_open_sockets_reads_every_answer() {
    let html = HeaderValue::from_static("text/html");
    let layer = WebConnectionSocketLayer::new(
        config()
            .origins([APP])
            .max_sockets(1)
            .max_handshake_size(4_096),
    )
    .identify(move |visitor| {
        let html = html.clone();
        async move {
            match visitor.query("who").as_deref() {
                Some("refused") => Err(Rejection::new(StatusCode::UNAUTHORIZED)),
                Some("told") => Err(Rejection::new(StatusCode::FOUND).body(html, "<p>Sign in</p>")),
                Some("panics") => panic!("as asked"),
                _ => Ok(Identity::anonymous()),
            }
        }
    });
    let server = serve(&layer);
    for (query, status) in [
        ("", 204),
        ("?who=refused", 401),
        ("?who=told", 302),
        ("?who=panics", 500),
    ] {
        let answer = asked(&server, APP, query).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(is_readable(&answer), "{query}");
    }
    let long = format!("?x={}", "x".repeat(5_000));
    let answer = asked(&server, APP, &long).await;
    assert_eq!((answer.status, is_readable(&answer)), (431, true));

    let ann = join(&server, "ann", &[]).await;
    let full = asked(&server, APP, "").await;
    assert_eq!(
        (&*full.code(), is_readable(&full)),
        ("too_many_sockets", true)
    );
    assert_eq!(full.header("retry-after"), Some("5"));
    drop(ann);
    layer.hub().shutdown(Duration::ZERO).await;
    let late = asked(&server, APP, "").await;
    assert_eq!((&*late.code(), is_readable(&late)), ("shutting_down", true));
}

#[tokio::test]
async fn no_other_page_learns_anything_but_that_it_is_foreign() {
    let layer = WebConnectionSocketLayer::new(config().origins([APP]).max_sockets(1))
        .identify(async |_| Err::<Identity, _>(Rejection::new(StatusCode::PAYMENT_REQUIRED)));
    let server = serve(&layer);
    for origin in ["https://evil.test", "http://app.example", "null", ""] {
        let answer = asked(&server, origin, "").await;
        assert_eq!(
            (answer.status, is_readable(&answer)),
            (403, false),
            "{origin:?}"
        );
    }
    layer.hub().shutdown(Duration::ZERO).await;
    let late = asked(&server, "https://evil.test", "").await;
    assert_eq!(
        (&*late.code(), is_readable(&late)),
        ("foreign_origin", false)
    );
    // A program, and a page of this host.
    let own = Raw::probe("").ask(&server).await;
    assert_eq!((own.status, is_readable(&own)), (503, false));
}

#[tokio::test]
async fn other_urls_say_nothing_of_it() {
    let server = serve(&layer());
    for request in [
        Raw::post("/__broadcastWebSocket.wc", "{}"),
        Raw::post("/__WebSocket.wwd", "{}"),
        Raw::new("GET / HTTP/1.1"),
    ] {
        let answer = request.with("Origin", APP).ask(&server).await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("vary"), None);
    }
}

#[tokio::test]
async fn any_page_reads_without_cookies_where_any_may_open_sockets() {
    let server = serve(&WebConnectionSocketLayer::new(Config::new().any_origin()));
    for origin in ["https://evil.test", "null"] {
        let answer = asked(&server, origin, "").await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
}

#[tokio::test]
async fn a_cors_layer_outside_has_the_last_word() {
    let layer = layer();
    let other = HeaderValue::from_static("https://other.example");
    let service = ServiceBuilder::new()
        .layer(CorsLayer::new().allow_origin([HeaderValue::from_static(APP), other]))
        .service(layer.layer(Router::new()));
    let server = Server::new(service);
    let own = asked(&server, APP, "").await;
    assert_eq!(own.header("access-control-allow-origin"), Some(APP));
    let foreign = asked(&server, "https://other.example", "").await;
    assert_eq!(foreign.status, 403);
    let allowed = foreign.header("access-control-allow-origin");
    assert_eq!(allowed, Some("https://other.example"));
    assert_eq!(foreign.header("access-control-allow-credentials"), None);
}
