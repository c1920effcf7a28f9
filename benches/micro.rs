//! The costs that are too small to see on real sockets: reading and writing messages, finding an
//! audience, queueing and writing in memory, and what the layer adds to other requests.
//!
//! `cargo bench -p benches --bench micro`; allocations are counted beside the times.

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use divan::{AllocProfiler, Bencher, black_box, counter::ItemsCount};
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
    runtime::{Builder, Runtime},
    task::{JoinSet, yield_now},
};
use tower::{BoxError, Layer, Service, service_fn};

use web_connection_socket::{
    Config, ConnectionId, Hub, RawMessage, RequestBody, Socket, SocketError, SocketMessage,
    WebConnectionSocketLayer, config::HistoryRule,
};

fn main() {
    divan::main();
}

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

#[divan::bench(args = [128, 4_096])]
fn read_message(bencher: Bencher<'_, '_>, bytes: usize) {
    let json = message(bytes).encode();
    bencher.bench_local(|| SocketMessage::from_slice(black_box(&json)));
}

/// Of a named user, for a group without that user, with a key of the sender's own.
#[divan::bench]
fn read_message_with_names(bencher: Bencher<'_, '_>) {
    let message = message(128).from_user("ann").from_group("chat");
    let message = message.to_group("chat").except_user("ann");
    let message = message.with_extra("trace", "a1").expect("it is JSON");
    let json = message.encode();
    bencher.bench_local(|| SocketMessage::from_slice(black_box(&json)));
}

#[divan::bench(args = [128, 4_096])]
fn write_message(bencher: Bencher<'_, '_>, bytes: usize) {
    let message = message(bytes);
    bencher.bench_local(|| black_box(&message).encode());
}

/// From the broadcast to the last write, with sockets that take everything.
#[divan::bench(args = [10, 1_000, 10_000], sample_count = 20)]
fn fan_out_to_all(bencher: Bencher<'_, '_>, sockets: usize) {
    let opened = Sockets::open(sockets);
    let message = message(128);
    bencher
        .counter(ItemsCount::new(sockets))
        .bench_local(|| opened.broadcast(&message));
}

/// Costs as ten sockets, however many others there are.
#[divan::bench(args = REGISTERED, sample_count = 50)]
fn fan_out_to_ten_of(bencher: Bencher<'_, '_>, sockets: usize) {
    let opened = Sockets::open(sockets);
    let message = message(128).to_group("ten");
    bencher
        .counter(ItemsCount::new(10usize))
        .bench_local(|| opened.broadcast(&message));
}

/// Finds an empty audience: only the resolution is left.
#[divan::bench(args = REGISTERED)]
fn resolve_empty_audience_of(bencher: Bencher<'_, '_>, sockets: usize) {
    let opened = Sockets::open(sockets);
    let message = message(128).to_group("empty").except_user("ann");
    bencher.bench_local(|| opened.hub.broadcast(black_box(&message)));
}

/// To a group without members: what a message costs until its sockets are known.
#[divan::bench(args = [Rule::None, Rule::Other, Rule::Its])]
fn keep_message(bencher: Bencher<'_, '_>, rule: Rule) {
    let config = match rule {
        Rule::None => Config::new(),
        Rule::Other => Config::new().history(HistoryRule::group("other:*")),
        Rule::Its => Config::new().history(HistoryRule::group("room:*")),
    };
    let hub = Hub::new(&config);
    let message = message(128).to_group("room:7");
    bencher.bench_local(|| hub.broadcast(black_box(&message)));
}

#[divan::bench(args = REGISTERED)]
fn join_and_leave_of(bencher: Bencher<'_, '_>, sockets: usize) {
    let opened = Sockets::open(sockets);
    bencher.bench_local(|| {
        opened.hub.join(opened.last, "crowd").expect("it is open");
        assert!(opened.hub.leave(opened.last, "crowd"));
    });
}

/// From the bytes of a hundred frames to the handler, which does nothing with a message.
#[divan::bench(args = [Inbound::Text, Inbound::Fragments, Inbound::Pong])]
fn receive(bencher: Bencher<'_, '_>, inbound: Inbound) {
    let frames = inbound.frames();
    let mut sender = Sender::open();
    bencher
        .counter(ItemsCount::new(100usize))
        .bench_local(|| sender.send(black_box(&frames)));
}

/// Several threads at one hub, each as fast as it can: what they cost one another.
#[divan::bench_group(threads = [1, 2, 4])]
mod contended {
    use super::{Bencher, Sockets, black_box, message};

    #[divan::bench]
    fn join_and_leave(bencher: Bencher<'_, '_>) {
        let opened = Sockets::open(1_000);
        let (hub, last) = (&opened.hub, opened.last);
        bencher.bench(|| {
            hub.join(last, "crowd").expect("it is open");
            hub.leave(last, "crowd")
        });
    }

    #[divan::bench]
    fn resolve_empty_audience(bencher: Bencher<'_, '_>) {
        let opened = Sockets::open(1_000);
        let hub = &opened.hub;
        let message = message(128).to_group("empty").except_user("ann");
        bencher.bench(|| hub.broadcast(black_box(&message)));
    }
}

/// What passes through the layer, and the same without it.
#[divan::bench_group]
mod pass_through {
    use super::{
        Bencher, BoxError, Bytes, Config, Empty, Full, Layer, Ready, Request, RequestBody,
        Response, Service, WebConnectionSocketLayer, ready, service_fn,
    };
    use futures_util::FutureExt;

