//! How connections are made, kept and lost.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, ServiceExt, extract::Request, serve::ListenerExt};
use tokio::{io::AsyncReadExt, net::TcpListener, sync::oneshot};
use tower::Layer;
use web_connection_socket::{BroadcastErrorKind, serve_until};

use super::{TOKEN, send, sender, with_token};
use crate::support::{join, news, serve, soon, spawn, text};

#[tokio::test]
async fn one_connection_is_kept_for_many_messages_of_all_clones() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = sender(listener.local_addr().unwrap())
        .bearer_token(TOKEN)
        .unwrap();
    let listener = listener.tap_io(move |_| _ = counter.fetch_add(1, Relaxed));
    let service = with_token().layer(Router::new());
    spawn(async { axum::serve(listener, ServiceExt::<Request>::into_make_service(service)).await });

    for _ in 0..10 {
        send(&sender, &news("hello")).await.unwrap();
        send(&sender.clone(), &news("hello")).await.unwrap();
    }
    assert_eq!(accepted.load(Relaxed), 1);
}

#[tokio::test]
async fn a_server_that_was_restarted_is_reached_again() {
    let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sender = sender(address).bearer_token(TOKEN).unwrap();
    for _ in 0..5 {
        let (stop, stopped) = oneshot::channel::<()>();
        let server = spawn(serve_until(listener, with_token(), Router::new(), async {
            _ = stopped.await;
        }));
        // The client may not know yet that its old connection has ended: a message on that one is lost.
        if let Err(error) = send(&sender, &news("hello")).await {
            assert_eq!(error.kind(), BroadcastErrorKind::Broken);
        }
        for _ in 0..2 {
            send(&sender, &news("hello")).await.unwrap();
        }
        drop(stop);
        soon("the end of the server", server)
            .await
            .unwrap()
            .unwrap();
        listener = TcpListener::bind(address).await.unwrap();
    }
}

#[tokio::test]
async fn clones_in_many_tasks_send_at_once() {
    let layer = with_token();
    let mut ann = join(&serve(&layer), "ann", &[]).await;
    let sender = sender(super::listen(&layer).await)
        .bearer_token(TOKEN)
        .unwrap();
    let tasks: Vec<_> = (0..32)
        .map(|n: usize| {
            let sender = sender.clone();
            spawn(async move { send(&sender, &news(n.to_string())).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().queued, 1);
    }
    let mut received = BTreeSet::new();
    while received.len() < 32 {
        assert!(received.insert(text(&mut ann).await));
    }
}

#[tokio::test]
async fn a_port_without_a_server_is_an_error_with_its_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = send(&sender(address), &news("hello")).await.unwrap_err();
    assert_eq!(error.kind(), BroadcastErrorKind::Connect);
    assert_eq!((error.status(), error.detail()), (None, None));
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = sender(listener.local_addr().unwrap()).timeout(Duration::from_millis(50));
    let silent = spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        stream.read_to_end(&mut request).await.unwrap();
        request
    });
    let error = send(&sender, &news("hello")).await.unwrap_err();
    assert_eq!(error.kind(), BroadcastErrorKind::Timeout);
    assert_eq!(error.to_string(), "the server did not answer within 50ms");
    // The connection is closed, not left to the pool: the server reads its end.
    let request = soon("the end of the connection", silent).await.unwrap();
    assert!(request.starts_with(b"POST /__broadcastWebSocket.wc HTTP/1.1\r\n"));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    for start in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 80\r\n\r\n{\"matched\":",
        "nonsense\r\n\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sender = sender(listener.local_addr().unwrap());
        spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4_096];
            _ = stream.read(&mut request).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut stream, start.as_bytes())
                .await
                .unwrap();
        });
        let error = send(&sender, &news("hello")).await.unwrap_err();
        assert_eq!(
            error.kind(),
            BroadcastErrorKind::Broken,
            "{start:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_cancelled_broadcast_leaves_the_broadcaster_usable() {
    let layer = with_token();
    let mut ann = join(&serve(&layer), "ann", &[]).await;
    let sender = sender(super::listen(&layer).await)
        .bearer_token(TOKEN)
        .unwrap();
    for _ in 0..20 {
        let message = news("perhaps");
        tokio::select! {
            biased;
            _ = sender.broadcast(&message) => {}
            () = tokio::task::yield_now() => {}
        }
    }
    send(&sender, &news("certainly")).await.unwrap();
    while text(&mut ann).await != "certainly" {}
}
