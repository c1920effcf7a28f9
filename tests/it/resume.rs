//! Clients that come again and go on where they were.

use std::{
    collections::HashMap,
    future::ready,
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use axum::{Router, body::Body};
use http::Request;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::advance};
use tower::Layer;
use web_connection_socket::{
    CloseReason, Config, Hub, Identity, Position, Recipient, Socket, SocketMessage, StreamName,
    UserId, WebConnectionSocketLayer,
    config::HistoryRule,
    testing::{Client, Server},
};

use crate::support::{config, frame, news, news_to, serve, soon, spawn, wire::Wire};

struct Site {
    layer: WebConnectionSocketLayer,
    hub: Arc<Hub>,
    server: Server,
}

impl Site {
    fn new(config: Config) -> Self {
        let layer = WebConnectionSocketLayer::new(config).relay();
        Self {
            hub: layer.hub(),
            server: serve(&layer),
            layer,
        }
    }

    fn with(rules: impl IntoIterator<Item = HistoryRule>) -> Self {
        Self::new(rules.into_iter().fold(config(), Config::history))
    }

    fn lobby() -> Self {
        Self::with([HistoryRule::group("lobby")])
    }

    fn publish(&self, text: &str) -> Position {
        position(&self.hub, &news(text).to_group("lobby"))
    }

    /// Opens a socket for Ann in the lobby, which goes on from positions, and returns it with what it is
    /// told.
    async fn resume(&self, positions: &[String]) -> (Client, Value) {
        self.resume_at("/?userId=ann&groupId=lobby", positions)
            .await
    }

    async fn resume_at(&self, path: &str, positions: &[String]) -> (Client, Value) {
        let client = self.server.connect(&query(path, positions)).await;
        let mut client = client.expect("an open socket");
        let told = frame(&mut client).await;
        assert_eq!(told["action"], "__resumed", "{told}");
        (client, told)
    }
}

fn query(path: &str, positions: &[String]) -> String {
    let positions = positions.iter().map(|it| format!("&position={it}"));
    format!("{path}&resume=1{}", positions.collect::<String>())
}

fn position(hub: &Hub, message: &SocketMessage) -> Position {
    let report = hub.broadcast(message);
    *report.position().expect("its stream has a rule")
}

/// What is told of the lobby.
fn lobby(told: &Value) -> Value {
    told["streams"]["lobby"].clone()
}

fn recovered(missed: usize, position: &Position) -> Value {
    json!({"recovered": true, "missed": missed, "position": position})
}

/// The texts of messages up to the one with this text.
async fn texts_until(client: &mut Client, last: &str) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let frame = frame(client).await;
        let text = frame["message"].as_str().expect("a message").to_owned();
        if text == last {
            return texts;
        }
        texts.push(text);
    }
}

#[tokio::test]
async fn a_client_gets_what_it_missed_and_then_what_comes() {
    let site = Site::lobby();
    let (first, told) = site.resume(&[]).await;
    let begin = site.hub.position("lobby").await.unwrap();
    assert_eq!(lobby(&told), recovered(0, &begin));
    assert_eq!(told.as_object().unwrap().len(), 2, "{told}");
    drop(first);
    let one = site.publish("1");
    site.publish("2");
    let three = site.publish("3");

    let (mut client, told) = site.resume(&[one.to_string()]).await;
    assert_eq!(lobby(&told), recovered(2, &three));
    site.publish("4");
    site.publish("end");
    assert_eq!(texts_until(&mut client, "end").await, ["2", "3", "4"]);

    // One that had nothing yet has a position as well.
    let (mut client, told) = site.resume(&[begin.to_string()]).await;
    assert_eq!(lobby(&told)["missed"], 5);
    assert_eq!(texts_until(&mut client, "end").await, ["1", "2", "3", "4"]);
    let stats = site.hub.stats().history.unwrap();
    assert_eq!((stats.resumes_recovered, stats.resumes_lost), (2, 0));
}

