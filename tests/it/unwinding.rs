//! What panics as it is dropped, and streams that panic: they cost one message or one socket, and
//! the disconnect event comes.

use std::{
    future::pending,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, routing::post};
use http::Request;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    runtime::Handle,
    sync::Semaphore,
};
use tower::Layer;
use web_connection_socket::{
    CloseReason, Handshake, Identity, RawMessage, Socket, WebConnectionSocketLayer,
};

use crate::support::{
    config, error_of,
    http::WEB_SOCKET,
    join, news, serve, serve_app, soon, spawn, text, until,
    wire::{Wire, masked_text},
};

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor that panics");
    }
}

/// Work that never ends, and panics when it is given up.
async fn explode<T>() -> T {
    let _bomb = Bomb;
    pending().await
}

/// The disconnect events that an application got: user and code.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<Vec<(String, u64)>>>);

impl Ends {
    fn on(&self, layer: WebConnectionSocketLayer) -> WebConnectionSocketLayer {
        let ends = self.clone();
        layer.on_disconnect(move |socket: Socket| {
            let ends = ends.clone();
            async move {
                let end: serde_json::Value = socket.message().parse_json().expect("JSON");
                let code = end["code"].as_u64().expect("a code");
                ends.0.lock().push((socket.user().to_string(), code));
            }
        })
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_handler_panics_as_it_is_given_up_costs_that_message() {
    async fn handle(socket: Socket) {
        match socket.message().message.as_str() {
            "explode" => explode().await,
            _ => socket.reply(socket.message()).expect("an open socket"),
        }
    }

    let app = post(async |socket: Socket| handle(socket).await);
    let app = Router::new().route(WEB_SOCKET, app);
    let handler = WebConnectionSocketLayer::new(config()).on_web_socket(handle);
    let inner = WebConnectionSocketLayer::new(config());
    for layer in [handler, inner] {
        let ends = Ends::default();
        let layer = ends.on(layer);
        let server = serve_app(&layer, app.clone());
        let mut ann = join(&server, "ann", &[]).await;
        for _ in 0..3 {
            ann.send(&news("explode")).await.unwrap();
            assert_eq!(error_of(&mut ann).await, ("timeout".into(), 504));
            ann.send(&news("alive")).await.unwrap();
            assert_eq!(text(&mut ann).await, "alive");
        }
        drop(ann);
        until("the end is told", || ends.len() == 1).await;
        assert!(layer.hub().is_empty());
        assert_eq!(layer.hub().stats().dispatches_running, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_raw_handler_and_an_event_may_do_so_too() {
    let ends = Ends::default();
    let config = config().dispatch_timeout(Duration::from_secs(5));
    let layer = WebConnectionSocketLayer::new(config.max_sockets(1))
        .on_open(|_: Socket| explode::<()>())
        .on_raw(|_: Socket, _: RawMessage| explode::<()>());
    let layer = ends.on(layer);
    let server = serve(&layer);
    for round in 1..4 {
        let mut ann = join(&server, "ann", &[]).await;
        ann.send_text("x").await.unwrap();
        ann.send_text("y").await.unwrap();
        let hub = layer.hub();
        until("all of it has timed out", || {
            hub.stats().dispatches_failed == 3 * round
        })
        .await;
        drop(ann);
        until("the end is told", || ends.len() as u64 == round).await;
        until("nothing is left", || hub.stats().dispatches_running == 0).await;
    }
    let layer = layer.on_disconnect(|_: Socket| explode::<()>());
    let server = serve(&layer);
    for _ in 0..3 {
        // A permit that was lost would not be free for the next one.
        drop(join(&server, "bob", &[]).await);
        let stats = || layer.hub().stats();
        until("the event runs", || stats().dispatches_running == 1).await;
        until("it is over", || stats().dispatches_running == 0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn hooks_that_panic_as_they_are_given_up_refuse_or_close() {
    let opening = [
        WebConnectionSocketLayer::new(config()).identify(|_| explode()),
        WebConnectionSocketLayer::new(config()).on_connect(|_| explode()),
    ];
    for layer in opening {
        let refused = serve(&layer).connect("/").await.unwrap_err();
        let status = refused.refusal().expect("an answer, and no reset").status();
        assert!(status.is_server_error(), "{status}");
        assert!(layer.hub().is_empty());
    }

    let ends = Ends::default();
    let layer = WebConnectionSocketLayer::new(config())
        .identify(
            async |_: Handshake| Ok(Identity::user("ann").expires_in(Duration::from_secs(60))),
        )
        .on_expiry(|_| explode());
    let layer = ends.on(layer);
    let mut ann = join(&serve(&layer), "ann", &[]).await;
    assert_eq!(ann.closed().await, CloseReason::IDENTITY_EXPIRED);
    drop(ann);
    until("the end is told", || ends.len() == 1).await;
    assert_eq!(*ends.0.lock(), [("ann".to_owned(), 4401)]);
}

/// What of a stream panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weak {
    Read,
    Write,
    Flush,
    Shutdown,
    Drop,
}

/// A stream that panics once something is asked of it, after so many reads.
struct WeakStream {
    stream: DuplexStream,
    weak: Weak,
    reads: usize,
}

impl WeakStream {
    fn strain(&self, what: Weak) {
        assert_ne!(what, self.weak, "a stream that panics");
    }
}

impl AsyncRead for WeakStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.reads == 0 {
            self.strain(Weak::Read);
        }
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() {
            self.reads = self.reads.saturating_sub(1);
        }
        read
    }
}

impl AsyncWrite for WeakStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.strain(Weak::Write);
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.strain(Weak::Flush);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.strain(Weak::Shutdown);
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for WeakStream {
    fn drop(&mut self) {
        self.strain(Weak::Drop);
    }
}

#[tokio::test]
async fn a_stream_that_panics_ends_its_socket_alone() {
    for weak in [
        Weak::Read,
        Weak::Write,
        Weak::Flush,
        Weak::Shutdown,
        Weak::Drop,
    ] {
        let ends = Ends::default();
        let handled = Arc::new(Mutex::new(Vec::new()));
        let seen = handled.clone();
        let layer = WebConnectionSocketLayer::new(config().max_sockets(2));
        let layer = layer.on_web_socket(move |socket: Socket| {
            let handled = seen.clone();
            async move {
                tokio::task::yield_now().await;
                handled.lock().push(socket.message().message.clone());
                let _gone = socket.reply(socket.message());
            }
        });
        let layer = ends.on(layer);
        let hub = layer.hub();
        let server = serve(&layer);
        let mut bob = join(&server, "bob", &[]).await;

        let (client, stream) = duplex(1_024);
        let stream = WeakStream {
            stream,
            weak,
            reads: 1,
        };
        let request = Request::get("/?userId=ann").header("host", "localhost");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let service = layer.layer(Router::new());
        let running = spawn(service.accept::<Body, _, _>(parts, stream));
        let mut wire = Wire::over(client);
        let _gone = wire.try_send(&masked_text(r#"{"message":"x"}"#)).await;
        until("what was read is handled", || {
            weak != Weak::Read && handled.lock().len() == 1 || ends.len() == 1
        })
        .await;
        drop(wire);
        let reason = soon("the end", running).await.expect("no panic");
        assert_eq!(reason.expect("a socket").code(), 1006, "{weak:?}");
        assert_eq!(*ends.0.lock(), [("ann".to_owned(), 1006)], "{weak:?}");
        assert_eq!(*handled.lock(), ["x"], "{weak:?}");
        assert_eq!(hub.stats().panics, 1, "{weak:?}");

        // The others notice nothing, and there is room for another.
        assert_eq!(hub.len(), 1);
        bob.send(&news("alive")).await.unwrap();
        assert_eq!(text(&mut bob).await, "alive");
        let _eve = join(&server, "eve", &[]).await;
    }
}

/// A host that does not wait for a socket's end does not lose what comes after it.
#[tokio::test]
async fn a_future_that_is_dropped_cuts_the_connection_and_nothing_else() {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    for late in [false, true] {
        until("no task of an earlier socket is left", || tasks() == 0).await;
        let ends = Ends::default();
        let gate = Arc::new(Semaphore::new(0));
        let held = gate.clone();
        let layer = WebConnectionSocketLayer::new(config().max_sockets(1));
        let layer = layer.on_web_socket(move |_: Socket| {
            let gate = held.clone();
            async move { gate.acquire().await.expect("an open gate").forget() }
        });
        let layer = ends.on(layer);
        let hub = layer.hub();
        let (client, stream) = duplex(1_024);
        let request = Request::get("/?userId=ann").header("host", "localhost");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let service = layer.layer(Router::new());
        let running = spawn(service.accept::<Body, _, _>(parts, stream));
        let mut wire = Wire::over(client);
        wire.send(&masked_text("{}")).await;
        until("it is being handled", || {
            hub.stats().dispatches_running == 1
        })
        .await;
        if late {
            // The connection has ended, and only the message is left, in a task of its own.
            let before = tasks();
            assert_eq!(hub.close(hub.sockets()[0], &CloseReason::NORMAL), 1);
            drop(wire);
            until("its connection has ended", || tasks() > before).await;
        }
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        until("it is cut", || hub.is_empty()).await;
        assert_eq!((hub.stats().dispatches_running, ends.len()), (1, 0));
        gate.add_permits(1);
        until("the end is told", || ends.len() == 1).await;
        until("nothing is left", || hub.stats().dispatches_running == 0).await;
        // Its place is free.
        drop(join(&serve(&layer), "bob", &[]).await);
    }
}

/// What layers outside put into the request is kept for as long as the socket.
#[tokio::test]
async fn what_was_kept_of_a_handshake_may_panic_as_it_goes() {
    let ends = Ends::default();
    let layer = ends.on(WebConnectionSocketLayer::new(config().max_sockets(1)));
    let service = layer.layer(Router::new());
    for round in 1..4 {
        let (client, stream) = duplex(1_024);
        let request = Request::get("/?userId=ann").header("host", "localhost");
        let request = request.extension(Arc::new(Bomb));
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let running = spawn(service.accept::<Body, _, _>(parts, stream));
        drop(Wire::over(client));
        let reason = soon("the end", running).await.expect("no panic");
        assert_eq!(reason.expect("a free permit").code(), 1006);
        assert_eq!(
            (ends.len(), layer.hub().stats().panics),
            (round, round as u64)
        );
    }
    assert!(layer.hub().is_empty());
}
