//! What Redis does to a history when it fails.

use std::{sync::Arc, time::Duration};

use brokers::{Redis, Sentinel};
use tokio::time::Instant;
use web_connection_socket::history::{Appended, HistoryErrorKind, RedisHistory};

use super::{
    contract::{Stream, place, texts, within},
    cutter::Cutter,
    redis::history,
};
use crate::support::{PATIENCE, eventually, scratch::Scratch};

/// Adds an entry, once there is a link again.
async fn append_again(stream: &Stream, text: &'static str) -> Appended {
    eventually("an entry is stored again", PATIENCE, async || {
        within(stream.send(text)).await.ok()
    })
    .await
}

#[tokio::test]
async fn a_server_that_starts_again_without_its_memory_has_another_epoch() {
    let mut redis = Redis::start();
    let stream = Stream::new(&redis, 1, 100);
    let places = stream.append_many(10).await;
    redis.kill();
    let down = async || {
        let error = within(stream.send("lost")).await.err()?;
        (error.kind() == HistoryErrorKind::Unreachable).then_some(error)
    };
    let error = eventually("calls fail", PATIENCE, down).await;
    let text = error.to_string();
    assert!(
        text.contains(&format!("redis://{}", redis.address())),
        "{text}"
    );
    let begin = Instant::now();
    for _ in 0..1_000 {
        assert!(within(stream.send("lost")).await.is_err());
        assert!(stream.try_read(None).await.is_err());
    }
    assert!(begin.elapsed() < Duration::from_secs(2), "they wait");

    redis.start_again();
    let place_now = append_again(&stream, "new").await;
    assert_ne!(place_now.epoch, places[0].epoch);
    for lost in [&places[0], &places[4], &places[9]] {
        let page = stream.behind(place(lost)).await;
        assert!(!page.is_complete && page.anchor.is_none(), "{lost:?}");
        assert_eq!(page.epoch, place_now.epoch);
    }
    assert_eq!(texts(&stream.newest().await), ["new"]);
}

#[tokio::test]
async fn a_server_that_starts_again_with_its_memory_is_trusted_if_told_so() {
    for is_trusted in [false, true] {
        let folder = Scratch::new("redis");
        let path = folder.path().to_str().expect("a path that is text");
        let mut redis = Redis::with(&[
            "--dir",
            path,
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ]);
        let history = match is_trusted {
            true => history(&redis).trust_restarts(),
            false => history(&redis),
        };
        let stream = Stream::on(Arc::new(history), 1, 100);
        let places = stream.append_many(10).await;
        redis.kill();
        redis.start_again();
        let new = append_again(&stream, "new").await;
        let page = stream.behind(place(&places[5])).await;
        assert_eq!(page.is_complete, is_trusted);
        assert_eq!(new.epoch == places[0].epoch, is_trusted);
        if is_trusted {
            assert_eq!(texts(&page), ["6", "7", "8", "9", "new"]);
        }
        // What is there is there, with places of its own.
        let page = stream.newest().await;
        assert_eq!(page.entries.len(), 11);
        let from_there = stream.behind((page.epoch, page.entries[5].offset)).await;
        assert!(from_there.is_complete);
        assert_eq!(texts(&from_there), ["6", "7", "8", "9", "new"]);
    }
}

#[tokio::test]
async fn a_server_that_was_emptied_has_another_epoch() {
    let redis = Redis::start();
    let stream = Stream::new(&redis, 1, 100);
    let places = stream.append_many(10).await;
    assert_eq!(redis.cli(&["FLUSHALL"]), "OK\n");
    let page = stream.behind(place(&places[9])).await;
    assert!(!page.is_complete);
    assert_eq!((page.top, page.top_id, page.entries.len()), (0, 0, 0));

    stream.append_many(10).await;
    assert_eq!(redis.cli(&["FLUSHALL"]), "OK\n");
    // As many entries as before, and none of them is one of those.
    let places_now = stream.append_many(10).await;
    assert_ne!(places_now[0].epoch, places[0].epoch);
    assert!(!stream.behind(place(&places[4])).await.is_complete);
    assert!(stream.behind(place(&places_now[4])).await.is_complete);
}

