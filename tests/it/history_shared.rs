//! Several nodes that share a store: one order, a resume on any of them, and what a store that is slow,
//! down or lying does to them.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use web_connection_socket::{
    Config, Forwarded, HistoryQueryErrorKind, HistoryStats, Hub, Position, SocketMessage,
    WebConnectionSocketLayer,
    backplane::MemoryBackplane,
    config::HistoryRule,
    history::{Append, Appended, BoxFuture, History, HistoryError, MemoryHistory, Page, Read},
    testing::{Client, Server},
};

use crate::support::{frame, join, news, serve, spawn, until};

/// One node, its way to the others, and the store that it shares with them.
struct Node {
    hub: Arc<Hub>,
    server: Server,
    backplane: MemoryBackplane,
}

fn config() -> Config {
    keyless().cluster_key("a key that the nodes share")
}

/// A day passes at once on the paused clock, and clients that wait for nothing answer no ping.
fn keyless() -> Config {
    crate::support::config()
        .ping_interval(Duration::from_secs(24 * 3_600))
        .history(HistoryRule::group("lobby"))
        .history(HistoryRule::group("price:*").latest())
        .history(HistoryRule::users())
        .history(HistoryRule::all())
}

async fn nodes<const N: usize>(store: impl History + Clone) -> [Node; N] {
    nodes_with(config, store).await
}

async fn nodes_with<const N: usize>(
    config: impl Fn() -> Config,
    store: impl History + Clone,
) -> [Node; N] {
    let first = MemoryBackplane::new();
    let nodes = std::array::from_fn(|at| {
        let backplane = match at {
            0 => first.clone(),
            _ => first.another_node(),
        };
        let layer = WebConnectionSocketLayer::new(config())
            .backplane(backplane.clone())
            .history_store(store.clone());
        Node {
            hub: layer.hub(),
            server: serve(&layer),
            backplane,
        }
    });
    for node in &nodes {
        node.hub.cluster().connected().await;
        until("the nodes know each other", || {
            node.hub.cluster().nodes().len() == N
        })
        .await;
    }
    nodes
}

impl Node {
    /// Opens a socket in the lobby that goes on from positions, and returns what it is told of the lobby.
    async fn follow(&self, positions: &[&str]) -> (Client, Value) {
        let (client, told) = self
            .follow_at("/?userId=ann&groupId=lobby", positions)
            .await;
        (client, told["streams"]["lobby"].clone())
    }

    async fn follow_at(&self, path: &str, positions: &[&str]) -> (Client, Value) {
        let positions = positions.iter().map(|it| format!("&position={it}"));
        let path = format!("{path}&resume=1{}", positions.collect::<String>());
        let mut client = self.server.connect(&path).await.expect("an open socket");
        let told = frame(&mut client).await;
        assert_eq!(told["action"], "__resumed", "{told}");
        (client, told)
    }

    /// Publishes to the lobby, and waits until this node's sockets have it.
    async fn say(&self, text: &str) -> Option<Position> {
        let report = self.hub.broadcast(&lobby(text)).settled().await;
        report.position().copied()
    }

    fn history(&self) -> HistoryStats {
        self.hub.stats().history.expect("it has rules")
    }
}

fn lobby(text: &str) -> SocketMessage {
    news(text).to_group("lobby")
}

/// Waits for a client's next message, and returns its text and position.
async fn message(client: &mut Client) -> (String, String) {
    let frame = frame(client).await;
    assert_eq!(frame["action"], "news", "{frame}");
    let text = |key: &str| frame[key].as_str().expect("a text").to_owned();
    (text("message"), text("__position"))
}

/// The texts of a client's next messages.
async fn texts(client: &mut Client, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(message(client).await.0);
    }
    texts
}

fn is_void(position: &str) -> bool {
    position.split('.').nth(1) == Some("0")
}

/// Whether a client is told of a gap by its next frame.
async fn is_told_of_a_gap(client: &mut Client) -> bool {
    let frame = frame(client).await;
    let lobby = &frame["streams"]["lobby"];
    let why = (&lobby["recovered"], &lobby["reason"]);
    frame["action"] == "__resumed" && why == (&json!(false), &json!("gap"))
}

