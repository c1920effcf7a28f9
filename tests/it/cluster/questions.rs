//! Questions and orders for all nodes, of which some are silent.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use web_connection_socket::{
    CloseReason, Config, Hub, NodeId, Recipient, WebConnectionSocketLayer,
    backplane::{Backplane, BackplaneError, BoxFuture, Command, Link, MemoryBackplane, Outlet},
};

use super::{Node, config, eventually, nodes};
use crate::support::{join, serve, until};

const WITHIN: Duration = Duration::from_millis(500);

/// Within so long each node has spoken, so that one that has a link knows them all.
const ALL_HAVE_SPOKEN: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn every_node_answers() {
    let [first, second, third] = nodes().await;
    let mut clients = Vec::new();
    for (node, user, groups) in [
        (&first, "ann", &["chat"][..]),
        (&second, "ann", &["chat", "sales"]),
        (&second, "bob", &[]),
        (&third, "cid", &["sales"]),
    ] {
        clients.push(node.join(user, groups).await);
    }
    sleep(ALL_HAVE_SPOKEN).await;
    let cluster = first.hub.cluster();
    let start = Instant::now();
    let sockets = cluster.sockets(WITHIN).await;
    assert_eq!((sockets.value, sockets.answered), (4, 3));
    assert!(sockets.is_complete());
    let users = cluster.users(WITHIN).await.value;
    let named = |user: &str, count| (user.into(), count);
    assert_eq!(users, [named("ann", 2), named("bob", 1), named("cid", 1)]);
    for (recipient, expected) in [
        (Recipient::all(), 4),
        (Recipient::group("chat"), 2),
        (Recipient::group("sales"), 2),
        (Recipient::user("ann"), 2),
        (Recipient::user("eve"), 0),
        (Recipient::all_but_user("ann"), 0),
        (Recipient::connection(third.hub.sockets()[0]), 1),
        (Recipient::connection(first.hub.sockets()[0]), 1),
    ] {
        let members = cluster.members(&recipient, WITHIN).await;
        assert_eq!(members.value.len(), expected, "{recipient:?}");
        assert!(members.is_complete());
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "none was waited for");
}

