//! The browser client in a site: mounted where the site wants it, and nowhere else.

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::{Layer, ServiceExt};
use web_connection_socket::{Config, WebConnectionSocketLayer, script};

const NAME: &str = "/web-connection-websocket.js";

async fn get(app: &Router, path: &str) -> (StatusCode, String) {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let Ok(response) = layer.layer(app.clone()).oneshot(request).await;
    let status = response.status();
    let body = response.into_body().collect().await.expect("a whole body");
    let text = String::from_utf8(body.to_bytes().to_vec()).expect("a text");
    (status, text)
}

#[tokio::test]
async fn s13_the_script_is_served_below_a_folder_of_the_sites_choice() {
    let app = Router::new().nest_service("/scripts", script::service());
    let script = (StatusCode::OK, script::SOURCE.to_owned());
    assert_eq!(get(&app, &format!("/scripts{NAME}")).await, script);
    assert_eq!(
        get(&app, "/scripts/webconnection-websocket.js").await,
        script
    );
    for elsewhere in [NAME, "/scripts/", "/scripts/chat.js"] {
        assert_eq!(
            get(&app, elsewhere).await.0,
            StatusCode::NOT_FOUND,
            "{elsewhere}"
        );
    }
}

#[tokio::test]
async fn s13_the_script_is_served_at_one_url() {
    let app = Router::new().route_service(NAME, script::service());
    assert_eq!(get(&app, NAME).await.1, script::SOURCE);
    let other = get(&app, "/webconnection-websocket.js").await;
    assert_eq!(other.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_is_served_unless_it_is_mounted() {
    let app = Router::new();
    for path in [
        NAME,
        "/webconnection-websocket.js",
        "/scripts/webconnection-websocket.js",
    ] {
        assert_eq!(get(&app, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_request_body_may_be_anything() {
    let request = Request::head(NAME).body(std::io::empty()).unwrap();
    let Ok(response) = script::service().oneshot(request).await;
    assert_eq!(response.status(), StatusCode::OK);
}