#[tokio::test]
async fn whatever_carries_the_socket_it_is_told_first() {
    let site = Site::lobby();
    let one = site.publish("1");
    let two = site.publish("2");
    let path = query("/?userId=ann&groupId=lobby", &[one.to_string()]);
    let expected = recovered(1, &two);

    let mut client = site.server.clone().http2().connect(&path).await.unwrap();
    assert_eq!(lobby(&frame(&mut client).await), expected);
    assert_eq!(frame(&mut client).await["message"], "2");

    let request = Request::get(&path).header("host", "localhost").body(());
    let (client, server) = tokio::io::duplex(4_096);
    let service = site.layer.layer(Router::new());
    let parts = request.unwrap().into_parts().0;
    let running = spawn(service.accept::<Body, _, _>(parts, server));
    let mut wire = Wire::over(client);
    let told: Value = serde_json::from_str(&wire.text().await).unwrap();
    assert_eq!(lobby(&told), expected);
    assert!(wire.text().await.contains("__position"));
    drop(wire);
    soon("the end", running).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_did_not_ask_is_told_nothing() {
    let site = Site::lobby();
    let one = site.publish("1");
    for path in [
        format!("/?groupId=lobby&position={one}"),
        format!("/?groupId=lobby&resume=0&position={one}"),
        "/?groupId=lobby&resume=".to_owned(),
        "/?groupId=lobby".to_owned(),
    ] {
        let mut client = site.server.connect(&path).await.unwrap();
        site.publish("2");
        assert_eq!(frame(&mut client).await["message"], "2", "{path}");
    }

    // In raw mode each frame is the application's.
    let layer = WebConnectionSocketLayer::new(config().history(HistoryRule::group("lobby")))
        .on_raw(async |_, _| ());
    let hub = layer.hub();
    let path = query("/?groupId=lobby", &[one.to_string()]);
    let mut client = serve(&layer).connect(&path).await.unwrap();
    hub.broadcast(&news("2").to_group("lobby"));
    assert_eq!(frame(&mut client).await["message"], "2");
}

#[tokio::test]
async fn one_that_asks_where_nothing_is_kept_is_told_so() {
    let site = Site::new(config());
    let (mut client, told) = site.resume(&["1.2.3.4".into()]).await;
    assert_eq!(
        told,
        json!({"action": "__resumed", "streams": {}, "refused": 1})
    );
    site.hub.broadcast(&news("1"));
    assert_eq!(frame(&mut client).await["message"], "1");
}

#[tokio::test]
async fn the_names_of_fields_are_read_in_any_case() {
    let site = Site::lobby();
    let one = site.publish("1");
    site.publish("2");
    let path = format!("/?groupid=lobby&RESUME=1&Position={one}");
    let mut client = site.server.connect(&path).await.unwrap();
    assert_eq!(lobby(&frame(&mut client).await)["missed"], 1);
}

#[tokio::test]
async fn a_position_that_does_not_fit_loses_what_was_missed_and_says_why() {
    let site = Site::with([HistoryRule::group("lobby").messages(3)]);
    let other = Site::lobby();
    let elsewhere = other.publish("1").to_string();
    let all: Vec<_> = (0..5).map(|at| site.publish(&at.to_string())).collect();
    let now = all[4];
    let parts: Vec<_> = now.to_string().split('.').map(str::to_owned).collect();
    let made =
        |epoch: &str, offset: &str, tag: &str| [parts[0].as_str(), epoch, offset, tag].join(".");
    for (position, reason) in [
        (all[0].to_string(), "expired"),
        (elsewhere, "elsewhere"),
        // A void one.
        (made("0", &parts[2], &parts[3]), "elsewhere"),
        // One from the future, and one of another message.
        (made(&parts[1], "ff", &parts[3]), "unknown"),
        (made(&parts[1], &parts[2], "7"), "unknown"),
    ] {
        let (mut client, told) = site.resume(slice::from_ref(&position)).await;
        let expected = json!({"recovered": false, "reason": reason, "position": now});
        assert_eq!(lobby(&told), expected, "{position}");
        assert_eq!(told.get("refused"), None);
        site.hub.broadcast(&news("end").to_user("ann"));
        assert_eq!(texts_until(&mut client, "end").await, [""; 0]);
        client.close(CloseReason::NORMAL).await.unwrap();
    }
    assert_eq!(site.hub.stats().history.unwrap().resumes_lost, 5);
}

#[tokio::test]
async fn the_place_before_the_first_message_cannot_be_made_up() {
    let site = Site::lobby();
    let begin = site.hub.position("lobby").await.unwrap().to_string();
    site.publish("before Bob came");
    // It knows from what it is told which stream this is.
    let (_bob, told) = site.resume_at("/?userId=bob&groupId=lobby", &[]).await;
    let told = lobby(&told)["position"].as_str().unwrap().to_owned();
    let parts: Vec<_> = told.split('.').collect();
    let made = [parts[0], parts[1], "0", "0"].join(".");
    assert_ne!(made, begin);
    let (_bob, told) = site.resume(&[made]).await;
    assert_eq!(lobby(&told)["reason"], "unknown");
    // One that was there goes on from it.
    let (_ann, told) = site.resume(&[begin]).await;
    assert_eq!(lobby(&told)["missed"], 1);
}

/// What is refused is the same whether there is such a stream or not.
#[tokio::test]
async fn a_position_of_a_stream_that_is_not_the_clients_is_refused() {
    let site = Site::with([HistoryRule::group("*"), HistoryRule::users()]);
    let secret = position(&site.hub, &news("1").to_group("secret"));
    let of_bob = position(&site.hub, &news("1").to_user("bob"));
    let mut answers = Vec::new();
    for position in [
        secret.to_string(),
        of_bob.to_string(),
        "7.7.7.7".into(),
        "garbage".into(),
        String::new(),
        "%00".into(),
        "x".repeat(10_000),
    ] {
        let (client, told) = site.resume(&[position]).await;
        client.close(CloseReason::NORMAL).await.unwrap();
        answers.push(told);
    }
    assert_eq!(answers[0]["refused"], 1);
    let streams = answers[0]["streams"].as_object().unwrap();
    assert_eq!(streams.keys().collect::<Vec<_>>(), ["__user", "lobby"]);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(site.hub.stats().history.unwrap().resumes_lost, 0);
}

#[tokio::test]
async fn positions_beyond_the_bound_are_refused() {
    let rules = (0..65).map(|number| HistoryRule::group(format!("room{number}")));
    let site = Site::new(rules.fold(config().max_groups(65), Config::history));
    let rooms: Vec<_> = (0..65).map(|number| format!("room{number}")).collect();
    let positions: Vec<_> = rooms
        .iter()
        .map(|room| position(&site.hub, &news("1").to_group(room)).to_string())
        .collect();
    let groups = rooms.iter().map(|room| format!("&groupId={room}"));
    let path = format!("/?userId=ann{}", groups.collect::<String>());
    for (sent, refused) in [(64, Value::Null), (65, json!(1))] {
        let (_client, told) = site.resume_at(&path, &positions[..sent]).await;
        assert_eq!(told["streams"].as_object().unwrap().len(), 65);
        assert_eq!(told["refused"], refused, "{sent}");
    }
    // A second one of the same stream is not needed.
    let (_client, told) = site
        .resume_at("/?groupId=room1", &[(); 3].map(|()| positions[1].clone()))
        .await;
    assert_eq!(told["refused"], 2);
}

#[tokio::test]
async fn the_streams_are_those_of_the_identity_after_the_connect_event() {
    let rules = [HistoryRule::group("*"), HistoryRule::users()];
    let config = rules.into_iter().fold(config(), Config::history);
    let layer = WebConnectionSocketLayer::new(config)
        .identify(async |_| Ok(Identity::user("ann").group("first")))
        .on_connect(async |socket: Socket| {
            socket.join("second")?;
            socket.reply(&news("welcome")).unwrap();
            Ok(())
        });
    let hub = layer.hub();
    let server = serve(&layer);
    let (mut positions, mut missed) = (Vec::new(), Vec::new());
    for (text, recipient) in [
        ("first", Recipient::group("first")),
        ("second", Recipient::group("second")),
        ("own", Recipient::user("ann")),
        ("claimed", Recipient::group("claimed")),
    ] {
        let message = |text: &str| news_to(text, [recipient.clone()]);
        positions.push(position(&hub, &message("before")).to_string());
        missed.push(text);
        hub.broadcast(&message(text));
    }
    let path = query("/?userId=bob&groupId=claimed", &positions);
    let mut client = server.connect(&path).await.unwrap();
    // What the application says to a socket that opens is no message of a stream.
    assert_eq!(frame(&mut client).await["message"], "welcome");
    let told = frame(&mut client).await;
    let streams = told["streams"].as_object().unwrap();
    let names: Vec<_> = streams.keys().map(String::as_str).collect();
    assert_eq!(names, ["__user", "first", "second"]);
    assert!(streams.values().all(|stream| stream["missed"] == 1));
    assert_eq!(told["refused"], 1);
    hub.broadcast(&news("end").to_user("ann"));
    let mut texts = texts_until(&mut client, "end").await;
    texts.sort_unstable();
    assert_eq!(texts, ["first", "own", "second"]);
}

#[tokio::test]
async fn the_application_does_not_see_positions_once_the_socket_is_open() {
    let (paths, mut seen) = mpsc::channel(2);
    let identified = paths.clone();
    let layer = WebConnectionSocketLayer::new(config().history(HistoryRule::group("lobby")))
        .identify(move |handshake| {
            identified.try_send(handshake.uri().to_string()).unwrap();
            ready(Ok(Identity::user("ann").group("lobby")))
        })
        .on_open(move |socket: Socket| {
            let handshake = socket.handshake().expect("it is a socket's");
            paths.try_send(handshake.uri().to_string()).unwrap();
            ready(())
        });
    let path = query("/?x=1", &["1.2.3.4".into(), "5.6.7.8".into()]);
    let _client = serve(&layer).connect(&path).await.unwrap();
    assert_eq!(soon("a path", seen.recv()).await.unwrap(), path);
    assert_eq!(soon("a path", seen.recv()).await.unwrap(), "/?x=1&resume=1");
}

#[tokio::test]
async fn what_excluded_a_client_is_not_replayed_to_it() {
    let site = Site::lobby();
    let begin = site.hub.position("lobby").await.unwrap().to_string();
    let to_lobby = |text: &str, exclude| {
        let message = news_to(text, [Recipient::group("lobby"), exclude]);
        site.hub.broadcast(&message);
    };
    to_lobby("1", Recipient::all_but_user("ann"));
    to_lobby("2", Recipient::all_but_user("bob"));
    to_lobby("3", Recipient::all_but_group("ops"));
    for (path, expected) in [
        ("/?userId=ann&groupId=lobby", &["2", "3"][..]),
        ("/?userId=bob&groupId=lobby&groupId=ops", &["1"]),
    ] {
        let (mut client, told) = site.resume_at(path, slice::from_ref(&begin)).await;
        assert_eq!(lobby(&told)["missed"], expected.len());
        site.hub.broadcast(&news("end"));
        assert_eq!(texts_until(&mut client, "end").await, expected);
        client.close(CloseReason::NORMAL).await.unwrap();
    }
}

#[tokio::test]
async fn of_a_stream_of_values_the_newest_is_sent() {
    let site = Site::with([HistoryRule::group("lobby").latest()]);
    let one = site.publish("1").to_string();
    site.publish("2");
    let three = site.publish("3");
    let (mut client, told) = site.resume(&[one]).await;
    assert_eq!(lobby(&told), recovered(1, &three));
    assert_eq!(frame(&mut client).await["message"], "3");
}

#[tokio::test]
async fn more_than_the_queue_has_room_for_is_not_sent_in_part() {
    let many = [
        HistoryRule::group("lobby").messages(1_000),
        HistoryRule::users(),
    ];
    let rules = many.into_iter().fold(config(), Config::history);
    let site = Site::new(rules);
    let lobby_at = site.hub.position("lobby").await.unwrap().to_string();
    let own = UserId::from("ann");
    let own_at = site.hub.position(&own).await.unwrap().to_string();
    for _ in 0..200 {
        site.publish("x");
    }
    for _ in 0..100 {
        position(&site.hub, &news("own").to_user("ann"));
    }
    let both = [lobby_at, own_at];
    let (client, told) = site.resume(&both).await;
    assert_eq!(told["streams"]["__user"]["missed"], 100);
    assert_eq!(lobby(&told)["missed"], 200);
    client.close(CloseReason::NORMAL).await.unwrap();

    // Over all streams: the one that does not fit gets nothing.
    site.publish("x");
    let (mut client, told) = site.resume(&both).await;
    assert_eq!(told["streams"]["__user"]["missed"], 100);
    assert_eq!(lobby(&told)["reason"], "expired");
    site.hub.broadcast(&news("end"));
    assert_eq!(texts_until(&mut client, "end").await, ["own"; 100]);

    let site = Site::new(
        config()
            .history(HistoryRule::group("lobby"))
            .max_queue_bytes(4_000),
    );
    let begin = site.hub.position("lobby").await.unwrap().to_string();
    let long = "x".repeat(700);
    let one = site.publish(&long).to_string();
    site.publish(&long);
    assert_eq!(
        lobby(&site.resume(slice::from_ref(&begin)).await.1)["missed"],
        2
    );
    site.publish(&long);
    assert_eq!(lobby(&site.resume(&[begin]).await.1)["reason"], "expired");
    assert_eq!(lobby(&site.resume(&[one]).await.1)["missed"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_away_for_longer_than_the_rule_says_may_be_too_late() {
    let age = Duration::from_secs(10);
    let site = Site::with([HistoryRule::group("lobby").age(age)]);
    let begin = site.hub.position("lobby").await.unwrap().to_string();
    let one = site.publish("1");
    advance(age).await;
    assert_eq!(
        lobby(&site.resume(slice::from_ref(&begin)).await.1),
        recovered(1, &one)
    );
    advance(age + Duration::from_secs(1)).await;
    assert_eq!(lobby(&site.resume(&[begin]).await.1)["reason"], "expired");
}

#[tokio::test]
async fn a_hub_without_room_sends_nothing_of_what_was_missed() {
    let site = Site::new(
        config()
            .history(HistoryRule::group("lobby"))
            .max_hub_queue_bytes(2_000),
    );
    let begin = site.hub.position("lobby").await.unwrap().to_string();
    for _ in 0..10 {
        site.publish(&"x".repeat(500));
    }
    let (mut client, told) = site.resume(&[begin]).await;
    assert_eq!(lobby(&told)["reason"], "expired");
    site.publish("end");
    assert_eq!(texts_until(&mut client, "end").await, [""; 0]);
}

#[tokio::test]
async fn what_is_not_read_counts_when_the_socket_ends() {
    let (told, mut ends) = mpsc::channel(1);
    let layer = WebConnectionSocketLayer::new(config().history(HistoryRule::group("lobby")))
        .on_disconnect(move |socket: Socket| {
            told.try_send(socket.text().to_owned()).unwrap();
            ready(())
        });
    let hub = layer.hub();
    let begin = hub.position("lobby").await.unwrap().to_string();
    for _ in 0..100 {
        position(&hub, &news("x".repeat(2_000)).to_group("lobby"));
    }
    let path = query("/?groupId=lobby", &[begin]);
    let client = serve(&layer).connect(&path).await.unwrap();
    drop(client);
    let end = soon("the end", ends.recv()).await.unwrap();
    let end: Value = serde_json::from_str(&end).unwrap();
    let stats = hub.stats();
    // The pipe took 64 KiB.
    assert!(end["undelivered"].as_u64().unwrap() > 50, "{end}");
    assert_eq!(end["undelivered"], stats.undelivered);
    assert_eq!(stats.messages_out + stats.undelivered, 101);
    assert_eq!(stats.bytes_queued, 0);
}

/// What a client has of two streams, each of which is to come whole and in order.
struct Log {
    streams: HashMap<String, (u64, String)>,
}

impl Log {
    fn new(begin: impl IntoIterator<Item = Position>) -> Self {
        let mut log = Self {
            streams: HashMap::new(),
        };
        for position in begin {
            let text = position.to_string();
            let (stream, offset) = parts(&text);
            log.streams.insert(stream, (offset, text));
        }
        log
    }

    fn take(&mut self, frame: &Value) {
        let position = frame["__position"].as_str().expect("a message of a stream");
        let (stream, offset) = parts(position);
        let last = self
            .streams
            .get_mut(&stream)
            .expect("a stream of the client");
        assert_eq!(offset, last.0 + 1, "of {stream}");
        *last = (offset, position.to_owned());
    }

    fn positions(&self) -> Vec<String> {
        let streams = self.streams.values();
        streams.map(|(_, position)| position.clone()).collect()
    }
}

/// The stream and the number of a position.
fn parts(position: &str) -> (String, u64) {
    let mut parts = position.split('.');
    let stream = parts.next().expect("a stream").to_owned();
    let offset = parts.nth(1).expect("an offset");
    (stream, u64::from_str_radix(offset, 16).expect("a number"))
}

/// A connection that breaks again and again, in the same moments as four threads publish.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_doubled_or_reordered_by_a_thousand_reconnects() {
    let site = Site::with([
        HistoryRule::group("lobby").messages(300),
        HistoryRule::all().messages(300),
    ]);
    let lobby = site.hub.position("lobby").await.unwrap();
    let all = site.hub.position(StreamName::All).await.unwrap();
    let mut log = Log::new([lobby, all]);
    let is_over = Arc::new(AtomicBool::new(false));
    let unread = Arc::new(AtomicUsize::new(0));
    let publishers = [(); 4].map(|()| {
        let (hub, is_over, unread) = (site.hub.clone(), is_over.clone(), unread.clone());
        thread::spawn(move || {
            let mut message = news("x").to_group("lobby");
            while !is_over.load(Relaxed) {
                // Not so far ahead that what was missed is no longer kept.
                if unread.fetch_add(1, Relaxed) > 100 {
                    unread.fetch_sub(1, Relaxed);
                    thread::yield_now();
                    continue;
                }
                hub.broadcast(&message);
                let to_all = message.recipients.is_empty();
                message = if to_all {
                    message.to_group("lobby")
                } else {
                    news("x")
                };
            }
        })
    });
    for number in 0..1_000 {
        let (mut client, told) = site.resume(&log.positions()).await;
        for stream in ["lobby", "__all"] {
            assert_eq!(told["streams"][stream]["recovered"], true, "{told}");
        }
        for _ in 0..number % 7 {
            log.take(&frame(&mut client).await);
            unread.fetch_sub(1, Relaxed);
        }
    }
    is_over.store(true, Relaxed);
    for publisher in publishers {
        publisher.join().unwrap();
    }
    let (mut client, _) = site.resume(&log.positions()).await;
    site.hub.broadcast(&news("end").to_user("ann"));
    loop {
        let frame = frame(&mut client).await;
        if frame["message"] == "end" {
            break;
        }
        log.take(&frame);
    }
    let mut expected = vec![
        site.hub.position("lobby").await.unwrap().to_string(),
        site.hub
            .position(StreamName::All)
            .await
            .unwrap()
            .to_string(),
    ];
    let mut had = log.positions();
    expected.sort_unstable();
    had.sort_unstable();
    assert_eq!(had, expected);
    let stats = site.hub.stats().history.unwrap();
    assert_eq!((stats.resumes_recovered, stats.resumes_lost), (2_002, 0));
    assert!(stats.appended > 1_000, "{stats:?}");
}
