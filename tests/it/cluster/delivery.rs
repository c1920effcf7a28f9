//! Which sockets of all nodes get a message, in which order, and what the publisher is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use web_connection_socket::{
    Config, ConnectionId, Forwarded, Hub, NotForwarded, Recipient, RecipientType, SocketMessage,
    WebConnectionSocketLayer, backplane::MemoryBackplane,
};

use super::{Node, acquainted, config, end, nodes, texts};
use crate::support::{
    http::{BROADCAST, json_of, post},
    join, leave, news, news_to, serve, soon, spawn, text,
};

#[tokio::test(start_paused = true)]
async fn a_message_reaches_its_sockets_on_all_nodes_once() {
    let [first, second] = nodes().await;
    let mut ann = first.join("ann", &["chat"]).await;
    let mut bob = second.join("bob", &["chat"]).await;
    let mut eve = second.join("eve", &[]).await;

    let report = first
        .hub
        .broadcast(&news_to("chat", [Recipient::group("chat")]));
    assert_eq!((report.matched, report.queued), (1, 1), "of this node");
    assert_eq!(report.forwarded().await, Forwarded::Yes);
    let report = second
        .hub
        .broadcast(&news_to("to ann", [Recipient::user("ann")]));
    assert_eq!(report.matched, 0);
    assert_eq!(report.forwarded().await, Forwarded::Yes);
    let except = [Recipient::all_but_user("bob")];
    first.hub.broadcast(&news_to("not bob", except));
    sleep(Duration::from_secs(1)).await;
    first.hub.broadcast(&end());

    assert_eq!(texts(&mut ann).await, ["chat", "to ann", "not bob"]);
    assert_eq!(texts(&mut bob).await, ["chat"]);
    assert_eq!(texts(&mut eve).await, ["not bob"]);
    assert_eq!(first.events.gaps(), []);
    assert_eq!(second.events.gaps(), []);
}

/// Numbers that differ from run to run would make a failure one of its own.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const USERS: &[&str] = &["", "ann", "bob", "cid"];
const GROUPS: &[&str] = &["chat", "sales", "board"];

fn recipients(random: &mut Random, sockets: &[ConnectionId]) -> Vec<Recipient> {
    let some = |random: &mut Random| {
        let kinds = [
            RecipientType::All,
            RecipientType::Group,
            RecipientType::Group,
            RecipientType::User,
            RecipientType::User,
            RecipientType::Connection,
            RecipientType::AllButGroup,
            RecipientType::AllButUser,
            RecipientType::AllButConnection,
        ];
        let kind = kinds[random.below(kinds.len())];
        let value = match kind {
            RecipientType::Group | RecipientType::AllButGroup => random.pick(GROUPS).to_owned(),
            RecipientType::User | RecipientType::AllButUser => random.pick(&USERS[1..]).to_owned(),
            _ => sockets[random.below(sockets.len())].to_string(),
        };
        Recipient::new(kind, value)
    };
    let count = random.below(4);
    (0..count).map(|_| some(random)).collect()
}

