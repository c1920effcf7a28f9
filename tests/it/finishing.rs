//! The work of sockets that have ended: it stays under the caps, and what was read is handled.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::sleep};
use tracing::Level;
use web_connection_socket::{
    Config, Handshake, Hub, Identity, Socket, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config, error_of, join, log, news,
    raw::Raw,
    serve, text, until,
    wire::{Wire, masked_text},
};

/// A gate that lets through as much work as a test allows, and how much has passed.
#[derive(Clone)]
struct Gate {
    open: Arc<Semaphore>,
    passed: Arc<AtomicUsize>,
}

impl Gate {
    fn closed() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            passed: Arc::default(),
        }
    }

    async fn pass(self) {
        self.open.acquire().await.expect("an open gate").forget();
        self.passed.fetch_add(1, Relaxed);
    }

    fn passed(&self) -> usize {
        self.passed.load(Relaxed)
    }
}

/// A layer that knows its users and whose work waits at a gate.
fn gated(config: Config) -> (WebConnectionSocketLayer, Gate) {
    let gate = Gate::closed();
    let handler = gate.clone();
    let layer = WebConnectionSocketLayer::new(config)
        .identify(async |visit: Handshake| {
            let user = visit.query("user").unwrap_or_default();
            Ok(Identity::user(&*user))
        })
        .on_web_socket(move |_: Socket| handler.clone().pass());
    (layer, gate)
}

/// Opens a socket, says so many things and hangs up, as soon as the server has read them.
async fn visit(server: &Server, hub: &Hub, messages: u64) -> bool {
    let read = hub.stats().messages_in;
    let Ok(mut ann) = server.connect("/?user=ann").await else {
        return false;
    };
    for _ in 0..messages {
        ann.send(&news("x")).await.expect("an open socket");
    }
    // The second one is parked, and not counted yet.
    until("it is read", || hub.stats().messages_in > read).await;
    drop(ann);
    until("it is gone", || hub.is_empty()).await;
    true
}

#[tokio::test]
async fn each_cap_bounds_the_sockets_that_are_open_and_those_whose_work_is_left() {
    let address: SocketAddr = "192.0.2.1:1".parse().unwrap();
    for (config, status, code) in [
        (config().max_sockets(2), 503, "too_many_sockets"),
        (
            config().max_sockets_per_user(2),
            429,
            "too_many_sockets_of_user",
        ),
        (
            config().max_sockets_per_client(2),
            429,
            "too_many_sockets_of_client",
        ),
    ] {
        let (layer, gate) = gated(config.max_dispatches(2));
        let hub = layer.hub();
        let server = serve(&layer).peer(address);
        let mut visits = 0;
        while visits < 100 && visit(&server, &hub, 1).await {
            visits += 1;
        }
        assert_eq!(visits, 4, "{code}: twice the cap");
        let refused = Raw::handshake("/?user=ann").ask(&server).await;
        let probed = Raw::probe("?user=ann").ask(&server).await;
        for answer in [refused, probed] {
            assert_eq!((answer.status, answer.code()), (status, code.to_owned()));
            assert_eq!(answer.header("retry-after"), Some("1"));
            assert!(
                answer.body.contains("still have messages in hand"),
                "{}",
                answer.body
            );
        }
        // One of them is done: there is room for one.
        gate.open.add_permits(1);
        until("one is done", || gate.passed() == 1).await;
        let room = || async { Raw::probe("?user=ann").ask(&server).await.status == 204 };
        while !room().await {}
        assert!(visit(&server, &hub, 1).await);
        assert!(!room().await);
        gate.open.add_permits(100);
        until("all that was said is handled", || gate.passed() == 5).await;
        assert_eq!(hub.stats().messages_shed, 0);
    }
}

#[tokio::test]
async fn a_page_that_is_loaded_again_is_not_refused_for_what_it_had_asked_for() {
    let (layer, gate) = gated(config().max_sockets_per_user(1).max_sockets(1));
    let hub = layer.hub();
    let server = serve(&layer);
    assert!(visit(&server, &hub, 1).await);
    let mut again = server.connect("/?user=ann").await.expect("a free permit");
    again.send(&news("x")).await.unwrap();
    gate.open.add_permits(2);
    until("both are handled", || gate.passed() == 2).await;
}

