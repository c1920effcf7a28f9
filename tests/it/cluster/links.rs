//! Links that break, are deaf or never come, and what a node is told of the others.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, advance, sleep, timeout},
};
use web_connection_socket::{
    ClusterEvent, Hub, Recipient, WebConnectionSocketLayer,
    backplane::{
        Arrival, Backplane, BackplaneError, BoxFuture, Command, Inlet, Link, MemoryBackplane,
        Outlet,
    },
};

use super::{Node, acquainted, config, eventually, nodes};
use crate::support::{join, log, news, news_to, serve, text};

fn is_down(event: &ClusterEvent) -> bool {
    matches!(event, ClusterEvent::Down)
}

#[tokio::test(start_paused = true)]
async fn a_node_without_a_broker_is_up_alone_and_says_so_once_a_minute() {
    let log = log::capture();
    let backplane = MemoryBackplane::new();
    backplane.cut();
    let node = Node::start(config(), &backplane);
    let mut ann = node.join("ann", &["chat"]).await;
    let report = node
        .hub
        .broadcast(&news_to("x", [Recipient::group("chat")]));
    assert_eq!(report.queued, 1);
    assert_eq!(text(&mut ann).await, "x");
    sleep(Duration::from_secs(179)).await;
    let warnings = log.text();
    assert_eq!(
        warnings.matches("there is no link to the broker").count(),
        3
    );
    let stats = node.stats();
    assert!(!stats.connected);
    assert!(
        stats.failed_links >= 89,
        "every 2 s or more often: {stats:?}"
    );
    assert_eq!((stats.not_forwarded, stats.opened_unsynced), (1, 1));

    backplane.restore();
    let start = Instant::now();
    node.hub.cluster().connected().await;
    assert!(start.elapsed() <= Duration::from_secs(2));
    let other = Node::start(config(), &backplane.another_node());
    let nodes = [node, other];
    acquainted(&nodes).await;
    nodes[1]
        .hub
        .broadcast(&news_to("y", [Recipient::group("chat")]));
    assert_eq!(text(&mut ann).await, "y");
}