#[tokio::test(start_paused = true)]
async fn orders_are_carried_out_by_the_node_that_holds_the_socket() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &[]).await;
    let mut bob = second.join("bob", &["chat"]).await;
    let mut own = first.join("ann", &["chat"]).await;
    let cluster = first.hub.cluster();
    let id = second.hub.sockets_of("ann")[0];
    let one = Recipient::connection(id);

    assert_eq!(cluster.join(&one, "room", WITHIN).await.value, 1);
    assert_eq!(second.hub.groups_of(id), ["room"]);
    assert_eq!(cluster.leave(&one, "room", WITHIN).await.value, 1);
    assert_eq!(cluster.leave(&one, "room", WITHIN).await.value, 0);
    let ann_everywhere = Recipient::user("ann");
    assert_eq!(cluster.join(&ann_everywhere, "room", WITHIN).await.value, 2);
    let long = "x".repeat(1_000);
    assert_eq!(cluster.join(&ann_everywhere, long, WITHIN).await.value, 0);

    let reason = |text: &'static str| CloseReason::new(4001, text);
    let closed = cluster.close(id, &reason("one"), WITHIN).await;
    assert_eq!((closed.value, closed.answered), (1, 2));
    assert_eq!(ann.closed().await, reason("one"));
    let closed = cluster.close_group("chat", &reason("group"), WITHIN).await;
    assert_eq!(closed.value, 2);
    assert_eq!(bob.closed().await, reason("group"));
    assert_eq!(own.closed().await, reason("group"));
    let mut ann = second.join("ann", &[]).await;
    let closed = cluster.close_user("ann", &reason("user"), WITHIN).await;
    assert_eq!(closed.value, 1);
    assert_eq!(ann.closed().await, reason("user"));
    until("all are gone", || second.hub.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_makes_an_answer_partial_and_not_an_error() {
    let [first, second, third] = nodes().await;
    let _ann = second.join("ann", &[]).await;
    let _bob = third.join("bob", &[]).await;
    third.backplane.freeze();
    let start = Instant::now();
    let answer = first.hub.cluster().sockets(WITHIN).await;
    assert_eq!(start.elapsed(), WITHIN);
    assert_eq!((answer.value, answer.answered), (1, 2));
    assert_eq!(answer.silent, [third.id()]);
    assert!(!answer.is_complete());
    let of_silent = Recipient::connection(third.hub.sockets()[0]);
    let answer = first.hub.cluster().members(&of_silent, WITHIN).await;
    assert_eq!(
        (answer.value.len(), &answer.silent[..]),
        (0, &[third.id()][..])
    );

    first.backplane.cut();
    eventually(|| !first.hub.cluster().is_connected()).await;
    let start = Instant::now();
    let answer = first.hub.cluster().sockets(WITHIN).await;
    assert_eq!((answer.value, answer.answered), (0, 1));
    assert_eq!(answer.silent.len(), 2);
    assert!(!answer.is_complete());
    assert_eq!(start.elapsed(), Duration::ZERO, "none can be asked");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_no_broker_carries_is_not_asked() {
    let [first, _second] = nodes().await;
    let start = Instant::now();
    let group = Recipient::group("x".repeat(2 << 20));
    let answer = first.hub.cluster().members(&group, WITHIN).await;
    assert_eq!((answer.answered, answer.silent.len()), (1, 1));
    assert_eq!(start.elapsed(), Duration::ZERO);
    sleep(ALL_HAVE_SPOKEN).await;
    assert!(first.hub.cluster().sockets(WITHIN).await.is_complete());
    assert_eq!(first.stats().links, 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_just_a_link_does_not_take_those_it_knows_for_all() {
    let [first, second] = nodes().await;
    for node in [&first, &second] {
        let sockets = node.hub.cluster().sockets(WITHIN).await;
        assert_eq!(sockets.answered, 2);
        assert!(!sockets.is_complete(), "there may be another one");
    }
    first.backplane.cut();
    let third = Node::start(config(), &second.backplane.another_node());
    eventually(|| second.hub.cluster().nodes() == ids([&second, &third])).await;
    assert!(second.hub.cluster().sockets(WITHIN).await.is_complete());
    first.backplane.restore();
    first.hub.cluster().connected().await;
    assert!(!first.hub.cluster().sockets(WITHIN).await.is_complete());
    sleep(ALL_HAVE_SPOKEN).await;
    let sockets = first.hub.cluster().sockets(WITHIN).await;
    assert_eq!(sockets.answered, 3);
    assert!(sockets.is_complete());
    drop(third);
}

fn ids(nodes: [&Node; 2]) -> Vec<NodeId> {
    let mut ids = nodes.map(Node::id).to_vec();
    ids.sort_unstable();
    ids
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_alone_knows_so_after_a_while() {
    let node = Node::start(config(), &MemoryBackplane::new());
    let cluster = node.hub.cluster();
    cluster.connected().await;
    assert!(!cluster.sockets(WITHIN).await.is_complete());
    sleep(ALL_HAVE_SPOKEN).await;
    assert!(cluster.sockets(WITHIN).await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_many_parts_is_put_together() {
    let [first, second] = nodes().await;
    let mut clients = Vec::new();
    // Names of 250 bytes: an answer of several parts.
    for number in 0..600 {
        let user = format!("{number:0250}");
        clients.push(second.join(&user, &[]).await);
    }
    sleep(ALL_HAVE_SPOKEN).await;
    let users = first.hub.cluster().users(WITHIN).await;
    assert!(users.is_complete());
    assert_eq!(users.value.len(), 600);
}

/// A broker that stops taking what a node sends, and still hands it what others do.
struct Stuck(MemoryBackplane, watch::Receiver<bool>);

struct StuckOutlet(Box<dyn Outlet>, watch::Receiver<bool>);

impl Backplane for Stuck {
    fn connect(&self) -> BoxFuture<'_, Result<Link, BackplaneError>> {
        Box::pin(async {
            let (outlet, inlet) = self.0.connect().await?;
            let link: Link = (Box::new(StuckOutlet(outlet, self.1.clone())), inlet);
            Ok(link)
        })
    }
}

impl Outlet for StuckOutlet {
    fn send(&mut self, commands: Vec<Command>) -> BoxFuture<'_, Result<(), BackplaneError>> {
        Box::pin(async {
            if *self.1.borrow() {
                std::future::pending::<()>().await;
            }
            self.0.send(commands).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn answers_for_which_there_is_no_room_are_counted() {
    let broker = MemoryBackplane::new();
    let (stick, is_stuck) = watch::channel(false);
    let layer =
        WebConnectionSocketLayer::new(config()).backplane(Stuck(broker.another_node(), is_stuck));
    let server = serve(&layer);
    let asker = Node::start(config(), &broker);
    let mut clients = Vec::new();
    for number in 0..600 {
        clients.push(join(&server, &format!("{number:0250}"), &[]).await);
    }
    eventually(|| asker.hub.cluster().nodes().len() == 2).await;
    let users = asker.hub.cluster().users(WITHIN).await;
    assert_eq!(users.value.len(), 600);
    stick.send_replace(true);
    // 150 KB for each, of which 4 MiB wait.
    let cluster = asker.hub.cluster();
    let questions = (0..40).map(|_| cluster.users(WITHIN));
    for answer in futures_util::future::join_all(questions).await {
        assert_eq!(answer.silent.len(), 1);
    }
    let unanswered = layer.hub().stats().cluster.expect("a backplane").unanswered;
    assert!((5..20).contains(&unanswered), "{unanswered}");
}

#[tokio::test(start_paused = true)]
async fn a_hub_without_a_backplane_is_the_only_node() {
    let hub = Hub::new(&Config::new());
    let cluster = hub.cluster();
    cluster.connected().await;
    assert_eq!(cluster.nodes(), [cluster.node()]);
    assert!(!cluster.is_connected());
    let answer = cluster.sockets(WITHIN).await;
    assert_eq!((answer.value, answer.answered), (0, 1));
    assert!(answer.is_complete());
    assert_eq!(hub.stats().cluster, None);
}