#[tokio::test(start_paused = true)]
async fn a_client_goes_on_at_another_node() {
    let [here, there] = nodes(MemoryHistory::new()).await;
    let (mut ann, told) = here.follow(&[]).await;
    assert_eq!(
        (&told["recovered"], &told["missed"]),
        (&json!(true), &json!(0))
    );
    here.say("1").await.expect("the store has it");
    let (one, position) = message(&mut ann).await;
    assert_eq!(one, "1");
    drop(ann);
    there.say("2").await.expect("the store has it");
    let three = here.say("3").await.expect("the store has it");

    let (mut ann, told) = there.follow(&[&position]).await;
    let three = three.to_string();
    assert_eq!(
        told,
        json!({"recovered": true, "missed": 2, "position": three})
    );
    here.say("4").await;
    assert_eq!(texts(&mut ann, 3).await, ["2", "3", "4"]);
    // From nothing at all, an empty stream has a position, too.
    let (_bob, told) = there.follow_at("/?userId=bob&groupId=price:1", &[]).await;
    let empty = told["streams"]["price:1"]["position"].as_str().unwrap();
    for price in ["7", "8"] {
        let price = news(price).to_group("price:1");
        there.hub.broadcast(&price).settled().await;
    }
    let (mut bob, told) = here
        .follow_at("/?userId=bob&groupId=price:1", &[empty])
        .await;
    assert_eq!(
        told["streams"]["price:1"]["missed"], 1,
        "the newest says all"
    );
    assert_eq!(message(&mut bob).await.0, "8");
}