#[tokio::test(start_paused = true)]
async fn a_broken_link_is_replaced_and_subscribed_at_once() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &["chat"]).await;
    for round in 0..20 {
        sleep(Duration::from_secs(5)).await;
        second.events.clear();
        second.backplane.disconnect();
        let start = Instant::now();
        eventually(|| second.events.when(is_down).is_some()).await;
        second.hub.cluster().connected().await;
        assert!(start.elapsed() < Duration::from_millis(20));
        first
            .hub
            .broadcast(&news_to(round.to_string(), [Recipient::group("chat")]));
        assert_eq!(text(&mut ann).await, round.to_string());
        assert_eq!(second.events.all(), [ClusterEvent::Down, ClusterEvent::Up]);
    }
    assert_eq!(second.stats().links, 21);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_comes_back_is_found_within_two_seconds() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &["chat"]).await;
    for seconds in 1..20 {
        first.backplane.cut();
        second.backplane.cut();
        sleep(Duration::from_secs(seconds)).await;
        first.backplane.restore();
        second.backplane.restore();
        let start = Instant::now();
        first.hub.cluster().connected().await;
        second.hub.cluster().connected().await;
        assert!(start.elapsed() <= Duration::from_millis(2_100));
        first
            .hub
            .broadcast(&news_to("x", [Recipient::group("chat")]));
        assert_eq!(text(&mut ann).await, "x");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deaf_link_is_noticed_and_replaced() {
    for fault in [
        MemoryBackplane::freeze,
        MemoryBackplane::drop_incoming,
        MemoryBackplane::drop_outgoing,
    ] {
        let [first, second] = nodes().await;
        let mut ann = second.join("ann", &["chat"]).await;
        sleep(Duration::from_secs(10)).await;
        fault(&second.backplane);
        let start = Instant::now();
        let is_deaf = |event: &ClusterEvent| matches!(event, ClusterEvent::Deaf);
        eventually(|| second.events.when(is_deaf).is_some()).await;
        assert!(start.elapsed() <= Duration::from_millis(6_500));
        second.backplane.restore();
        second.hub.cluster().connected().await;
        first
            .hub
            .broadcast(&news_to("x", [Recipient::group("chat")]));
        assert_eq!(text(&mut ann).await, "x");
        assert!(second.stats().deaf >= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_whose_process_was_stopped_go_on() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &["chat"]).await;
    let to_chat = |text: &str| news_to(text, [Recipient::group("chat")]);
    sleep(Duration::from_secs(10)).await;
    first.hub.broadcast(&to_chat("before"));
    sleep(Duration::from_millis(10)).await;
    for _ in 0..5 {
        // All timers are late, and whichever task is first must not judge by that.
        advance(Duration::from_secs(20)).await;
        first.hub.broadcast(&to_chat("after"));
        sleep(Duration::from_secs(5)).await;
    }
    assert_eq!(text(&mut ann).await, "before");
    for _ in 0..5 {
        assert_eq!(text(&mut ann).await, "after");
    }
    for node in [&first, &second] {
        let stats = node.stats();
        assert_eq!((stats.deaf, stats.links, stats.gaps), (0, 1, 0));
        let gone = |event: &ClusterEvent| matches!(event, ClusterEvent::NodeGone { .. });
        assert_eq!(node.events.when(gone), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_gone_is_noticed_and_one_that_leaves_says_so() {
    let [first, second, third] = nodes().await;
    sleep(Duration::from_secs(10)).await;
    let (second_id, third_id) = (second.id(), third.id());
    second.backplane.drop_outgoing();
    let start = Instant::now();
    let gone = |id, clean| {
        move |event: &ClusterEvent| *event == ClusterEvent::NodeGone { node: id, clean }
    };
    eventually(|| first.events.when(gone(second_id, false)).is_some()).await;
    assert!(start.elapsed() <= Duration::from_millis(7_500));
    third.hub.shutdown(Duration::from_secs(5)).await;
    eventually(|| first.events.when(gone(third_id, true)).is_some()).await;
    assert_eq!(first.hub.cluster().nodes(), [first.id()]);
    second.backplane.restore();
    eventually(|| first.hub.cluster().nodes().len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_dropped_says_farewell() {
    let [first, second] = nodes().await;
    let id = second.id();
    drop(second);
    let gone = ClusterEvent::NodeGone {
        node: id,
        clean: true,
    };
    eventually(|| first.events.all().contains(&gone)).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_broker_that_is_frozen() {
    let [first, _second] = nodes().await;
    first.backplane.freeze();
    let start = Instant::now();
    first.hub.shutdown(Duration::from_secs(5)).await;
    assert!(start.elapsed() <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_costs_no_link() {
    let broker = MemoryBackplane::new();
    let other = Node::start(config(), &broker.another_node());
    let layer = WebConnectionSocketLayer::new(config())
        .on_cluster_event(|event| panic!("{event:?}"))
        .backplane(broker);
    let mut ann = join(&serve(&layer), "ann", &[]).await;
    layer.hub().cluster().connected().await;
    other.hub.cluster().connected().await;
    other.hub.broadcast(&news("x"));
    assert_eq!(text(&mut ann).await, "x");
    assert!(layer.hub().stats().panics >= 1);
}

#[test]
fn a_layer_made_outside_of_a_runtime_connects_when_its_first_socket_opens() {
    let broker = MemoryBackplane::new();
    let node = Node::start(config(), &broker);
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let other = Node::start(config(), &broker.another_node());
            let mut ann = node.join("ann", &["chat"]).await;
            node.hub.cluster().connected().await;
            other.hub.cluster().connected().await;
            other
                .hub
                .broadcast(&news_to("x", [Recipient::group("chat")]));
            assert_eq!(text(&mut ann).await, "x");
        });
        drop(runtime);
        assert!(!node.hub.cluster().is_connected(), "its tasks are gone");
    }
}

#[test]
fn a_layer_whose_runtime_ends_at_once_connects_on_the_next() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    // Its task is dropped before it was polled.
    let node = first.block_on(async { Node::start(config(), &MemoryBackplane::new()) });
    drop(first);
    runtime().block_on(async {
        let cluster = node.hub.cluster();
        let connected = timeout(Duration::from_secs(10), cluster.connected()).await;
        connected.expect("a link");
    });
}

/// Opens links that panic, or whose every command is refused.
#[derive(Default)]
struct Faulty(AtomicU64);

impl Backplane for Faulty {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        let number = self.0.fetch_add(1, Relaxed);
        Box::pin(async move {
            assert!(number > 0, "the first attempt panics");
            let (refuses, silence) = watch::channel(false);
            let link: Link = (Box::new(Refuses(refuses)), Box::new(Silence(silence)));
            Ok(link)
        })
    }
}

struct Refuses(watch::Sender<bool>);

impl Outlet for Refuses {
    fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>> {
        let publishes = |command: &Command| matches!(command, Command::Publish(..));
        let result = if commands.iter().any(publishes) {
            self.0.send_replace(true);
            Err(BackplaneError::not_sent("no permission to publish"))
        } else {
            Ok(())
        };
        Box::pin(async { result })
    }
}

struct Silence(watch::Receiver<bool>);

impl Inlet for Silence {
    fn receive(&mut self) -> BoxFuture<'_, Option<Arrival>> {
        Box::pin(async {
            _ = self.0.wait_for(|is_over| *is_over).await;
            None
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_opens_and_cannot_publish_says_why_once_a_minute() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config()).backplane(Faulty::default());
    let warnings = || {
        let text = log.text();
        let lines = text.lines();
        let lines = lines.filter(|line| line.contains("there is no link to the broker"));
        lines.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    sleep(Duration::from_secs(59)).await;
    let first = warnings();
    assert!(first.len() == 1 && first[0].contains("the backplane panicked"));
    sleep(Duration::from_secs(59)).await;
    let both = warnings();
    assert!(both.len() == 2 && both[1].contains("no permission to publish"));
    drop(layer);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_entered_as_soon_as_there_is_a_link_is_subscribed_to() {
    let broker = MemoryBackplane::new();
    let other = Node::start(config(), &broker.another_node());
    let hub = Arc::new(OnceLock::<Arc<Hub>>::new());
    let (of_hook, count) = (hub.clone(), AtomicU64::new(0));
    let layer = WebConnectionSocketLayer::new(config())
        .on_cluster_event(move |event| {
            // The subscription that was opened with the second link has just run out.
            if matches!(event, ClusterEvent::Up) && count.fetch_add(1, Relaxed) == 1 {
                let hub = of_hook.get().unwrap();
                hub.join(hub.sockets()[0], "chat").unwrap();
            }
        })
        .backplane(broker.clone());
    hub.set(layer.hub()).unwrap();
    let hub = layer.hub();
    let mut ann = join(&serve(&layer), "ann", &["chat"]).await;
    hub.cluster().connected().await;
    sleep(Duration::from_secs(1)).await;
    assert!(hub.leave(hub.sockets()[0], "chat"));
    sleep(Duration::from_secs(29)).await;
    broker.freeze();
    broker.disconnect();
    sleep(Duration::from_secs(4)).await;
    broker.restore();
    eventually(|| hub.stats().cluster.unwrap().links == 2).await;
    assert!(hub.joined("chat").await);
    other.hub.cluster().connected().await;
    sleep(Duration::from_secs(3)).await;
    other
        .hub
        .broadcast(&news_to("x", [Recipient::group("chat")]));
    let received = timeout(Duration::from_secs(5), text(&mut ann)).await;
    assert_eq!(received.expect("a message"), "x");
}

#[test]
#[should_panic(expected = "the hub has a backplane already")]
fn a_second_backplane_is_refused() {
    let layer = WebConnectionSocketLayer::new(config());
    drop(
        layer
            .backplane(MemoryBackplane::new())
            .backplane(MemoryBackplane::new()),
    );
}
