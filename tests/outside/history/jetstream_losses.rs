//! What JetStream does to a history when it fails.

use std::{path::Path, sync::Arc, time::Duration};

use brokers::Nats;
use bytes::Bytes;
use tokio::time::Instant;
use web_connection_socket::history::{Appended, History, HistoryErrorKind, JetStreamHistory};

use super::{
    contract::{Store, Stream, place, texts, within},
    cutter::Cutter,
    jetstream::{JetStream, history},
};
use crate::support::{PATIENCE, eventually, scratch::Scratch};

/// Adds an entry, once there is a link again.
async fn append_again(stream: &Stream, text: &'static str) -> Appended {
    eventually("an entry is stored again", PATIENCE, async || {
        within(stream.send(text)).await.ok()
    })
    .await
}

/// Asks the server's API as an operator does.
async fn order(nats: &Nats, what: &str) {
    let client = async_nats::connect(nats.url()).await.expect("a server");
    let subject = format!("$JS.API.STREAM.{what}.web-connection-socket-history");
    let answer = client.request(subject, Bytes::new()).await;
    let answer = answer.expect("an answer").payload;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.contains(r#""success":true"#), "{answer}");
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_has_lost_nothing() {
    let folder = Scratch::new("jetstream");
    let path = folder.path().to_str().expect("a path that is text");
    let mut nats = Nats::with(&["--jetstream", "--store_dir", path]);
    let stream = Stream::on(Arc::new(history(&nats)), 1, 100);
    let places = stream.append_many(10).await;
    nats.kill();
    let down = async || {
        let error = within(stream.send("lost")).await.err()?;
        (error.kind() == HistoryErrorKind::Unreachable).then_some(error)
    };
    let error = eventually("calls fail", PATIENCE, down).await;
    let text = error.to_string();
    assert!(
        text.contains(&format!("nats://{}", nats.address())),
        "{text}"
    );
    let begin = Instant::now();
    for _ in 0..1_000 {
        assert!(within(stream.send("lost")).await.is_err());
        assert!(stream.try_read(None).await.is_err());
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "they wait");

    nats.start_again();
    let new = append_again(&stream, "new").await;
    assert_eq!(new.epoch, places[0].epoch);
    assert_eq!(new.previous, Some(places[9].offset));
    let page = stream.behind(place(&places[5])).await;
    assert!(page.is_complete);
    assert_eq!(texts(&page), ["6", "7", "8", "9", "new"]);
}

#[tokio::test]
async fn a_server_that_starts_again_without_its_files_has_another_epoch() {
    let JetStream(mut nats) = JetStream::start();
    let stream = Stream::on(Arc::new(history(&nats)), 1, 100);
    let places = stream.append_many(10).await;
    nats.kill();
    nats.start_again();
    let new = append_again(&stream, "new").await;
    assert_ne!(new.epoch, places[0].epoch);
    let page = stream.behind(place(&places[0])).await;
    assert!(!page.is_complete && page.epoch == new.epoch);
    assert_eq!(texts(&stream.newest().await), ["new"]);
}

#[tokio::test]
async fn a_server_that_lost_what_it_had_confirmed_has_another_epoch() {
    let (folder, copy) = (Scratch::new("jetstream"), Scratch::new("jetstream-copy"));
    let path = folder.path().to_str().expect("a path that is text");
    let mut nats = Nats::with(&["--jetstream", "--store_dir", path]);
    let stream = Stream::on(Arc::new(history(&nats)), 1, 100);
    let other = Stream::on(Arc::new(history(&nats)), 1, 100);
    let places = stream.append_many(30).await;
    nats.kill();
    copy_files(folder.path(), copy.path());
    nats.start_again();
    append_again(&stream, "lost").await;
    eventually("the other node reads", PATIENCE, async || {
        other.try_read(None).await.ok()
    })
    .await;
    let lost = stream.append_many(50).await;
    nats.kill();
    // As after a loss of power.
    std::fs::remove_dir_all(folder.path()).expect("a folder");
    copy_files(copy.path(), folder.path());
    nats.start_again();

    // The node that has added nothing knows as well.
    let new = append_again(&other, "new").await;
    assert_eq!(new.offset, places[29].offset + 1);
    assert_ne!(new.epoch, places[0].epoch);
    for place_then in [&places[10], &places[29], &lost[0], &lost[49]] {
        let page = other.behind(place(place_then)).await;
        assert!(!page.is_complete, "{place_then:?}");
    }
    let page = eventually("the first node is there", PATIENCE, async || {
        stream.try_read(Some(place(&places[10]))).await.ok()
    })
    .await;
    assert!(!page.is_complete && page.epoch == new.epoch);
    let page = stream.newest().await;
    assert_eq!(page.entries.len(), 31, "what is there is there");
    let next = append_again(&stream, "next").await;
    assert_eq!((next.epoch, next.previous), (new.epoch, Some(new.offset)));
    let page = other.behind((page.epoch, page.entries[20].offset)).await;
    assert!(page.is_complete && page.entries.len() == 11);
}

/// Copies a folder with all that is in it.
fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry of a folder");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("its kind").is_dir() {
            copy_files(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

#[tokio::test]
async fn a_stream_that_was_purged_says_what_is_gone_and_goes_on() {
    let server = JetStream::start();
    let stream = Stream::new(&server, 1, 100);
    let places = stream.append_many(10).await;
    order(&server.0, "PURGE").await;
    for place_then in [&places[0], &places[8]] {
        let page = stream.behind(place(place_then)).await;
        assert!(!page.is_complete && page.entries.is_empty());
    }
    let new = stream.append("new").await;
    assert_eq!(new.epoch, places[0].epoch);
    assert!(new.offset > places[9].offset);
    assert_eq!(texts(&stream.newest().await), ["new"]);
    assert!(stream.behind(place(&new)).await.is_complete);
}

#[tokio::test]
async fn a_stream_whose_last_entry_is_gone_goes_on_for_those_who_had_it() {
    let server = JetStream::start();
    let stream = Stream::new(&server, 1, 100);
    let other = Stream::new(&server, 1, 100);
    other.newest().await;
    let places = stream.append_many(10).await;
    let mut last = places[9];
    for round in 0..3 {
        // As the server does when they are too old.
        order(&server.0, "PURGE").await;
        if round > 0 {
            // This puts a mark there.
            let page = other.behind(place(&last)).await;
            assert!(page.is_complete && page.entries.is_empty());
            assert!(page.anchor.is_some() && page.top > last.offset);
        }
        if round == 2 {
            order(&server.0, "PURGE").await;
        }
        let new = stream.append("new").await;
        assert_eq!(new.epoch, last.epoch);
        if round == 0 {
            assert_eq!(new.previous, Some(last.offset));
        }
        stream.append("newer").await;
        for node in [&stream, &other] {
            let page = node.behind(place(&last)).await;
            assert!(page.is_complete, "{round}");
            assert_eq!(texts(&page), ["new", "newer"]);
            assert!(!node.behind(place(&places[8])).await.is_complete);
        }
        last = stream.append("last").await;
    }
    // A node that has not heard of it cannot know.
    order(&server.0, "PURGE").await;
    let late = Stream::new(&server, 1, 100);
    assert!(!late.behind(place(&last)).await.is_complete);
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_made_again_with_another_epoch() {
    let server = JetStream::start();
    let stream = Stream::new(&server, 1, 100);
    let other = Stream::new(&server, 1, 100);
    let places = stream.append_many(10).await;
    assert!(other.behind(place(&places[3])).await.is_complete);
    order(&server.0, "DELETE").await;
    let mut new = append_again(&stream, "0").await;
    assert_ne!(new.epoch, places[0].epoch);
    // The other node finds the stream that this one has made.
    let page = eventually("the other node is told", PATIENCE, async || {
        let page = other.try_read(Some(place(&places[3]))).await.ok()?;
        (page.epoch == new.epoch).then_some(page)
    })
    .await;
    assert!(!page.is_complete);
    for text in ["1", "2", "3", "4", "5"] {
        new = append_again(&other, text).await;
        assert_eq!(new.epoch, page.epoch);
    }
    assert!(!stream.behind(place(&places[3])).await.is_complete);
    assert_eq!(stream.newest().await.entries.len(), 6);
}

#[tokio::test]
async fn what_was_sent_over_a_connection_that_broke_is_stored_once_and_in_order() {
    let server = JetStream::start();
    let way = Cutter::start(server.0.address()).await;
    let url = format!("nats://{}", way.address());
    let history = JetStreamHistory::new(&url).expect("a URL");
    let stream = Stream::on(Arc::new(history), 1, 10_000);
    let first = stream.append("first").await;
    let mut expected = Vec::new();
    for round in 0..5 {
        server.0.freeze();
        let before = way.forwarded();
        let sent: Vec<_> = (0..50)
            .map(|number| stream.send(format!("{round}/{number}")))
            .collect();
        let all = 50 * 150;
        eventually("they were handed on", PATIENCE, async || {
            (way.forwarded() > before + all).then_some(())
        })
        .await;
        way.cut().await;
        server.0.thaw();
        for (number, sent) in sent.into_iter().enumerate() {
            within(sent).await.expect("a place");
            expected.push(format!("{round}/{number}"));
        }
        // A server is found again only while it is not stopped.
        append_again(&stream, "linked").await;
        expected.push("linked".to_owned());
    }
    let page = stream.behind(place(&first)).await;
    assert!(page.is_complete);
    assert_eq!(texts(&page), expected);
}

#[tokio::test]
async fn a_server_without_room_refuses_entries_or_says_what_it_threw_away() {
    let server = JetStream::start();
    let node = server.node();
    let stream = Stream::on(node.clone(), 1, 100_000);
    let places = stream.append_many(100).await;
    let client = async_nats::connect(server.0.url()).await.expect("a server");
    let ask = async |what: &str, question: serde_json::Value| {
        let subject = format!("$JS.API.STREAM.{what}.web-connection-socket-history");
        let question = question.to_string().into();
        let answer = client.request(subject, question).await.expect("an answer");
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).expect("JSON");
        assert!(answer.get("error").is_none(), "{answer}");
        answer
    };
    let mut config = ask("INFO", serde_json::json!({})).await["config"].clone();
    config["max_msgs"] = 50.into();
    ask("UPDATE", config.clone()).await;
    let page = stream.behind(place(&places[10])).await;
    assert!(!page.is_complete && page.entries.is_empty());
    let page = stream.behind(place(&places[50])).await;
    assert!(page.is_complete && page.entries.len() == 49);
    Stream::on(node, 2, 100_000).append_many(30).await;
    assert!(!stream.behind(place(&places[50])).await.is_complete);
    assert!(stream.behind(place(&places[80])).await.is_complete);

    config["discard"] = "new".into();
    ask("UPDATE", config).await;
    let error = within(stream.send("x")).await.expect_err("no room");
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    assert!(error.to_string().contains("maximum messages"), "{error}");
}

#[tokio::test]
async fn an_entry_that_the_server_does_not_carry_is_refused_alone() {
    let server = JetStream::start();
    let stream = Stream::new(&server, 1, 100);
    let first = stream.append("first").await;
    let largest = stream.append(vec![b'x'; (1 << 20) - 128]).await;
    let sent = stream.send("before");
    let refused = stream.send(vec![b'x'; 1 << 20]);
    let after = stream.send("after");
    let before = within(sent).await.expect("a place");
    let error = within(refused).await.expect_err("too large");
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    assert!(error.to_string().contains("max_payload"), "{error}");
    let after = within(after).await.expect("a place");
    assert_eq!(before.previous, Some(largest.offset));
    assert_eq!(after.previous, Some(before.offset));
    let page = stream.behind(place(&first)).await;
    assert!(page.is_complete && page.entries.len() == 3);
}

#[tokio::test]
async fn who_has_the_login_is_let_in_and_another_is_told_what_is_wrong() {
    let options = [
        "--jetstream",
        "--store_dir",
        "jetstream",
        "--auth",
        "s3cret",
    ];
    let nats = Nats::with(&options);
    let on = |login: &str| {
        let history = JetStreamHistory::new(&format!("nats://{login}{}", nats.address()));
        Stream::on(Arc::new(history.expect("a URL")), 1, 10)
    };
    for login in ["", "hunter2@", "ann:hunter2@"] {
        let error = within(on(login).send("x")).await.expect_err("a refusal");
        let text = error.to_string();
        assert_eq!(error.kind(), HistoryErrorKind::Unreachable);
        assert!(
            text.contains("did not accept the user and password"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
    on("s3cret@").append("x").await;
}

#[tokio::test]
async fn a_server_without_jetstream_says_what_to_do() {
    let nats = Nats::start();
    let stream = Stream::on(Arc::new(history(&nats)), 1, 10);
    let error = within(stream.send("x")).await.expect_err("a refusal");
    assert!(error.to_string().contains("--jetstream"), "{error}");
}

#[tokio::test]
async fn a_user_needs_the_subjects_that_are_documented() {
    let docs = include_str!("../../../src/history/jetstream/history.rs");
    let docs = docs
        .split("A user with permissions")
        .nth(1)
        .expect("the list");
    let docs = docs.split("# Examples").next().expect("its end");
    let subjects = docs.split('`').skip(1).step_by(2);
    let subjects: Vec<_> = subjects.map(|one| one.replace("PREFIX", "shop")).collect();
    let (subscribe, publish): (Vec<_>, Vec<_>) =
        subjects.into_iter().partition(|one| one.ends_with(".>"));
    assert_eq!((publish.len(), subscribe.len()), (5, 2));
    let folder = Scratch::new("nats");
    let path = folder.path().join("nats.conf");
    let config = format!(
        "jetstream {{ store_dir: \"jetstream\" }}
        authorization {{ users = [{{
            user: shop, password: secret
            permissions: {{ publish: {publish:?}, subscribe: {subscribe:?} }}
        }}] }}"
    );
    std::fs::write(&path, config).expect("a file in an empty folder");
    let nats = Nats::with(&["--config", path.to_str().expect("a path that is text")]);
    let url = format!("nats://shop:secret@{}", nats.address());
    let on = |prefix: &str| {
        let history = JetStreamHistory::new(&url).expect("a URL").prefix(prefix);
        let history: Arc<dyn History> = Arc::new(history);
        history
    };
    let shop = on("shop");
    let stream = Stream::on(shop.clone(), 1, 10);
    let empty = stream.newest().await;
    stream.append("allowed").await;
    Stream::on(shop, 2, 100).append("a larger rule").await;
    let page = stream.behind((empty.epoch, empty.top)).await;
    assert_eq!(texts(&page), ["allowed"]);

    let error = within(Stream::on(on("bank"), 1, 10).send("x")).await;
    let text = error.expect_err("no permission").to_string();
    assert!(
        text.to_ascii_lowercase().contains("permissions violation"),
        "{text}"
    );
}