/// What a client is told of the lobby by its next frame.
async fn told_of_the_lobby(client: &mut Client) -> Value {
    let frame = frame(client).await;
    assert_eq!(frame["action"], "__resumed", "{frame}");
    frame["streams"]["lobby"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_enters_has_a_place_at_every_node() {
    let store = MemoryHistory::new();
    let [here, there] = nodes(store.clone()).await;
    let enter = |node: &Node| {
        let socket = node.hub.sockets_of("ann")[0];
        node.hub.join(socket, "lobby").expect("an open socket");
    };
    let whole = |position: &str| json!({"recovered": true, "missed": 0, "position": position});
    here.say("1").await.expect("the store has it");
    let now = here.hub.position("lobby").await.unwrap().to_string();
    // This node has delivered nothing of the stream: it asks the store.
    let (mut ann, _) = there.follow_at("/?userId=ann", &[]).await;
    enter(&there);
    let first = told_of_the_lobby(&mut ann).await;
    assert!(is_void(first["position"].as_str().unwrap()), "{first}");
    assert_eq!(told_of_the_lobby(&mut ann).await, whole(&now));
    drop(ann);
    here.say("2").await.expect("the store has it");
    let (mut ann, told) = here.follow(&[&now]).await;
    assert_eq!(told["missed"], 1);
    assert_eq!(message(&mut ann).await.0, "2");
    drop(ann);

    // This one knows.
    let (mut ann, _) = here.follow_at("/?userId=ann", &[]).await;
    enter(&here);
    let now = here.hub.position("lobby").await.unwrap().to_string();
    assert_eq!(told_of_the_lobby(&mut ann).await, whole(&now));
    here.say("3").await.expect("the store has it");
    assert_eq!(message(&mut ann).await.0, "3");
    drop(ann);

    // Without the store none does, and a client that comes again is told that it may lack something.
    store.cut();
    let [lonely] = nodes(store.clone()).await;
    let (mut ann, _) = lonely.follow_at("/?userId=ann", &[]).await;
    enter(&lonely);
    let void = told_of_the_lobby(&mut ann).await;
    assert_eq!(void["recovered"], true);
    let void = void["position"].as_str().unwrap().to_owned();
    assert!(is_void(&void));
    store.restore();
    let (_ann, told) = lonely.follow(&[&void]).await;
    let outcome = (&told["recovered"], &told["reason"]);
    assert_eq!(outcome, (&json!(false), &json!("elsewhere")));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_enters_while_earlier_messages_may_come_has_its_place_afterwards() {
    let [here, there] = nodes(MemoryHistory::new()).await;
    here.say("1").await.expect("the store has it");
    let mut bob = there
        .server
        .connect("/?userId=bob&groupId=lobby")
        .await
        .expect("an open socket");
    there.hub.joined("lobby").await;
    // The first that this node sees, and not the first of the stream.
    here.say("2").await.expect("the store has it");
    let (text, position) = message(&mut bob).await;
    assert!(text == "2" && is_void(&position), "{text} {position}");
    let (mut ann, _) = there.follow_at("/?userId=ann", &[]).await;
    let socket = there.hub.sockets_of("ann")[0];
    there.hub.join(socket, "lobby").expect("an open socket");
    let (mut cat, fresh) = there.follow_at("/?userId=cat&groupId=lobby", &[]).await;
    assert!(
        is_void(fresh["streams"]["lobby"]["position"].as_str().unwrap()),
        "{fresh}"
    );
    let first = told_of_the_lobby(&mut ann).await;
    assert!(is_void(first["position"].as_str().unwrap()), "{first}");
    let now = there.hub.position("lobby").await.unwrap().to_string();
    for client in [&mut ann, &mut cat] {
        assert_eq!(told_of_the_lobby(client).await["position"], json!(now));
    }
}

#[tokio::test(start_paused = true)]
async fn many_that_enter_cost_one_read() {
    let store = Liar::default();
    let [here, there] = nodes(store.clone()).await;
    here.say("1").await.expect("the store has it");
    let now = here.hub.position("lobby").await.unwrap().to_string();
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(there.follow_at("/?userId=ann", &[]).await.0);
    }
    let reads = store.reads.load(Relaxed);
    for socket in there.hub.sockets_of("ann") {
        there.hub.join(socket, "lobby").expect("an open socket");
    }
    for client in &mut clients {
        let void = told_of_the_lobby(client).await;
        assert!(is_void(void["position"].as_str().unwrap()), "{void}");
        assert_eq!(told_of_the_lobby(client).await["position"], now);
    }
    assert!(store.reads.load(Relaxed) - reads <= 2);
}

/// A position whose last part is another one.
fn forged(position: &str) -> String {
    let (place, tag) = position.rsplit_once('.').expect("a position");
    let tag = u32::from_str_radix(tag, 16).expect("a tag");
    format!("{place}.{:x}", tag ^ 1)
}

#[tokio::test(start_paused = true)]
async fn a_place_where_a_client_has_not_been_cannot_be_made_up() {
    for is_keyed in [false, true] {
        let config = if is_keyed { config } else { keyless };
        let [here, there, third] = nodes_with(config, MemoryHistory::new()).await;
        let begin = here.hub.position("lobby").await.unwrap().to_string();
        // Nothing was said yet that it could lack.
        let (_cat, told) = third.follow(&[&begin]).await;
        assert_eq!(told["recovered"], true);
        let mut all = Vec::new();
        for number in 0..120 {
            all.push(
                here.say(&number.to_string())
                    .await
                    .expect("the store has it"),
            );
        }
        let newest = here.hub.position("lobby").await.unwrap().to_string();
        // The oldest ones are gone, and of the last one of them only the place is known.
        let floor = all[19].to_string();
        for node in [&here, &there] {
            for place in [&floor, &all[50].to_string(), &newest] {
                let (_bob, told) = node.follow(&[&forged(place)]).await;
                assert_eq!(told["reason"], "unknown", "{place}");
            }
            let (_ann, told) = node.follow(&[&floor]).await;
            assert_eq!(told["missed"], 100);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_beginning_is_known_to_all_nodes_that_have_a_key() {
    for is_keyed in [false, true] {
        let config = if is_keyed { config } else { keyless };
        let [here, there] = nodes_with(config, MemoryHistory::new()).await;
        let begin = here.hub.position("lobby").await.unwrap().to_string();
        here.say("1").await.expect("the store has it");
        for node in [&here, &there] {
            let (_bob, told) = node.follow(&[&forged(&begin)]).await;
            assert_eq!(told["reason"], "unknown");
        }
        let (_ann, told) = here.follow(&[&begin]).await;
        assert_eq!(told["missed"], 1);
        let (_ann, told) = there.follow(&[&begin]).await;
        let outcome = (&told["recovered"], &told["reason"]);
        let expected = match is_keyed {
            true => (&json!(true), &Value::Null),
            false => (&json!(false), &json!("unknown")),
        };
        assert_eq!(outcome, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn all_nodes_deliver_the_messages_of_many_publishers_in_one_order() {
    let [first, second, third] = nodes(MemoryHistory::new()).await;
    let nodes = [&first, &second, &third];
    let mut clients = Vec::new();
    for node in nodes {
        clients.push(node.follow(&[]).await.0);
    }
    let publishers: Vec<_> = (0..8)
        .map(|publisher| {
            let hub = nodes[publisher % 3].hub.clone();
            spawn(async move {
                for number in 0..50 {
                    hub.broadcast(&lobby(&format!("{publisher}:{number}")));
                    if number % 7 == 0 {
                        sleep(Duration::from_millis(1)).await;
                    }
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.expect("no panic");
    }
    let mut logs = Vec::new();
    for client in &mut clients {
        logs.push(texts(client, 400).await);
    }
    assert!(logs.iter().all(|log| *log == logs[0]));
    for publisher in 0..8 {
        let prefix = format!("{publisher}:");
        let own = logs[0].iter().filter_map(|text| text.strip_prefix(&prefix));
        let own: Vec<usize> = own.map(|number| number.parse().unwrap()).collect();
        assert_eq!(
            own,
            (0..50).collect::<Vec<_>>(),
            "in the order of its publisher"
        );
    }
    assert!(
        nodes
            .iter()
            .all(|node| node.history().gaps + node.history().void == 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_report_is_settled_when_the_store_has_answered() {
    let store = MemoryHistory::new();
    let [node] = nodes(store.clone()).await;
    let (_ann, _) = node.follow(&[]).await;
    store.delay(Duration::from_millis(100));
    let begin = Instant::now();
    let report = node.hub.broadcast(&lobby("1"));
    assert_eq!(
        (report.matched, report.position()),
        (0, None),
        "nothing is known yet"
    );
    let report = report.settled().await;
    assert_eq!((report.matched, report.queued), (1, 1));
    assert!(report.position().is_some());
    assert!(begin.elapsed() >= Duration::from_millis(100));
    assert_eq!(report.settled().await.position(), report.position());
    assert_eq!(report.forwarded().await, Forwarded::Yes);
    let position = node.hub.position("lobby").await.unwrap();
    assert_eq!(report.position(), Some(&position));
}

#[tokio::test(start_paused = true)]
async fn a_report_is_final_after_a_second_where_neither_the_store_nor_the_broker_answers() {
    let store = MemoryHistory::new();
    let [here, _there] = nodes(store.clone()).await;
    let (_ann, _) = here.follow(&[]).await;
    store.freeze();
    here.backplane.freeze();
    let begin = Instant::now();
    let report = here.hub.broadcast(&lobby("1")).settled().await;
    let waited = begin.elapsed();
    assert!(
        waited >= Duration::from_millis(900) && waited < Duration::from_millis(1_100),
        "{waited:?}"
    );
    assert_eq!((report.matched, report.position()), (1, None));
    assert_eq!(report.forwarded().await, Forwarded::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_slow_delays_a_message_by_250_ms_and_no_more() {
    let store = MemoryHistory::new();
    let [here, there] = nodes(store.clone()).await;
    let (mut ann, told) = here.follow(&[]).await;
    let (mut bob, _) = there.follow(&[]).await;
    let before = told["position"].as_str().unwrap().to_owned();
    store.delay(Duration::from_millis(300));
    let begin = Instant::now();
    let report = here.hub.broadcast(&lobby("1")).settled().await;
    let waited = begin.elapsed();
    assert_eq!((report.matched, report.position()), (1, None));
    assert!(
        waited >= Duration::from_millis(250) && waited < Duration::from_millis(300),
        "{waited:?}"
    );
    let mut void = String::new();
    for client in [&mut ann, &mut bob] {
        let (text, position) = message(client).await;
        assert_eq!(text, "1");
        assert!(is_void(&position), "{position}");
        void = position;
    }
    // Its place is known later, and its entry is no second message.
    store.restore();
    sleep(Duration::from_secs(1)).await;
    here.say("2").await.expect("the store has it");
    for client in [&mut ann, &mut bob] {
        let (text, position) = message(client).await;
        assert_eq!(text, "2");
        assert!(!is_void(&position), "{position}");
    }
    assert_eq!((here.history().void, there.history().void), (1, 1));
    // Who has the void position may lack something; who was away has it stored.
    let (_, told) = there.follow(&[&void]).await;
    assert_eq!(told["recovered"], false, "{told}");
    let (mut carol, told) = there.follow(&[&before]).await;
    assert_eq!(
        (&told["recovered"], &told["missed"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(texts(&mut carol, 2).await, ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_without_a_place_while_a_client_resumes_does_not_come_twice() {
    let store = MemoryHistory::new();
    let [here, there] = nodes(store.clone()).await;
    let (_ann, told) = here.follow(&[]).await;
    let begin = told["position"].as_str().unwrap().to_owned();
    store.delay(Duration::from_millis(300));
    here.hub.broadcast(&lobby("1"));
    sleep(Duration::from_millis(10)).await;
    // What it missed is read after the message's place is known, and before that it waits without one.
    let (mut bob, told) = there.follow(&[&begin]).await;
    let why = (&told["recovered"], &told["reason"]);
    assert_eq!(why, (&json!(false), &json!("gap")));
    store.restore();
    sleep(Duration::from_secs(1)).await;
    here.say("2").await.expect("the store has it");
    assert_eq!(texts(&mut bob, 2).await, ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_store_that_is_down_has_not_taken_is_no_silent_loss() {
    let store = MemoryHistory::new();
    let [here, there] = nodes(store.clone()).await;
    let (mut ann, _) = here.follow(&[]).await;
    let (mut bob, _) = there.follow(&[]).await;
    here.say("1").await.expect("the store has it");
    let (_, before) = message(&mut ann).await;
    message(&mut bob).await;
    store.cut();
    let begin = Instant::now();
    for text in ["2", "3"] {
        assert_eq!(here.say(text).await, None);
    }
    assert!(
        begin.elapsed() < Duration::from_millis(250),
        "it has failed at once"
    );
    for client in [&mut ann, &mut bob] {
        for text in ["2", "3"] {
            let (received, position) = message(client).await;
            assert_eq!(received, text);
            assert!(is_void(&position));
        }
    }
    let (_, told) = there.follow(&[&before]).await;
    assert_eq!(
        told["recovered"], false,
        "no store can say what it missed: {told}"
    );
    let question = here.hub.history("lobby").await.unwrap_err();
    assert_eq!(question.kind(), HistoryQueryErrorKind::Unavailable);
    store.restore();
    sleep(Duration::from_secs(3)).await;
    // The store works again, but has not what was said meanwhile.
    for node in [&here, &there] {
        let (_, told) = node.follow(&[&before]).await;
        assert_eq!(
            (&told["recovered"], &told["reason"]),
            (&json!(false), &json!("gap"))
        );
    }
    here.say("4").await.expect("the store has it");
    let (text, position) = message(&mut bob).await;
    assert_eq!(text, "4");
    here.say("5").await.expect("the store has it");
    let (mut carol, told) = here.follow(&[&position]).await;
    assert_eq!(
        (&told["recovered"], &told["missed"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(message(&mut carol).await.0, "5");
    assert_eq!(texts(&mut ann, 2).await, ["4", "5"]);
    assert!(here.history().failed_calls >= 2);
    assert_eq!(there.history().gaps, 0, "those who were there have it all");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_holds_nothing_up_and_nothing_comes_twice() {
    let store = MemoryHistory::new();
    let [here, there] = nodes(store.clone()).await;
    let (mut ann, _) = here.follow(&[]).await;
    let (mut bob, _) = there.follow(&[]).await;
    store.freeze();
    for number in 0..20 {
        let begin = Instant::now();
        let text = number.to_string();
        assert_eq!(here.say(&text).await, None);
        assert!(
            begin.elapsed() <= Duration::from_millis(260),
            "{:?}",
            begin.elapsed()
        );
        for client in [&mut ann, &mut bob] {
            assert_eq!(message(client).await.0, text);
        }
    }
    // All of it is stored now, also what counts as failed.
    store.restore();
    sleep(Duration::from_secs(5)).await;
    here.say("end").await.expect("the store has it");
    for client in [&mut ann, &mut bob] {
        let (text, position) = message(client).await;
        assert_eq!(text, "end");
        assert!(!is_void(&position));
    }
    assert_eq!((here.history().gaps, there.history().gaps), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_has_forgotten_all_is_a_gap_for_those_who_follow() {
    let store = MemoryHistory::new();
    let [here, there] = nodes(store.clone()).await;
    let (mut ann, _) = here.follow(&[]).await;
    let (mut bob, _) = there.follow(&[]).await;
    let mut eve = there
        .server
        .connect("/?userId=eve&groupId=lobby")
        .await
        .unwrap();
    here.say("1").await;
    let (_, before) = message(&mut ann).await;
    for client in [&mut bob, &mut eve] {
        message(client).await;
    }
    store.forget();
    here.hub.broadcast(&lobby("2"));
    for client in [&mut ann, &mut bob] {
        assert!(is_told_of_a_gap(client).await);
        assert_eq!(message(client).await.0, "2");
    }
    assert_eq!(message(&mut eve).await.0, "2", "she has not asked");
    let (_, told) = there.follow(&[&before]).await;
    assert_eq!(
        (&told["recovered"], &told["reason"]),
        (&json!(false), &json!("elsewhere"))
    );
    there.say("3").await.expect("the store has it");
    assert_eq!(message(&mut ann).await.0, "3");
    assert_eq!((here.history().gaps, there.history().gaps), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_backplane_has_lost_comes_from_the_store() {
    let [here, there] = nodes(MemoryHistory::new()).await;
    let (mut bob, _) = there.follow(&[]).await;
    here.say("0").await;
    assert_eq!(message(&mut bob).await.0, "0");
    // In between, which the next message shows.
    here.backplane.cut();
    sleep(Duration::from_millis(10)).await;
    here.say("1").await.expect("the store has it");
    here.backplane.restore();
    until("there is a link", || here.hub.cluster().is_connected()).await;
    here.say("2").await;
    assert_eq!(texts(&mut bob, 2).await, ["1", "2"]);
    // At the end, where no message shows it.
    here.backplane.cut();
    sleep(Duration::from_millis(10)).await;
    here.say("3").await.expect("the store has it");
    here.backplane.restore();
    assert_eq!(message(&mut bob).await.0, "3");
    // What this node could not hear.
    there.backplane.cut();
    sleep(Duration::from_millis(10)).await;
    here.say("4").await.expect("the store has it");
    there.backplane.restore();
    assert_eq!(message(&mut bob).await.0, "4");
    assert_eq!(there.history().gaps, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_when_a_client_comes_again_reaches_those_who_are_there() {
    let [here, there, third] = nodes(MemoryHistory::new()).await;
    let (_ann, told) = here.follow(&[]).await;
    let before = told["position"].as_str().unwrap().to_owned();
    // A page that has not asked to go on anywhere.
    let mut bob = join(&there.server, "bob", &["lobby"]).await;
    for node in [&there, &third] {
        node.backplane.delay(Duration::from_millis(500));
    }
    here.say("1").await.expect("the store has it");
    let begin = Instant::now();
    let (mut ann, told) = there.follow(&[&before]).await;
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "it may come late"
    );
    assert_eq!(told["missed"], 1);
    // Where all go on it is known what they have.
    let begin = Instant::now();
    let (mut carol, told) = third.follow(&[&before]).await;
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(told["missed"], 1);
    here.say("2").await.expect("the store has it");
    for client in [&mut ann, &mut bob, &mut carol] {
        assert_eq!(texts(client, 2).await, ["1", "2"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_node_had_stored_and_did_not_send_before_its_end_is_found() {
    let [here, there] = nodes(MemoryHistory::new()).await;
    let (mut bob, told) = there.follow(&[]).await;
    let before = told["position"].as_str().unwrap().to_owned();
    here.backplane.drop_outgoing();
    here.say("1").await.expect("the store has it");
    sleep(Duration::from_millis(10)).await;
    // The other node cannot know yet, and a client comes over to it.
    let (mut ann, told) = there.follow(&[&before]).await;
    assert_eq!(
        (&told["recovered"], &told["missed"]),
        (&json!(true), &json!(1))
    );
    for client in [&mut ann, &mut bob] {
        assert_eq!(message(client).await.0, "1");
    }
    // None comes, and those who are there have it once the node counts as gone.
    here.say("2").await.expect("the store has it");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(there.hub.cluster().nodes().len(), 1);
    for client in [&mut ann, &mut bob] {
        assert_eq!(message(client).await.0, "2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_without_a_rule_does_not_notice_the_store() {
    let store = MemoryHistory::new();
    let [here, there] = nodes(store.clone()).await;
    let mut ann = here
        .server
        .connect("/?userId=ann&groupId=attic")
        .await
        .unwrap();
    let mut bob = there
        .server
        .connect("/?userId=bob&groupId=attic")
        .await
        .unwrap();
    store.freeze();
    let begin = Instant::now();
    let report = here.hub.broadcast(&news("1").to_group("attic"));
    assert_eq!((report.matched, report.queued), (1, 1), "at once");
    for client in [&mut ann, &mut bob] {
        let frame = frame(client).await;
        assert_eq!(
            (&frame["message"], frame.get("__position")),
            (&json!("1"), None)
        );
    }
    assert!(begin.elapsed() < Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn the_application_asks_the_store() {
    let [here, there] = nodes(MemoryHistory::new()).await;
    let begin = there.hub.position("lobby").await.unwrap();
    let mut positions = Vec::new();
    for text in ["1", "2", "3"] {
        positions.push(here.say(text).await.expect("the store has it"));
    }
    assert_eq!(there.hub.position("lobby").await.unwrap(), positions[2]);
    let page = there.hub.history("lobby").since(&begin).await.unwrap();
    assert!(page.is_complete && page.position == positions[2]);
    let found: Vec<_> = page.messages.iter().map(|one| one.position).collect();
    assert_eq!(found, positions);
    assert_eq!(page.messages[0].message, lobby("1"));
    let page = there
        .hub
        .history("lobby")
        .since(&begin)
        .limit(2)
        .await
        .unwrap();
    assert_eq!((page.messages.len(), page.position), (2, positions[1]));
    let none = there
        .hub
        .history("lobby")
        .since(&begin)
        .limit(0)
        .await
        .unwrap();
    assert_eq!((none.messages.len(), none.position), (0, begin));
    let page = there
        .hub
        .history("lobby")
        .since(&positions[1])
        .await
        .unwrap();
    assert_eq!((page.messages.len(), page.is_complete), (1, true));
    let page = there.hub.history("lobby").limit(1).await.unwrap();
    assert_eq!(page.messages[0].message, lobby("3"));
    let other = here.hub.position("price:1").await.unwrap();
    let refused = here.hub.history("lobby").since(&other).await.unwrap_err();
    assert_eq!(refused.kind(), HistoryQueryErrorKind::OtherStream);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_closes_sends_out_what_it_has_and_takes_no_more() {
    let store = MemoryHistory::new();
    let [here, there] = nodes(store.clone()).await;
    let (mut bob, told) = there.follow(&[]).await;
    let begin = told["position"].as_str().unwrap().to_owned();
    store.delay(Duration::from_millis(100));
    here.hub.broadcast(&lobby("1"));
    here.hub.shutdown(Duration::from_secs(1)).await;
    assert_eq!(message(&mut bob).await.0, "1");
    let report = here.hub.broadcast(&lobby("2")).settled().await;
    assert_eq!((report.matched, report.position()), (0, None));
    store.restore();
    let (_, told) = there.follow(&[&begin]).await;
    assert_eq!(
        told["missed"], 1,
        "no store has what no socket was to get: {told}"
    );
}

/// A store that lies, and counts.
#[derive(Clone, Default)]
struct Liar {
    store: MemoryHistory,
    reads: Arc<AtomicUsize>,
    /// Whether it says of each entry that it was stored where the first one was.
    goes_back: Arc<AtomicBool>,
    /// Whether what it returns is not what it was given.
    is_garbled: Arc<AtomicBool>,
    /// Whether it panics.
    panics: Arc<AtomicBool>,
}

impl History for Liar {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, HistoryError>> {
        assert!(!self.panics.load(Relaxed), "the store panics");
        let appended = self.store.append(append);
        let goes_back = self.goes_back.load(Relaxed);
        Box::pin(async move {
            let mut appended = appended.await?;
            if goes_back {
                (appended.offset, appended.previous) = (1, Some(0));
            }
            Ok(appended)
        })
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Page, HistoryError>> {
        self.reads.fetch_add(1, Relaxed);
        assert!(!self.panics.load(Relaxed), "the store panics");
        let page = self.store.read(read);
        let is_garbled = self.is_garbled.load(Relaxed);
        Box::pin(async move {
            let mut page = page.await?;
            if is_garbled {
                let entries = page.entries.iter_mut();
                entries.for_each(|entry| entry.entry = "garbage".into());
            }
            Ok(page)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_clients_costs_few_reads() {
    let store = Liar::default();
    let [here, there] = nodes(store.clone()).await;
    let (client, told) = here.follow(&[]).await;
    let begin = told["position"].as_str().unwrap().to_owned();
    drop(client);
    for number in 0..10 {
        here.say(&number.to_string())
            .await
            .expect("the store has it");
    }
    let reads = store.reads.load(Relaxed);
    store.store.delay(Duration::from_millis(20));
    let storm = (0..100).map(|_| {
        let path = format!("/?groupId=lobby&resume=1&position={begin}");
        let server = there.server.clone();
        spawn(async move {
            let mut client = server.connect(&path).await.expect("an open socket");
            let told = frame(&mut client).await;
            assert_eq!(told["streams"]["lobby"]["missed"], 10, "{told}");
            texts(&mut client, 10).await
        })
    });
    for client in storm.collect::<Vec<_>>() {
        let texts = client.await.expect("no panic");
        assert_eq!(texts.len(), texts.iter().collect::<HashSet<_>>().len());
    }
    let reads = store.reads.load(Relaxed) - reads;
    // Of the lobby and of the stream of all sockets.
    assert!(reads <= 4, "{reads} reads");
}

#[tokio::test(start_paused = true)]
async fn clients_that_were_away_for_too_long_cost_few_reads() {
    let store = Liar::default();
    let [here, there] = nodes(store.clone()).await;
    let mut positions = Vec::new();
    for number in 0..150 {
        let position = here.say(&number.to_string()).await;
        positions.push(position.expect("the store has it"));
    }
    let reads = store.reads.load(Relaxed);
    store.store.delay(Duration::from_millis(20));
    let storm = positions.into_iter().enumerate().map(|(number, position)| {
        let path = format!("/?groupId=lobby&resume=1&position={position}");
        let server = there.server.clone();
        spawn(async move {
            let mut client = server.connect(&path).await.expect("an open socket");
            let told = frame(&mut client).await;
            // 100 are kept.
            let recovered = number >= 49;
            assert_eq!(told["streams"]["lobby"]["recovered"], recovered, "{told}");
        })
    });
    for client in storm.collect::<Vec<_>>() {
        client.await.expect("no panic");
    }
    let reads = store.reads.load(Relaxed) - reads;
    assert!(reads <= 16, "{reads} reads");
}

#[tokio::test(start_paused = true)]
async fn a_store_whose_offsets_go_back_loses_no_message_of_those_who_are_there() {
    let store = Liar::default();
    let [here, there] = nodes(store.clone()).await;
    let (mut ann, _) = here.follow(&[]).await;
    let (mut bob, _) = there.follow(&[]).await;
    for text in ["1", "2"] {
        here.say(text).await;
        for client in [&mut ann, &mut bob] {
            assert_eq!(message(client).await.0, text);
        }
    }
    store.goes_back.store(true, Relaxed);
    here.say("3").await;
    let (text, position) = message(&mut ann).await;
    assert_eq!(text, "3", "its own node sees to it");
    assert!(is_void(&position));
    store.goes_back.store(false, Relaxed);
    here.say("4").await.expect("the store has it");
    assert_eq!(message(&mut ann).await.0, "4");
    assert_eq!(
        texts(&mut bob, 2).await,
        ["3", "4"],
        "the store has it after all"
    );
}

#[tokio::test(start_paused = true)]
async fn entries_that_no_node_has_written_are_counted_and_told() {
    let store = Liar::default();
    let [here, there] = nodes(store.clone()).await;
    let (mut bob, told) = there.follow(&[]).await;
    let begin = told["position"].as_str().unwrap().to_owned();
    here.say("0").await;
    assert_eq!(message(&mut bob).await.0, "0");
    store.is_garbled.store(true, Relaxed);
    there.backplane.cut();
    sleep(Duration::from_millis(10)).await;
    here.say("1").await.expect("the store has it");
    there.backplane.restore();
    assert!(is_told_of_a_gap(&mut bob).await);
    assert_eq!(there.history().garbage, 1);
    let [fresh] = nodes(store.clone()).await;
    let (_, told) = fresh.follow(&[&begin]).await;
    assert_eq!(
        (&told["recovered"], &told["reason"]),
        (&json!(false), &json!("gap"))
    );
    store.is_garbled.store(false, Relaxed);
    here.say("2").await.expect("the store has it");
    assert_eq!(message(&mut bob).await.0, "2");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_one_that_fails() {
    let store = Liar::default();
    let [node] = nodes(store.clone()).await;
    let (mut ann, _) = node.follow(&[]).await;
    store.panics.store(true, Relaxed);
    assert_eq!(node.say("1").await, None);
    let query = node.hub.history("lobby").await.unwrap_err();
    assert_eq!(query.kind(), HistoryQueryErrorKind::Unavailable);
    store.panics.store(false, Relaxed);
    sleep(Duration::from_secs(3)).await;
    node.say("2").await.expect("the store has it");
    assert_eq!(texts(&mut ann, 2).await, ["1", "2"]);
}

#[test]
#[should_panic(expected = "or has used a stream; set the store once, before the hub is used")]
fn a_store_is_set_before_the_first_message() {
    let layer = WebConnectionSocketLayer::new(config());
    let report = layer.hub().broadcast(&lobby("early"));
    assert!(report.position().is_some());
    let layer = layer.history_store(MemoryHistory::new());
    // Without the panic the message would have no order, and be lost.
    layer.hub().broadcast(&lobby("lost"));
}
