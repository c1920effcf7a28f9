//! What a node misses of another one is reported once, and nothing else is.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use web_connection_socket::{ClusterEvent, Recipient, SocketMessage};

use super::{Node, config, eventually, nodes};
use crate::support::{news, news_to, text};

/// Within so long of both having a link, a loss is reported.
const REPORTED: Duration = Duration::from_secs(6);

fn chat(text: impl Into<String>) -> SocketMessage {
    news_to(text, [Recipient::group("chat")])
}

async fn quiet(nodes: &[&Node]) {
    sleep(3 * REPORTED).await;
    for node in nodes {
        node.events.clear();
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_publisher_could_not_send_are_missed_by_each_other_node() {
    let [first, second, third] = nodes().await;
    let mut ann = second.join("ann", &["chat"]).await;
    let _bob = third.join("bob", &["chat"]).await;
    first.hub.broadcast(&chat("0"));
    assert_eq!(text(&mut ann).await, "0");
    first.backplane.cut();
    sleep(Duration::from_millis(10)).await;
    for number in 1..=5 {
        first.hub.broadcast(&chat(number.to_string()));
    }
    sleep(Duration::from_secs(3)).await;
    first.backplane.restore();
    eventually(|| first.hub.cluster().is_connected()).await;
    let linked = Instant::now();
    sleep(3 * REPORTED).await;
    for node in [&second, &third] {
        assert_eq!(node.events.gaps(), [(first.id(), Some(5))]);
        let told = node
            .events
            .when(|event| matches!(event, ClusterEvent::Gap { .. }));
        assert!(told.expect("a gap") < linked + REPORTED);
        assert_eq!((node.stats().gaps, node.stats().missing), (1, 5));
    }
    assert_eq!(first.events.gaps(), []);
}

#[tokio::test(start_paused = true)]
async fn messages_that_a_node_could_not_hear_are_missed_by_that_node_alone() {
    let [first, second, third] = nodes().await;
    let mut ann = second.join("ann", &["chat"]).await;
    let mut bob = third.join("bob", &["chat"]).await;
    first.hub.broadcast(&chat("0"));
    assert_eq!(text(&mut ann).await, "0");
    second.backplane.cut();
    sleep(Duration::from_millis(10)).await;
    for number in 1..=3 {
        first.hub.broadcast(&chat(number.to_string()));
    }
    first.hub.broadcast(&news("to all"));
    sleep(Duration::from_secs(30)).await;
    second.backplane.restore();
    eventually(|| second.hub.cluster().is_connected()).await;
    sleep(REPORTED).await;
    let mut gaps = second.events.gaps();
    gaps.sort_unstable();
    assert_eq!(
        gaps,
        [(first.id(), Some(1)), (first.id(), Some(3))],
        "one for each topic"
    );
    assert_eq!(third.events.gaps(), []);
    for expected in ["0", "1", "2", "3", "to all"] {
        assert_eq!(text(&mut bob).await, expected);
    }
    first.hub.broadcast(&chat("later"));
    assert_eq!(text(&mut ann).await, "later");
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_hours_is_reported_like_one_of_a_second() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &["chat"]).await;
    let _bob = first.join("bob", &["chat"]).await;
    first.hub.broadcast(&chat("0"));
    assert_eq!(text(&mut ann).await, "0");
    second.hub.broadcast(&chat("0"));
    sleep(Duration::from_secs(5)).await;
    for outage in [&[&first, &second][..], &[&second]] {
        outage.iter().for_each(|node| node.backplane.cut());
        sleep(Duration::from_secs(5)).await;
        for number in 1..=3 {
            first.hub.broadcast(&chat(number.to_string()));
            second.hub.broadcast(&chat(number.to_string()));
        }
        sleep(Duration::from_secs(10 * 3_600)).await;
        outage.iter().for_each(|node| node.backplane.restore());
        sleep(3 * REPORTED).await;
        assert_eq!(first.events.gaps(), [(second.id(), Some(3))]);
        assert_eq!(second.events.gaps(), [(first.id(), Some(3))]);
        first.events.clear();
        second.events.clear();
    }
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_no_link_noticed_is_reported_by_the_next_message() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &["chat"]).await;
    first.hub.broadcast(&chat("0"));
    assert_eq!(text(&mut ann).await, "0");
    second.backplane.drop_incoming();
    first.hub.broadcast(&chat("1"));
    sleep(Duration::from_millis(10)).await;
    second.backplane.restore();
    first.hub.broadcast(&chat("2"));
    assert_eq!(text(&mut ann).await, "2");
    assert_eq!(second.events.gaps(), [(first.id(), Some(1))]);
    quiet(&[&second]).await;
    assert_eq!(second.events.gaps(), []);
}

#[tokio::test(start_paused = true)]
async fn the_last_message_of_many_is_missed_too() {
    let [first, second] = nodes().await;
    let _ann = second.join("ann", &["chat"]).await;
    first.hub.broadcast(&chat("0"));
    sleep(Duration::from_millis(10)).await;
    first.backplane.drop_outgoing();
    let lost = first.hub.broadcast(&chat("1"));
    assert_eq!(
        lost.forwarded().await.as_bool(),
        Some(true),
        "the broker said so"
    );
    let start = Instant::now();
    first.backplane.restore();
    eventually(|| !second.events.gaps().is_empty()).await;
    assert!(start.elapsed() < REPORTED);
    quiet(&[]).await;
    assert_eq!(second.events.gaps(), [(first.id(), Some(1))]);
}

#[tokio::test(start_paused = true)]
async fn nodes_that_come_and_go_make_no_gaps() {
    let [first, second] = nodes().await;
    let _ann = second.join("ann", &["chat"]).await;
    for round in 0..10 {
        let guest = Node::start(config(), &first.backplane.another_node());
        let mut bob = guest.join("bob", &["chat", "sales"]).await;
        for number in 0..20 {
            first.hub.broadcast(&chat(number.to_string()));
            guest.hub.broadcast(&chat("of the guest"));
            guest.hub.broadcast(&news("of the guest"));
            sleep(Duration::from_millis(37)).await;
        }
        first.hub.broadcast(&news("end"));
        while text(&mut bob).await != "end" {}
        if round % 2 == 0 {
            guest.hub.shutdown(Duration::from_secs(5)).await;
        }
        assert_eq!(guest.events.gaps(), []);
        drop((bob, guest));
        sleep(Duration::from_secs(9)).await;
    }
    assert_eq!(first.events.gaps(), []);
    assert_eq!(second.events.gaps(), []);
    assert_eq!(first.hub.cluster().nodes().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_could_not_hear_when_its_first_member_came_reports_an_unknown_gap() {
    let [first, second] = nodes().await;
    second.backplane.drop_incoming();
    let _ann = second.join("ann", &["chat"]).await;
    assert_eq!(second.stats().opened_unsynced, 1);
    first.hub.broadcast(&chat("1"));
    sleep(Duration::from_secs(30)).await;
    second.backplane.restore();
    sleep(3 * REPORTED).await;
    let unknown = second.events.gaps();
    assert!(unknown.contains(&(first.id(), None)), "{unknown:?}");
    assert_eq!(unknown.len(), 1);
}