#[tokio::test]
async fn a_stream_that_lost_one_of_its_keys_has_no_silent_hole() {
    let redis = Redis::start();
    let stream = Stream::new(&redis, 1, 100);
    let key = |is_meta: bool| {
        let keys = redis.cli(&["--scan"]);
        let mut keys = keys.lines();
        let key = keys.find(|key| key.ends_with("/meta") == is_meta);
        key.expect("a key").to_owned()
    };
    let places = stream.append_many(10).await;
    assert_eq!(redis.cli(&["DEL", &key(false)]), "1\n");
    let page = stream.behind(place(&places[4])).await;
    assert!(!page.is_complete && page.entries.is_empty());
    let next = stream.append("next").await;
    assert_eq!(next, Appended::new(places[0].epoch, 11, Some(10)));
    assert!(!stream.behind(place(&places[4])).await.is_complete);
    assert_eq!(texts(&stream.behind(place(&places[9])).await), ["next"]);
    assert_ne!(
        redis.cli(&["PTTL", &key(false)]),
        "-1\n",
        "it stays for ever"
    );

    assert_eq!(redis.cli(&["DEL", &key(true)]), "1\n");
    let page = stream.behind(place(&next)).await;
    assert!(!page.is_complete && page.epoch != next.epoch && page.top == 0);
    assert_eq!(texts(&stream.newest().await), [""; 0]);
}