/// Sockets that are spread over nodes get what they would get on one, in the publisher's order.
#[tokio::test(start_paused = true)]
async fn the_audience_over_nodes_is_that_of_one_node() {
    let mut random = Random(0x5eed);
    for _ in 0..25 {
        let nodes = nodes::<3>().await;
        let alone = WebConnectionSocketLayer::new(config());
        let server = serve(&alone);
        let (mut spread, mut together) = (Vec::new(), Vec::new());
        let mut ids = BTreeMap::new();
        for _ in 0..6 {
            let user = random.pick(USERS);
            let groups: BTreeSet<_> = (0..random.below(3)).map(|_| random.pick(GROUPS)).collect();
            let groups: Vec<_> = groups.into_iter().collect();
            let node = &nodes[random.below(nodes.len())];
            let before: BTreeSet<_> = node.hub.sockets().into_iter().collect();
            spread.push(node.join(user, &groups).await);
            let mut after = node.hub.sockets().into_iter();
            let id = after.find(|id| !before.contains(id));
            let known: BTreeSet<_> = ids.values().copied().collect();
            together.push(join(&server, user, &groups).await);
            let mut own = alone.hub().sockets().into_iter();
            let own = own.find(|id| !known.contains(id));
            ids.insert(id.expect("a new socket"), own.expect("a new socket"));
        }
        let sockets: Vec<_> = ids.keys().copied().collect();
        let publisher = &nodes[random.below(nodes.len())];
        for number in 0..20 {
            let to = recipients(&mut random, &sockets);
            let translated = to.iter().map(|to| match to.value.parse::<ConnectionId>() {
                Ok(id) => Recipient::new(to.kind, ids[&id].to_string()),
                Err(_) => to.clone(),
            });
            let translated: Vec<_> = translated.collect();
            publisher
                .hub
                .broadcast(&news_to(number.to_string(), to.clone()));
            alone
                .hub()
                .broadcast(&news_to(number.to_string(), translated));
        }
        sleep(Duration::from_millis(100)).await;
        publisher.hub.broadcast(&end());
        alone.hub().broadcast(&end());
        for (spread, together) in spread.iter_mut().zip(&mut together) {
            // Partitions and the topic of all are separate ways: order holds within one audience.
            let mut got = texts(spread).await;
            let mut expected = texts(together).await;
            let key = |text: &String| text.parse::<u32>().expect("a number");
            got.sort_by_key(key);
            expected.sort_by_key(key);
            assert_eq!(got, expected);
        }
        for node in &nodes {
            assert_eq!(node.events.gaps(), []);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_node_publishes_arrives_in_its_order() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &["chat"]).await;
    for number in 0..1_000 {
        let to = match number % 3 {
            0 => vec![],
            1 => vec![Recipient::group("chat")],
            _ => vec![Recipient::user("ann")],
        };
        first.hub.broadcast(&news_to(number.to_string(), to));
    }
    for number in 0..1_000 {
        assert_eq!(text(&mut ann).await, number.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_publisher_is_told_why_a_message_stayed() {
    let [first, second] = nodes().await;
    let own = first.join("ann", &[]).await;
    let here = first.hub.sockets()[0];
    let forwarded = async |message: &SocketMessage| first.hub.broadcast(message).forwarded().await;

    let no = |why| Forwarded::No(why);
    assert_eq!(
        forwarded(&news("own").to_connection(here)).await,
        no(NotForwarded::NotNeeded)
    );
    let stranger: ConnectionId = "000000000000002a0000000000000007".parse().unwrap();
    assert_eq!(
        forwarded(&news("stranger").to_connection(stranger)).await,
        no(NotForwarded::NoSuchNode)
    );
    assert_eq!(
        forwarded(&news("x".repeat(1 << 20))).await,
        no(NotForwarded::TooLarge)
    );
    first.backplane.freeze();
    let frozen = first.hub.broadcast(&news("frozen"));
    assert_eq!(frozen.forwarded().await, Forwarded::Unknown);
    let large = || news("x".repeat(1_000_000));
    let waiting = first.hub.broadcast(&large());
    let expired = waiting.forwarded().await;
    assert_eq!(expired, no(NotForwarded::Expired));
    let reports: Vec<_> = (0..8).map(|_| first.hub.broadcast(&large())).collect();
    let last = reports.last().expect("eight");
    assert_eq!(last.forwarded().await, no(NotForwarded::QueueFull));
    first.backplane.cut();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        forwarded(&news("cut")).await,
        no(NotForwarded::Disconnected)
    );
    drop((own, second));
}

#[tokio::test(start_paused = true)]
async fn a_publisher_is_told_that_its_node_is_leaving() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &[]).await;
    first.hub.shutdown(Duration::ZERO).await;
    let report = first.hub.broadcast(&news("x"));
    let why = Forwarded::No(NotForwarded::ShuttingDown);
    assert_eq!(report.forwarded().await, why);
    second.hub.broadcast(&end());
    assert_eq!(texts(&mut ann).await, [""; 0]);
    assert_eq!(second.events.gaps(), []);
    let alone = Hub::new(&Config::new());
    alone.shutdown(Duration::ZERO).await;
    let why = Forwarded::No(NotForwarded::NoBackplane);
    assert_eq!(alone.broadcast(&news("x")).forwarded().await, why);
}

#[tokio::test(start_paused = true)]
async fn a_posted_message_is_answered_with_what_is_known_of_other_nodes() {
    let [first, second] = nodes().await;
    let posted = async || {
        let answer = post(&first.server, BROADCAST, r#"{"action":"news"}"#).await;
        json_of(&answer)["forwarded"].clone()
    };
    assert_eq!(posted().await, true);
    first.backplane.freeze();
    assert_eq!(posted().await, serde_json::Value::Null);
    first.backplane.cut();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(posted().await, false);
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_broker_delays_no_socket_of_the_node() {
    let [first, _second] = nodes().await;
    let mut ann = first.join("ann", &["chat"]).await;
    for freeze in [MemoryBackplane::freeze, MemoryBackplane::cut] {
        freeze(&first.backplane);
        let start = Instant::now();
        for number in 0..10_000 {
            let report = first
                .hub
                .broadcast(&news_to("x", [Recipient::group("chat")]));
            assert_eq!(report.queued, 1, "{number}");
            ann.receive().await.expect("a message");
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "on the paused clock");
        first.backplane.restore();
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_socket_misses_nothing_of_its_group() {
    let [first, second] = nodes().await;
    let publisher = first.hub.clone();
    let publishing = spawn(async move {
        for number in 0..400 {
            publisher.broadcast(&news_to(number.to_string(), [Recipient::group("chat")]));
            sleep(Duration::from_millis(1)).await;
        }
    });
    second.backplane.delay(Duration::from_millis(20));
    let mut ann = second.join("ann", &["chat"]).await;
    let first_number: u32 = text(&mut ann).await.parse().expect("a number");
    for number in first_number + 1..400 {
        assert_eq!(text(&mut ann).await, number.to_string());
    }
    soon("the publisher", publishing).await.unwrap();
    assert_eq!(second.stats().opened_unsynced, 0);
    assert_eq!(second.events.gaps(), []);
}

#[tokio::test(start_paused = true)]
async fn a_socket_opens_unsynced_and_counted_if_marks_take_too_long() {
    let [first, second] = nodes().await;
    second.backplane.delay(Duration::from_secs(1));
    let start = Instant::now();
    let _ann = second.join("ann", &["chat"]).await;
    assert_eq!(start.elapsed(), Duration::from_millis(250));
    assert_eq!(second.stats().opened_unsynced, 1);

    second.backplane.cut();
    sleep(Duration::from_millis(10)).await;
    let start = Instant::now();
    let _bob = second.join("bob", &["other"]).await;
    assert_eq!(
        start.elapsed(),
        Duration::ZERO,
        "without a link it is pointless"
    );
    assert_eq!(second.stats().opened_unsynced, 2);
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn joining_returns_at_once_and_joined_waits() {
    let [first, second] = nodes().await;
    let mut ann = second.join("ann", &[]).await;
    let id = second.hub.sockets()[0];
    second.backplane.delay(Duration::from_millis(30));
    let start = Instant::now();
    second.hub.join(id, "chat").unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(second.hub.joined("chat").await);
    assert!(start.elapsed() >= Duration::from_millis(30));
    first
        .hub
        .broadcast(&news_to("x", [Recipient::group("chat")]));
    assert_eq!(text(&mut ann).await, "x");
    second.backplane.delay(Duration::from_secs(1));
    second.hub.join(id, "sales").unwrap();
    assert!(!second.hub.joined("sales").await);
    let alone = Hub::new(&Config::new());
    assert!(alone.joined("chat").await);
}

#[tokio::test(start_paused = true)]
async fn partitions_without_members_are_left_after_a_while() {
    let [first, second] = nodes().await;
    let ann = second.join("ann", &["chat"]).await;
    assert_eq!(second.stats().partitions, 2, "hers and her group's");
    leave(ann, &second.hub).await;
    sleep(Duration::from_secs(29)).await;
    assert_eq!(second.stats().partitions, 2);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(second.stats().partitions, 0);
    first
        .hub
        .broadcast(&news_to("x", [Recipient::group("chat")]));
    let received = second.stats().received;
    let mut bob = second.join("bob", &["chat"]).await;
    first
        .hub
        .broadcast(&news_to("y", [Recipient::group("chat")]));
    assert_eq!(text(&mut bob).await, "y");
    assert_eq!(second.stats().received, received + 1);
    assert_eq!(second.events.gaps(), []);
}

#[tokio::test(start_paused = true)]
async fn prefixes_keep_applications_apart() {
    let shop = MemoryBackplane::new().prefix("shop");
    let news_site = shop.another_node().prefix("news");
    let shop = Node::start(config(), &shop);
    let other = Node::start(config(), &news_site);
    let shop_again = Node::start(config(), &shop.backplane.another_node());
    let nodes = [shop, shop_again];
    acquainted(&nodes).await;
    let mut ann = nodes[1].join("ann", &[]).await;
    let mut eve = other.join("eve", &[]).await;
    nodes[0].hub.broadcast(&news("of the shop"));
    other.hub.broadcast(&news("of the news"));
    assert_eq!(text(&mut ann).await, "of the shop");
    assert_eq!(text(&mut eve).await, "of the news");
    assert_eq!(other.hub.cluster().nodes(), [other.id()]);
}