/// Longer than it takes to notice that a peer is gone which sent more than is read.
const LONG: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn under_caps_what_was_read_is_handled_however_late() {
    // Of two messages the second one keeps the end of the stream from being read.
    for (dispatches, messages) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let config = config().max_sockets(5).max_dispatches(dispatches);
        let (layer, gate) = gated(config.dispatch_timeout(LONG));
        let hub = layer.hub();
        let server = serve(&layer);
        for _ in 0..5 {
            assert!(visit(&server, &hub, messages).await);
        }
        // The time of the first one is up; the others have waited as long for their turn.
        sleep(LONG * 3 / 2).await;
        assert_eq!(hub.stats().dispatches_failed, 1);
        gate.open.add_permits(100);
        let all = 5 * messages;
        let passed = || gate.passed() as u64;
        until("all others are handled", || passed() == all - 1).await;
        let stats = hub.stats();
        assert_eq!((stats.messages_in, stats.messages_shed), (all, 0));
    }
}

/// Over TCP a client that hangs up looks like one that still reads.
#[tokio::test(start_paused = true)]
async fn under_caps_a_half_closed_peers_message_is_handled_however_late() {
    let (layer, gate) = gated(config().max_sockets(5).max_dispatches(1));
    let hub = layer.hub();
    let server = serve(&layer);
    let mut wires = Vec::new();
    for number in 1..=3 {
        let mut wire = Wire::open(&server, "/?user=ann").await;
        wire.send(&masked_text("{}")).await;
        wire.shut().await;
        until("it is read", || hub.stats().messages_in == number).await;
        until("it is gone", || hub.is_empty()).await;
        wires.push(wire);
    }
    // The first one's time is up, and so is that of the others to wait.
    sleep(Duration::from_secs(45)).await;
    assert_eq!(hub.stats().dispatches_failed, 1);
    gate.open.add_permits(100);
    until("the others are handled", || gate.passed() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn without_caps_so_much_waits_and_what_no_client_can_be_told_of_is_counted() {
    let log = log::capture();
    let (layer, gate) = gated(config().max_dispatches(1).dispatch_timeout(LONG));
    let hub = layer.hub();
    let server = serve(&layer);
    for _ in 0..4 {
        assert!(visit(&server, &hub, 1).await);
    }
    // One runs, three wait. One more may, and the one that is parked behind it may not.
    assert_eq!(hub.stats().dispatches_waiting, 3);
    assert!(visit(&server, &hub, 2).await);
    until("one is dropped", || hub.stats().messages_shed == 1).await;
    assert_eq!(hub.stats().dispatches_waiting, 4);

    // A client that is there is told at once.
    let mut bob = join(&server, "bob", &[]).await;
    bob.send(&news("x")).await.unwrap();
    assert_eq!(error_of(&mut bob).await, ("overloaded".into(), 503));
    assert_eq!(hub.stats().messages_shed, 1);

    // When the first one's time is up, another has its turn, and that of the others is up as well.
    sleep(LONG * 3 / 2).await;
    assert_eq!(hub.stats().messages_shed, 4);
    let warnings = log.of(Level::WARN);
    assert!(!warnings.is_empty());
    for warning in warnings {
        assert!(warning.contains("Config::max_sockets"), "{warning}");
    }
    gate.open.add_permits(100);
    let mut bob = join(&server, "bob", &[]).await;
    bob.send(&news("x")).await.unwrap();
    until("there is room again", || gate.passed() == 2).await;
    assert_eq!(hub.stats().dispatches_waiting, 0);
}

#[tokio::test]
async fn work_that_outlives_its_socket_sends_no_answer_and_disturbs_no_socket() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets(2));
    let gate = Gate::closed();
    let handler = gate.clone();
    let layer = layer.on_web_socket(move |socket: Socket| {
        let gate = handler.clone();
        async move {
            if socket.message().message == "late" {
                gate.pass().await;
            }
            let _gone = socket.reply(socket.message());
        }
    });
    let hub = layer.hub();
    let server = serve(&layer);
    for _ in 0..2 {
        let mut ann = join(&server, "ann", &[]).await;
        ann.send(&news("late")).await.unwrap();
        until("it runs", || hub.stats().dispatches_running > 0).await;
        drop(ann);
        until("it is gone", || hub.is_empty()).await;
    }
    let mut bob = join(&server, "bob", &[]).await;
    bob.send(&news("now")).await.unwrap();
    assert_eq!(text(&mut bob).await, "now");
    gate.open.add_permits(2);
    until("both are done", || gate.passed() == 2).await;
    assert_eq!(hub.len(), 1);
}
