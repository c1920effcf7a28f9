//! Sockets whose handshake the host has done itself.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body};
use http::{Request, request::Parts};
use tokio::{
    io::{AsyncRead, AsyncWrite, BufStream, DuplexStream, ReadBuf},
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tower::{Layer, util::BoxCloneService};
use web_connection_socket::{
    CloseReason, Hub, Rejection, RejectionKind, Socket, WebConnectionSocketLayer,
};

use crate::support::{
    config, news, relay, soon, spawn,
    wire::{self, Wire, close_payload, masked, masked_text},
};

#[tokio::test]
async fn it_is_a_socket_like_every_other() {
    let layer = relay();
    let (mut wire, running) = accept(&layer, parts("/?userId=ann&groupId=chat"));
    wire.send(&masked_text(r#"{"message":"hello"}"#)).await;
    assert!(wire.text().await.contains("hello"));
    let hub = layer.hub();
    assert_eq!(hub.users(), [("ann".into(), 1)]);
    assert_eq!(hub.groups(), [("chat".into(), 1)]);
    assert_eq!(hub.broadcast(&news("for all")).queued, 1);
    assert!(wire.text().await.contains("for all"));
    wire.send(&masked(true, wire::CLOSE, &close_payload(4005, "enough")))
        .await;
    assert_eq!(wire.closed().await, (4005, "enough".to_owned()));
    drop(wire);
    let reason = soon("the end", running).await.unwrap().unwrap();
    assert_eq!(reason, CloseReason::new(4005, "enough"));
    assert!(hub.is_empty());
}

/// It would wait for itself, for ever.
#[tokio::test]
async fn a_stream_that_calls_the_hub_while_it_is_written_is_told_so() {
    /// Broadcasts what it is to write, as something that logs might.
    struct Chatty {
        stream: DuplexStream,
        hub: Arc<Hub>,
        told: mpsc::Sender<String>,
    }

    impl AsyncRead for Chatty {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_read(cx, buffer)
        }
    }

    impl AsyncWrite for Chatty {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let hub = AssertUnwindSafe(&self.hub);
            let outcome = catch_unwind(|| hub.broadcast(&news("written")));
            if let Err(panic) = outcome {
                let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
                // A second write may follow before the test looks.
                let _full = self.told.try_send(text.to_owned());
            }
            Pin::new(&mut self.stream).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }

    let layer = relay();
    let (client, stream) = tokio::io::duplex(1_024);
    let (told, mut panics) = mpsc::channel(8);
    let chatty = Chatty {
        stream,
        hub: layer.hub(),
        told,
    };
    let service = layer.layer(Router::new());
    let running = spawn(service.accept::<Body, _, _>(parts("/"), chatty));
    let mut wire = Wire::over(client);
    wire.send(&masked_text(r#"{"message":"hello"}"#)).await;
    let panic = soon("a panic", panics.recv()).await.expect("a stream");
    assert!(panic.contains("would wait for itself"), "{panic}");
    assert!(wire.text().await.contains("hello"));
    drop(wire);
    assert_eq!(
        soon("the end", running).await.unwrap().unwrap().code(),
        1006
    );
}

#[tokio::test]
async fn its_messages_reach_the_inner_service() {
    let layer = WebConnectionSocketLayer::new(config());
    let app = Router::new().route(
        "/__WebSocket.wwd",
        axum::routing::post(async |socket: Socket, headers: http::HeaderMap| {
            let cookie = headers["cookie"].to_str().unwrap();
            socket.reply(&socket.create_message().text(cookie)).unwrap();
        }),
    );
    let (client, server) = tokio::io::duplex(1_024);
    let mut wire = Wire::over(client);
    let service = layer.layer(app);
    let mut parts = parts("/app/__initializeSocket.wc");
    parts.headers.insert("cookie", "session=7".parse().unwrap());
    let running = spawn(service.accept::<Body, _, _>(parts, server));
    wire.send(&masked_text("{}")).await;
    assert!(wire.text().await.contains("session=7"));
    drop(wire);
    assert_eq!(
        soon("the end", running).await.unwrap().unwrap().code(),
        1006
    );
}

#[tokio::test]
async fn a_refusal_is_a_close_with_1008() {
    let foreign = {
        let mut parts = parts("/");
        parts
            .headers
            .insert("origin", "https://evil.test".parse().unwrap());
        (relay(), parts, RejectionKind::ForeignOrigin, "origin")
    };
    let unidentified = {
        let layer = relay().identify(async |_| {
            Err(Rejection::new(http::StatusCode::FORBIDDEN).detail("Sign in first."))
        });
        (
            layer,
            parts("/"),
            RejectionKind::IdentifyRefused,
            "Sign in first.",
        )
    };
    let refused = {
        let long = "é".repeat(200);
        let layer = relay().on_connect(move |_| {
            let refusal = Rejection::new(http::StatusCode::CONFLICT).detail(long.clone());
            async { Err(refusal) }
        });
        (layer, parts("/"), RejectionKind::ApplicationRefused, "éééé")
    };
    for (layer, parts, kind, text) in [foreign, unidentified, refused] {
        let (mut wire, running) = accept(&layer, parts);
        let (code, reason) = wire.closed().await;
        assert_eq!(code, 1008);
        assert!(reason.contains(text), "{reason}");
        assert!(reason.len() <= 123);
        assert_eq!(running.await.unwrap().unwrap_err().kind(), kind);
        assert!(layer.hub().is_empty());
        assert_eq!(layer.hub().stats().refusals.values().sum::<u64>(), 1);
    }
}

#[tokio::test]
async fn a_refusal_with_a_time_to_retry_is_a_close_with_1013() {
    let layer = relay().identify(async |_| {
        let busy = Rejection::new(http::StatusCode::SERVICE_UNAVAILABLE).detail("Busy.");
        Err(busy.header(http::header::RETRY_AFTER, 30.into()))
    });
    let (mut wire, running) = accept(&layer, parts("/"));
    assert_eq!(wire.closed().await, (1013, "Busy.".to_owned()));
    assert_eq!(running.await.unwrap().unwrap_err().status(), 503);
}

#[tokio::test]
async fn a_hub_that_shuts_down_refuses_and_ends_it() {
    let layer = relay();
    let (mut wire, running) = accept(&layer, parts("/"));
    wire.send(&masked_text("{}")).await;
    wire.text().await;
    let hub = layer.hub();
    let shutdown = spawn(async move { hub.shutdown(std::time::Duration::from_secs(10)).await });
    assert_eq!(wire.frame().await.unwrap().close().0, 1001);
    wire.send(&masked(true, wire::CLOSE, &close_payload(1001, "")))
        .await;
    drop(wire);
    assert_eq!(running.await.unwrap().unwrap().code(), 1001);
    assert_eq!(shutdown.await.unwrap().closed, 1);

    let (mut wire, running) = accept(&layer, parts("/"));
    assert_eq!(wire.closed().await.0, 1013);
    assert_eq!(
        running.await.unwrap().unwrap_err().kind(),
        RejectionKind::ShuttingDown
    );
}

#[tokio::test]
async fn its_future_is_sent_and_needs_no_service_that_is_shared() {
    let layer = relay();
    let app: BoxCloneService<_, _, _> = BoxCloneService::new(Router::new());
    let service = layer.layer(app);
    let (client, server) = tokio::io::duplex(1_024);
    let running = spawn(service.accept::<Body, _, _>(parts("/"), server));
    drop(service);
    let mut wire = Wire::over(client);
    wire.send(&masked_text(r#"{"message":"hello"}"#)).await;
    assert!(wire.text().await.contains("hello"));
    drop(wire);
    let reason = soon("the end", running).await.unwrap().unwrap();
    assert_eq!(reason.code(), 1006);
}

#[tokio::test(start_paused = true)]
async fn what_its_stream_holds_back_is_not_waited_for_without_end() {
    let layer = relay();
    let (client, server) = tokio::io::duplex(64);
    let service = layer.layer(Router::new());
    let running = spawn(service.accept::<Body, _, _>(parts("/"), BufStream::new(server)));
    let mut wire = Wire::over(client);
    wire.send(&masked_text("{}")).await;
    wire.text().await;

    let hub = layer.hub();
    assert_eq!(hub.broadcast(&news("x".repeat(1_000))).queued, 1);
    assert_eq!(hub.close(hub.sockets()[0], &CloseReason::NORMAL), 1);
    // The peer reads nothing from now on, and is alive.
    spawn(async move {
        while wire.try_send(&masked(true, wire::PING, b"")).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    let ended = timeout(Duration::from_secs(6), running).await;
    assert_eq!(ended.expect("the end").unwrap().unwrap().code(), 1000);
    assert!(hub.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_is_not_read_is_not_waited_for_without_end() {
    let (_client, server) = tokio::io::duplex(8);
    let service = relay().layer(Router::new());
    let mut parts = parts("/");
    let origin = "https://evil.test".parse().unwrap();
    parts.headers.insert("origin", origin);
    let refused = service.accept::<Body, _, _>(parts, server);
    let refused = timeout(Duration::from_secs(6), refused).await;
    assert!(refused.expect("an end").is_err());
}

fn parts(path: &str) -> Parts {
    let request = Request::get(path).header("host", "localhost").body(());
    request.expect("a request").into_parts().0
}

/// Runs a socket over a pipe.
fn accept(
    layer: &WebConnectionSocketLayer,
    parts: Parts,
) -> (
    Wire<DuplexStream>,
    JoinHandle<Result<CloseReason, Rejection>>,
) {
    let (client, server) = tokio::io::duplex(1_024);
    let service = layer.layer(Router::new());
    let running = spawn(service.accept::<Body, _, _>(parts, server));
    (Wire::over(client), running)
}