    #[divan::bench]
    fn bare_service(bencher: Bencher<'_, '_>) {
        let mut service = service_fn(answer::<Empty<Bytes>>);
        bencher
            .with_inputs(request)
            .bench_local_values(|request| service.call(request).now_or_never());
    }

    #[divan::bench]
    fn inside_the_layer(bencher: Bencher<'_, '_>) {
        let layer = WebConnectionSocketLayer::new(Config::new());
        let mut service = layer.layer(service_fn(answer::<RequestBody<Empty<Bytes>>>));
        bencher
            .with_inputs(request)
            .bench_local_values(|request| service.call(request).now_or_never());
    }

    fn request() -> Request<Empty<Bytes>> {
        let request = Request::get("/orders/7?details=all").header("host", "app.example");
        request.body(Empty::new()).expect("it is well formed")
    }

    fn answer<B>(_: Request<B>) -> Ready<Result<Response<Full<Bytes>>, BoxError>> {
        ready(Ok(Response::new(Full::new(Bytes::from_static(b"7")))))
    }
}

/// Sockets in memory; ten of them are a group.
struct Sockets {
    runtime: Runtime,
    hub: Arc<Hub>,
    last: ConnectionId,
    _tasks: JoinSet<()>,
}

impl Sockets {
    fn open(count: usize) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime needs nothing that could be missing");
        let layer = WebConnectionSocketLayer::new(Config::new());
        let hub = layer.hub();
        let service = layer.layer(Router::new());
        let mut tasks = JoinSet::new();
        runtime.block_on(async {
            for number in 0..count {
                let group = if number < 10 { "ten" } else { "crowd" };
                let request = Request::get(format!("/?groupId={group}")).body(());
                let (parts, ()) = request.expect("it is well formed").into_parts();
                let service = service.clone();
                tasks.spawn(async move {
                    if let Err(refusal) = service.accept::<Body, _, _>(parts, Peer).await {
                        panic!("a socket was refused: {refusal}");
                    }
                });
            }
            while hub.len() < count {
                yield_now().await;
            }
            rest(count).await;
        });
        let last = hub.sockets().pop().expect("some socket is open");
        Self {
            runtime,
            hub,
            last,
            _tasks: tasks,
        }
    }

    fn broadcast(&self, message: &SocketMessage) {
        let report = self.hub.broadcast(black_box(message));
        assert_eq!(report.dropped, 0);
        self.runtime.block_on(rest(report.queued));
    }
}

/// Lets so many tasks go on until all of them wait; some 60 have their turn within one yield.
async fn rest(tasks: usize) {
    for _ in 0..4 + tasks / 16 {
        yield_now().await;
    }
}

/// Says nothing and takes everything.
struct Peer;

impl AsyncRead for Peer {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Which streams a hub keeps.
#[derive(Clone, Copy, Debug)]
enum Rule {
    None,
    /// Not that of the message.
    Other,
    /// That of the message.
    Its,
}

/// What a client sends a hundred times.
#[derive(Clone, Copy, Debug)]
enum Inbound {
    /// A text message of 128 bytes.
    Text,
    /// A fragment of two bytes.
    Fragments,
    /// A pong without a payload.
    Pong,
}

impl Inbound {
    fn frames(self) -> Vec<u8> {
        let frame = |first: u8, payload: &[u8]| {
            const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
            let mut bytes = vec![first];
            match payload.len() {
                short @ 0..126 => bytes.push(0x80 | short as u8),
                long => {
                    bytes.push(0x80 | 126);
                    bytes.extend((long as u16).to_be_bytes());
                }
            }
            bytes.extend(MASK);
            let mask = MASK.iter().cycle();
            bytes.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
            bytes
        };
        match self {
            Self::Text => frame(0x81, &[b'x'; 128]).repeat(100),
            Self::Fragments => {
                let begin = frame(0x01, b"xx");
                [begin, frame(0x00, b"xx").repeat(98), frame(0x80, b"xx")].concat()
            }
            Self::Pong => frame(0x8a, b"").repeat(100),
        }
    }
}

/// The client of one socket in memory, whose messages are read and forgotten.
struct Sender {
    runtime: Runtime,
    stream: DuplexStream,
    _task: JoinSet<()>,
}

impl Sender {
    fn open() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime needs nothing that could be missing");
        let layer = WebConnectionSocketLayer::new(Config::new())
            .on_raw(|_: Socket, _: RawMessage| ready(Ok::<_, SocketError>(())));
        let hub = layer.hub();
        let service = layer.layer(Router::new());
        let (stream, server) = duplex(64 * 1024);
        let mut task = JoinSet::new();
        runtime.block_on(async {
            let request = Request::get("/").body(()).expect("it is well formed");
            let (parts, ()) = request.into_parts();
            task.spawn(async move {
                if let Err(refusal) = service.accept::<Body, _, _>(parts, server).await {
                    panic!("the socket was refused: {refusal}");
                }
            });
            while hub.is_empty() {
                yield_now().await;
            }
        });
        Self {
            runtime,
            stream,
            _task: task,
        }
    }

    fn send(&mut self, frames: &[u8]) {
        self.runtime.block_on(async {
            let sent = self.stream.write_all(frames).await;
            sent.expect("the socket is open");
            rest(1).await;
        });
    }
}

fn message(bytes: usize) -> SocketMessage {
    let envelope = SocketMessage::new("tick").encode().len();
    SocketMessage::new("tick").text("x".repeat(bytes - envelope))
}

const REGISTERED: [usize; 3] = [10, 10_000, 100_000];