#[tokio::test]
async fn what_was_sent_over_a_connection_that_broke_is_stored_once_and_in_order() {
    let redis = Redis::start();
    let way = Cutter::start(redis.address()).await;
    let url = format!("redis://{}/", way.address());
    let history = RedisHistory::new(&url).expect("a URL");
    let stream = Stream::on(Arc::new(history), 1, 10_000);
    let first = stream.append("first").await;
    let mut expected = Vec::new();
    for round in 0..5 {
        // The server has got them, and executes them after the connection is gone, and another time
        // what the next connection brings: in whatever order it looks at the two.
        redis.freeze();
        let before = way.forwarded();
        let sent: Vec<_> = (0..50)
            .map(|number| stream.send(format!("{round}/{number}")))
            .collect();
        let all = 50 * 200;
        eventually("they were handed on", PATIENCE, async || {
            (way.forwarded() > before + all).then_some(())
        })
        .await;
        way.cut().await;
        let reconnected = way.forwarded();
        eventually("another connection is there", PATIENCE, async || {
            (way.forwarded() > reconnected).then_some(())
        })
        .await;
        redis.thaw();
        let mut last = None;
        for (number, sent) in sent.into_iter().enumerate() {
            let place = within(sent).await.expect("a place");
            assert!(last < Some(place.offset));
            last = Some(place.offset);
            expected.push((place.offset, format!("{round}/{number}")));
        }
    }
    let page = stream.behind(place(&first)).await;
    assert!(page.is_complete);
    let offsets = page.entries.iter().map(|entry| entry.offset);
    let found: Vec<_> = offsets.zip(texts(&page)).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_replica_that_lacks_the_last_entries_and_takes_over_has_another_epoch() {
    let mut primary = Redis::start();
    let replica = Redis::start();
    let urls = format!("{},{}", primary.url(), replica.url());
    let history = RedisHistory::new(&urls).expect("URLs");
    let stream = Stream::on(Arc::new(history), 1, 100);
    follow(&replica, &primary);
    let places = stream.append_many(30).await;
    eventually("the replica has them", PATIENCE, async || {
        let keys = replica.cli(&["--scan"]);
        let key = keys.lines().find(|key| !key.ends_with("/meta"))?;
        (replica.cli(&["XLEN", key]) == "30\n").then_some(())
    })
    .await;
    // It stays a replica, of a server that is not there.
    assert_eq!(replica.cli(&["REPLICAOF", "127.0.0.1", "1"]), "OK\n");
    let lost = stream.append_many(50).await;
    assert_eq!(lost[49].offset, 80);
    primary.kill();
    eventually("a replica is not used", PATIENCE, async || {
        let error = within(stream.send("lost")).await.err()?;
        error.to_string().contains("is a replica").then_some(())
    })
    .await;
    assert_eq!(replica.cli(&["REPLICAOF", "NO", "ONE"]), "OK\n");

    let new = append_again(&stream, "new").await;
    assert_eq!((new.offset, new.previous), (31, Some(30)));
    assert_ne!(new.epoch, places[0].epoch);
    for place_then in [&places[10], &places[29], &lost[0], &lost[49]] {
        let page = stream.behind(place(place_then)).await;
        assert!(!page.is_complete, "{place_then:?}");
    }
    assert_eq!(stream.newest().await.entries.len(), 31);
}

#[tokio::test]
async fn sentinels_have_a_replica_take_over_and_the_last_entries_are_told_to_be_lost() {
    let folder = Scratch::new("sentinels");
    let mut primary = Redis::start();
    let replica = Redis::start();
    follow(&replica, &primary);
    let _sentinels = Sentinel::three_of(&primary, folder.path());
    let urls = format!("{},{}", replica.url(), primary.url());
    let stream = Stream::on(Arc::new(RedisHistory::new(&urls).expect("URLs")), 1, 100);
    let first = append_again(&stream, "first").await;
    let places = stream.append_many(29).await;
    let has_thirty = || {
        let keys = replica.cli(&["--scan"]);
        let key = keys.lines().find(|key| !key.ends_with("/meta"));
        key.is_some_and(|key| replica.cli(&["XLEN", key]) == "30\n")
    };
    eventually("the replica has them", PATIENCE, async || {
        has_thirty().then_some(())
    })
    .await;
    // The replica does not get any more.
    let permissions = ["ACL", "SETUSER", "default", "-psync", "-sync"];
    assert_eq!(primary.cli(&permissions), "OK\n");
    assert_eq!(primary.cli(&["CLIENT", "KILL", "TYPE", "replica"]), "1\n");
    let lost = stream.append_many(50).await;
    assert_eq!(lost[49].offset, 80);
    assert!(has_thirty());
    primary.kill();

    let new = append_again(&stream, "new").await;
    assert_eq!((new.offset, new.previous), (31, Some(30)));
    assert_ne!(new.epoch, first.epoch);
    for place_then in [&first, &places[28], &lost[0], &lost[49]] {
        assert!(!stream.behind(place(place_then)).await.is_complete);
    }
    // The old primary comes back as a replica, and what it has does not count.
    primary.start_again();
    eventually("it follows", PATIENCE, async || {
        let replicas = replica.cli(&["INFO", "replication"]);
        replicas.contains("connected_slaves:1").then_some(())
    })
    .await;
    let next = append_again(&stream, "next").await;
    assert_eq!((next.epoch, next.offset), (new.epoch, 32));
}

#[tokio::test]
async fn a_primary_that_was_a_replica_for_a_moment_has_another_epoch() {
    let primary = Redis::start();
    let other = Redis::start();
    let stream = Stream::new(&primary, 1, 100);
    let places = stream.append_many(30).await;
    follow(&other, &primary);
    eventually("the replica has them", PATIENCE, async || {
        (other.cli(&["DBSIZE"]) == "2\n").then_some(())
    })
    .await;
    assert_eq!(other.cli(&["REPLICAOF", "NO", "ONE"]), "OK\n");
    let lost = stream.append_many(50).await;
    // It gets the other's data, which end with the thirtieth entry.
    follow(&primary, &other);
    assert_eq!(primary.cli(&["REPLICAOF", "NO", "ONE"]), "OK\n");
    // The connection is the same all the while.
    let page = eventually("it answers", PATIENCE, async || {
        stream.try_read(Some(place(&places[10]))).await.ok()
    })
    .await;
    assert!(!page.is_complete);
    assert_ne!(page.epoch, places[0].epoch);
    assert_eq!(page.top, 30);
    let new = append_again(&stream, "new").await;
    assert_eq!(place(&new), (page.epoch, 31));
    assert!(!stream.behind(place(&lost[0])).await.is_complete);
}

/// Makes a server the replica of another, and waits until it has its data.
fn follow(replica: &Redis, primary: &Redis) {
    let port = primary.address().port().to_string();
    assert_eq!(replica.cli(&["REPLICAOF", "127.0.0.1", &port]), "OK\n");
    let deadline = Instant::now() + Duration::from_secs(30);
    while !replica
        .cli(&["INFO", "replication"])
        .contains("master_link_status:up")
    {
        assert!(Instant::now() < deadline, "it does not follow");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_server_without_memory_refuses_entries_or_says_what_it_threw_away() {
    let text = "x".repeat(2_000);
    let refusing = Redis::with(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let stream = Stream::new(&refusing, 1, 100_000);
    let first = stream.append("first").await;
    let mut stored = 0;
    let error = loop {
        match within(stream.send(text.clone())).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 10_000, "the memory has no end");
    };
    assert_eq!(error.kind(), HistoryErrorKind::Refused);
    assert!(error.to_string().contains("OOM"), "{error}");
    // Also when it is time to write down that it is in use.
    let keys = refusing.cli(&["--scan"]);
    let meta = keys.lines().find(|key| key.ends_with("/meta"));
    let set = |limit| refusing.cli(&["CONFIG", "SET", "maxmemory", limit]);
    assert_eq!(set("0"), "OK\n");
    assert_eq!(
        refusing.cli(&["HSET", meta.expect("a key"), "r", "0"]),
        "0\n"
    );
    assert_eq!(set("1mb"), "OK\n");
    let page = stream.behind(place(&first)).await;
    assert!(page.is_complete && page.top == stored + 1, "{}", page.top);

    let evicting = Redis::with(&["--maxmemory", "3mb", "--maxmemory-policy", "allkeys-random"]);
    let node = Arc::new(history(&evicting));
    let streams: Vec<_> = (1..=40)
        .map(|number| Stream::on(node.clone(), number, 1_000))
        .collect();
    let mut places = Vec::new();
    for stream in &streams {
        places.push(stream.append("first").await);
    }
    let (mut whole, mut told) = (0, 0);
    for round in 0..200 {
        for (stream, last) in streams.iter().zip(&mut places) {
            let appended = stream.append(format!("{round}/{text}")).await;
            if round % 10 == 9 {
                let page = stream.behind(place(last)).await;
                if page.is_complete {
                    assert_eq!(page.entries.len(), 10, "a silent hole");
                    whole += 1;
                } else {
                    told += 1;
                }
                *last = appended;
            }
        }
    }
    let evicted = evicting.cli(&["INFO", "stats"]);
    assert!(!evicted.contains("evicted_keys:0\r"), "{evicted}");
    assert!(whole > 0 && told > 0, "{whole} {told}");
}

#[tokio::test]
async fn a_server_that_is_stopped_fails_calls_in_time_and_serves_them_again() {
    let redis = Redis::start();
    let stream = Stream::new(&redis, 1, 100);
    stream.append("first").await;
    redis.freeze();
    let begin = Instant::now();
    let error = within(stream.send("late")).await.expect_err("no answer");
    assert_eq!(error.kind(), HistoryErrorKind::Unanswered);
    assert!(begin.elapsed() < Duration::from_secs(10));
    redis.thaw();
    append_again(&stream, "again").await;
    let texts = texts(&stream.newest().await);
    let late = texts.iter().filter(|text| *text == "late").count();
    assert!(late <= 1, "{texts:?}");
}
