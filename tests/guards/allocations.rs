use std::future::{Ready, ready};

use allocation_counter::measure;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use tower::{BoxError, Layer, Service, service_fn};

use web_connection_socket::{Config, RequestBody, SocketMessage, WebConnectionSocketLayer};

use crate::support::Sockets;

#[test]
fn a_broadcast_allocates_as_much_for_a_thousand_sockets_as_for_ten() {
    for sockets in [10, 1_000] {
        let per_broadcast = allocations_per_broadcast(sockets);
        assert!(
            per_broadcast <= 8.0,
            "{per_broadcast} allocations per broadcast to {sockets} sockets"
        );
    }
}

#[test]
fn a_full_queue_holds_little_more_heap_than_its_bound_however_short_its_messages() {
    for length in [0, 100, 1_000, 10_000] {
        let mut opened = Sockets::new();
        opened.open(1, "");
        let message = SocketMessage::new("").text("x".repeat(length));
        let hub = opened.hub();
        // Nothing is written meanwhile: the runtime has no turn.
        let counted = measure(|| while hub.broadcast(&message).dropped == 0 {});
        let bound = 1024 * 1024;
        let held = counted.bytes_max;
        assert!(held > bound / 2, "the queue was never full: {held}");
        assert!(
            held <= bound / 2 * 3,
            "{held} bytes of heap for {length} of text"
        );
    }
}

#[test]
fn a_request_that_is_not_ours_passes_without_an_allocation() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let mut service = layer.layer(service_fn(answer));
    let request = Request::get("/orders/7?details=all").header("host", "app.example");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let mut response = None;
    let counted = measure(|| response = service.call(request).now_or_never());
    assert!(response.unwrap().is_ok());
    assert_eq!(counted.count_total, 0);
}

fn answer(_: Request<RequestBody<Empty<Bytes>>>) -> Ready<Result<Response<Full<Bytes>>, BoxError>> {
    ready(Ok(Response::new(Full::new(Bytes::from_static(b"7")))))
}

/// Counts accepting and writing, when all that grows has grown.
fn allocations_per_broadcast(sockets: usize) -> f64 {
    let mut opened = Sockets::new();
    opened.open(sockets, "");
    let message = [SocketMessage::new("tick").text("x".repeat(100))];
    let rounds = 50;
    for _ in 0..rounds {
        opened.broadcast(&message);
    }
    let before = opened.written().bytes();
    let counted = measure(|| {
        for _ in 0..rounds {
            opened.broadcast(&message);
        }
    });
    let delivered = opened.written().bytes() - before;
    assert!(delivered > rounds * sockets * 100, "only {delivered} bytes");
    counted.count_total as f64 / rounds as f64
}
