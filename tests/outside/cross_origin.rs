//! A page and the server of its sockets at two origins, in real browsers.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use serde_json::{Value, json};
use web_connection_socket::{Config, Identity, Rejection, WebConnectionSocketLayer};

use crate::support::browser::{Browser, Viewport};
use crate::support::site::Site;

#[tokio::test]
async fn a_page_reads_why_a_server_of_another_origin_refuses_it() {
    let pages = Site::start(WebConnectionSocketLayer::new(Config::new()), app()).await;
    let strangers = Site::start(WebConnectionSocketLayer::new(Config::new()), app()).await;
    let config = Config::new().origins([pages.url("").as_str()]);
    let layer = WebConnectionSocketLayer::new(config).identify(async |visitor| {
        match visitor.header("cookie") {
            Some(cookie) if cookie == "session=ann" => Ok(Identity::user("ann")),
            _ => Err(Rejection::new(StatusCode::UNAUTHORIZED)
                .detail("Sign in first.")
                .header(RETRY_AFTER, HeaderValue::from_static("7"))),
        }
    });
    let sockets = Site::start(layer, Router::new()).await;
    let url = sockets.url("/__initializeSocket.wc");
    let browser = Browser::start(Viewport::default()).await;

    browser.go_to(&pages.url("/")).await;
    let refused = ask(&browser, &url).await;
    assert_eq!(
        refused,
        json!({"status": 401, "retry": "7", "detail": "Sign in first."})
    );
    let _: Value = browser
        .evaluate("document.cookie = 'session=ann'; return null")
        .await;
    assert_eq!(ask(&browser, &url).await["status"], 204);

    // The same, and a page that may open no sockets there.
    browser.go_to(&strangers.url("/")).await;
    assert_eq!(ask(&browser, &url).await, json!("TypeError"));
}

fn app() -> Router {
    Router::new().route(
        "/",
        get(async || Html("<!doctype html><title>A page</title>")),
    )
}

/// Asks as the browser client does, and tells what the page could read.
async fn ask(browser: &Browser, url: &str) -> Value {
    let script = "const [url, done] = arguments;
        fetch(url, { credentials: 'include', redirect: 'manual' })
            .then(async answer => done({
                status: answer.status,
                retry: answer.headers.get('retry-after'),
                detail: answer.status === 204 ? null : (await answer.json()).detail,
            }))
            .catch(error => done(error.name));";
    browser.evaluate_async(script, json!(url)).await
}
