//! How the test client waits: no wait is without an end, and an end says what came before.

use std::{future::pending, time::Duration};

use axum::Router;
use http::Request;
use tokio::time::Instant;
use tower::Layer;
use web_connection_socket::{
    CloseReason, Config, Identity, Socket, WebConnectionSocketLayer,
    testing::{Client, Error, Server},
};

use crate::support::{news, relay, spawn};

const USUAL: Duration = Duration::from_secs(5);

/// As an application's own tests make it.
fn server(layer: &WebConnectionSocketLayer) -> Server {
    Server::new(layer.layer(Router::new()))
}

#[tokio::test(start_paused = true)]
async fn receiving_ends_and_lists_what_came() {
    let layer = relay();
    for server in [server(&layer), server(&layer).http2()] {
        let mut ann = server.connect("/").await.unwrap();
        late_after(USUAL, ann.receive())
            .await
            .expect_err("none came");
        let error = late_after(USUAL, ann.receive()).await.unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("within 5s") && error.contains("no message came before"),
            "{error}"
        );

        layer.hub().broadcast(&news("first"));
        layer.hub().broadcast(&news("second"));
        ann.receive().await.unwrap();
        ann.receive().await.unwrap();
        for error in [
            late_after(USUAL, ann.receive()).await.map(drop),
            late_after(USUAL, ann.receive_text()).await.map(drop),
            late_after(USUAL, ann.receive_raw()).await.map(drop),
        ] {
            let error = error.unwrap_err();
            assert!(error.is_timeout() && error.close_reason().is_none());
            let error = error.to_string();
            let (first, second) = (error.find("first"), error.find("second"));
            assert!(first.is_some() && first < second, "{error}");
        }
        // It lives, and what comes later is received.
        layer.hub().broadcast(&news("third"));
        assert_eq!(ann.receive().await.unwrap().message, "third");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_end_ends_and_is_no_close_code() {
    let layer = relay();
    let mut ann = server(&layer).connect("/").await.unwrap();
    layer.hub().broadcast(&news("still here"));
    let begin = Instant::now();
    let closed = spawn(async move { ann.closed().await }).await;
    assert_eq!(begin.elapsed(), USUAL);
    let panic = closed.unwrap_err().into_panic();
    let panic = panic.downcast_ref::<String>().expect("a text");
    assert!(
        panic.contains("was not closed within 5s") && panic.contains("still here"),
        "{panic}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_an_option() {
    let layer = relay();
    let patience = Duration::from_secs(3_600);
    let mut ann = server(&layer).timeout(patience).connect("/").await.unwrap();
    // It answers pings meanwhile, or its socket would be gone.
    late_after(patience, ann.receive()).await.unwrap_err();
    assert_eq!(layer.hub().len(), 1);
    let mut bob = server(&layer)
        .timeout(Duration::MAX)
        .connect("/")
        .await
        .unwrap();
    let hub = layer.hub();
    spawn(async move {
        tokio::time::sleep(patience).await;
        hub.broadcast(&news("late"));
    });
    assert_eq!(bob.receive().await.unwrap().message, "late");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let layer = WebConnectionSocketLayer::new(Config::new().identify_timeout(USUAL * 2))
        .identify(async |_| pending::<Result<Identity, _>>().await);
    let app = Router::new().fallback(async || pending::<()>().await);
    let server = Server::new(layer.layer(app));
    for server in [server.clone(), server.http2()] {
        let error = late_after(USUAL, server.connect("/")).await.unwrap_err();
        assert!(
            error.to_string().contains("handshake was not answered"),
            "{error}"
        );
        let request = Request::get("/page").body("").unwrap();
        let error = late_after(USUAL, server.request(request))
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("request was not answered"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_no_more_is_not_waited_for() {
    let layer = WebConnectionSocketLayer::new(Config::new())
        .on_web_socket(async |_: Socket| pending::<()>().await);
    let mut ann = server(&layer).connect("/").await.unwrap();
    let error = loop {
        let begin = Instant::now();
        if let Err(error) = ann.send(&news("x".repeat(16 * 1024))).await {
            assert_eq!(begin.elapsed(), USUAL);
            break error;
        }
    };
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_for_as_long_as_is_asked() {
    let layer = relay();
    let server = server(&layer);
    let mut ann = server.connect("/?userId=ann").await.unwrap();
    let hour = Duration::from_secs(3_600);
    let begin = Instant::now();
    ann.receives_nothing(hour).await.unwrap();
    assert_eq!((begin.elapsed(), layer.hub().len()), (hour, 1));

    layer.hub().broadcast(&news("something").to_user("ann"));
    let error = ann.receives_nothing(hour).await.unwrap_err();
    assert!(
        error.to_string().contains("something") && !error.is_timeout(),
        "{error}"
    );
    ann.receives_nothing(hour).await.unwrap();
    layer.hub().close_all(&CloseReason::new(4000, "out"));
    let error = ann.receives_nothing(hour).await.unwrap_err();
    assert_eq!(error.close_reason().map(CloseReason::code), Some(4000));
}

#[tokio::test]
async fn a_clock_that_runs_is_waited_for() {
    let layer =
        WebConnectionSocketLayer::new(Config::new()).on_web_socket(async |socket: Socket| {
            let answer = web_connection_socket::RawMessage::binary(vec![0; 7]);
            socket.send_raw(&answer)
        });
    let short = Duration::from_millis(50);
    let mut ann: Client = server(&layer).timeout(short).connect("/").await.unwrap();
    assert!(ann.receive().await.unwrap_err().is_timeout());
    ann.receives_nothing(short).await.unwrap();
    ann.send(&news("x")).await.unwrap();
    let error = ann
        .receives_nothing(Duration::from_secs(60))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("7 bytes"), "{error}");
}

async fn late_after<T>(
    patience: Duration,
    wait: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let begin = Instant::now();
    let outcome = wait.await;
    assert_eq!(begin.elapsed(), patience);
    assert!(outcome.as_ref().is_err_and(Error::is_timeout));
    outcome
}
