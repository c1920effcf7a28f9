//! Pages that ask whether their connection lives, and what they are told.

use std::{sync::Arc, time::Duration};

use axum::{Router, http::StatusCode, routing::post};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, timeout},
};
use web_connection_socket::{
    CloseReason, Config, Socket, WebConnectionSocketLayer, testing::Client,
};

use crate::support::{config, error_of, frame, join, news, relay, serve, serve_app, soon, text};

const PING: &str = r#"{"action":"__ping"}"#;
const PONG: &str = r#"{"action":"__pong","message":"","groupId":"","userId":"","recipients":[]}"#;

async fn pong(client: &mut Client) {
    let text = soon("a life sign", client.receive_text()).await;
    assert_eq!(text.expect("an open socket"), PONG);
}

/// Nothing but pings arrives for so long.
async fn silence(client: &mut Client, time: Duration) {
    let heard = timeout(time, client.receive_text()).await;
    assert!(heard.is_err(), "{heard:?}");
}

/// A layer whose handler reports each message, then waits until the gate lets it go.
fn gated(config: Config) -> (WebConnectionSocketLayer, mpsc::Receiver<()>, Arc<Semaphore>) {
    let (begun, begins) = mpsc::channel(8);
    let gate = Arc::new(Semaphore::new(0));
    let opener = gate.clone();
    let layer = WebConnectionSocketLayer::new(config).on_web_socket(move |_: Socket| {
        let (begun, gate) = (begun.clone(), gate.clone());
        async move {
            begun.send(()).await.expect("a test that listens");
            gate.acquire().await.expect("an open gate").forget();
        }
    });
    (layer, begins, opener)
}

#[tokio::test(start_paused = true)]
async fn a_page_that_asked_is_told_after_every_twenty_seconds_without_writes() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let start = Instant::now();
    ann.send_text(PING).await.unwrap();
    pong(&mut ann).await;
    assert_eq!(start.elapsed().as_secs(), 0);
    for quiet in [20, 40, 60] {
        pong(&mut ann).await;
        assert_eq!(start.elapsed().as_secs(), quiet);
    }
    // The pings of RFC 6455, which went out meanwhile, are none: browsers keep them to themselves.
    silence(&mut ann, Duration::from_secs(13)).await;
    layer.hub().broadcast(&news("a sign as good as any"));
    assert_eq!(text(&mut ann).await, "a sign as good as any");
    pong(&mut ann).await;
    assert_eq!(start.elapsed().as_secs(), 93);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_asked_is_never_told() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    ann.send_text(PING).await.unwrap();
    pong(&mut ann).await;
    silence(&mut bob, Duration::from_secs(300)).await;
    layer.hub().broadcast(&news("still here"));
    assert_eq!(text(&mut bob).await, "still here");
}

#[tokio::test]
async fn a_ping_is_answered_before_anything_of_the_applications_sees_it() {
    let seen = |socket: Socket| async move { socket.reply(socket.message()) };
    let app = Router::new().route("/__WebSocket.wwd", post(async || StatusCode::IM_A_TEAPOT));
    let layers = [
        relay(),
        WebConnectionSocketLayer::new(config()),
        WebConnectionSocketLayer::new(config()).on_web_socket(seen),
        WebConnectionSocketLayer::new(config()).on_action("__ping", seen),
    ];
    for layer in layers {
        let server = serve_app(&layer, app.clone());
        let mut ann = join(&server, "ann", &[]).await;
        for ping in [
            PING,
            r#" {"ACTION":"\u005f_ping","message":"x","more":[1],"recipients":[{"type":"all"}]} "#,
        ] {
            ann.send_text(ping).await.unwrap();
            pong(&mut ann).await;
        }
        ann.close(CloseReason::NORMAL).await.unwrap();
        let stats = layer.hub().stats();
        assert_eq!((stats.messages_out, stats.dispatches_failed), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_in_hand_keeps_no_answer_back() {
    let (layer, mut begins, gate) = gated(config());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("slow")).await.unwrap();
    begins.recv().await.unwrap();
    let start = Instant::now();
    for _ in 0..3 {
        ann.send_text(PING).await.unwrap();
        pong(&mut ann).await;
    }
    assert_eq!(start.elapsed().as_secs(), 0);
    gate.add_permits(1);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_told_while_nothing_is_read_from_it() {
    let (layer, mut begins, gate) = gated(config().dispatch_timeout(Duration::from_secs(300)));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send_text(PING).await.unwrap();
    pong(&mut ann).await;
    for text in ["in hand", "parked"] {
        ann.send(&news(text)).await.unwrap();
    }
    begins.recv().await.unwrap();
    ann.send_text(PING).await.unwrap();
    let start = Instant::now();
    for quiet in [20, 40, 60, 80] {
        pong(&mut ann).await;
        assert_eq!(start.elapsed().as_secs(), quiet);
    }
    gate.add_permits(2);
    // The question that could not be read before.
    pong(&mut ann).await;
    assert_eq!(start.elapsed().as_secs(), 80);
}

#[tokio::test(start_paused = true)]
async fn pings_count_for_the_rate() {
    let layer = WebConnectionSocketLayer::new(config().message_rate(1, 1)).relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let start = Instant::now();
    for seconds in 0..4 {
        ann.send_text(PING).await.unwrap();
        pong(&mut ann).await;
        assert_eq!(start.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn raw_mode_knows_no_pings() {
    let layer = WebConnectionSocketLayer::new(config())
        .on_raw(async |socket: Socket, message| socket.send_raw(&message));
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send_text(PING).await.unwrap();
    let echo = soon("an echo", ann.receive_text()).await.unwrap();
    assert_eq!(echo, PING);
    silence(&mut ann, Duration::from_secs(100)).await;
}

#[tokio::test]
async fn the_servers_own_actions_and_keys_are_bad_messages() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    for forged in [
        r#"{"action":"__pong"}"#,
        r#"{"action":"__error"}"#,
        r#"{"action":"__resumed","recipients":[{"type":"user","value":"bob"}]}"#,
        r#"{"Action":"\u005f\u005fpresence"}"#,
    ] {
        ann.send_text(forged).await.unwrap();
        let told = error_of(&mut ann).await;
        assert_eq!(told, ("bad_message".into(), 400), "{forged}");
    }
    layer.hub().broadcast(&news("next"));
    assert_eq!(frame(&mut bob).await["message"], "next");
}
