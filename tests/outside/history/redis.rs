//! Redis as a store, while all is well.

use std::sync::Arc;

use brokers::Redis;
use web_connection_socket::history::{History, RedisHistory};

use super::contract::{Store, Stream, contract, place, texts};
use crate::support::{PATIENCE, eventually};

impl Store for Redis {
    fn start() -> Self {
        Self::start()
    }

    fn node(&self) -> Arc<dyn History> {
        Arc::new(history(self))
    }
}

pub(super) fn history(redis: &Redis) -> RedisHistory {
    RedisHistory::new(&redis.url()).expect("a URL")
}

contract!(Redis);

#[tokio::test]
async fn an_entry_costs_five_commands_of_the_server() {
    const ENTRIES: usize = 2_000;
    let redis = Redis::start();
    let stream = Stream::new(&redis, 1, 100);
    stream.append("the first brings the script").await;
    assert_eq!(redis.cli(&["CONFIG", "RESETSTAT"]), "OK\n");
    for _ in 0..ENTRIES / 200 {
        stream.append_many(200).await;
    }
    let stats = redis.cli(&["INFO", "commandstats"]);
    let calls = |line: &str| {
        let (name, calls) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let is_of_test = name.starts_with("config") || name == "info";
        let calls: usize = calls.split(',').next()?.parse().ok()?;
        (!is_of_test).then_some(calls)
    };
    let calls: usize = stats.lines().filter_map(calls).sum();
    assert!(calls >= 5 * ENTRIES, "{stats}");
    assert!(calls <= 5 * ENTRIES + ENTRIES / 10, "{stats}");
    // The time per entry, for readers: it depends on the machine.
    let time = stats
        .lines()
        .find(|line| line.starts_with("cmdstat_evalsha"));
    println!("{}", time.unwrap_or_default());
}

#[tokio::test]
async fn what_is_not_asked_for_any_more_leaves_the_server() {
    let redis = Redis::start();
    let age = std::time::Duration::from_millis(300);
    let stream = Stream::new(&redis, 1, 100).with_age(age);
    stream.append_many(10).await;
    assert_eq!(redis.cli(&["DBSIZE"]), "2\n");
    eventually("nothing is left", PATIENCE, async || {
        (redis.cli(&["DBSIZE"]) == "0\n").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_lost_the_scripts_gets_them_again() {
    let redis = Redis::start();
    let stream = Stream::new(&redis, 1, 100);
    let first = stream.append("first").await;
    for _ in 0..3 {
        assert_eq!(redis.cli(&["SCRIPT", "FLUSH"]), "OK\n");
        stream.append_many(10).await;
        assert_eq!(redis.cli(&["SCRIPT", "FLUSH"]), "OK\n");
        assert!(stream.behind(place(&first)).await.is_complete);
    }
    assert_eq!(stream.behind(place(&first)).await.entries.len(), 30);
}

#[tokio::test]
async fn prefixes_and_databases_keep_applications_apart() {
    let redis = Redis::start();
    let url = |database: u8| format!("{}{database}", redis.url());
    let on = |history: RedisHistory| Stream::on(Arc::new(history), 1, 10);
    let [shop, bank] = ["shop", "bank"].map(|prefix| on(history(&redis).prefix(prefix)));
    let other = on(RedisHistory::new(&url(3)).expect("a URL").prefix("shop"));
    shop.append("of the shop").await;
    bank.append("of the bank").await;
    other.append("of the other").await;
    assert_eq!(texts(&shop.newest().await), ["of the shop"]);
    assert_eq!(texts(&bank.newest().await), ["of the bank"]);
    assert_eq!(texts(&other.newest().await), ["of the other"]);
    let keys = redis.cli(&["--scan"]);
    let prefixes = ["{shop}/history/", "{bank}/history/"];
    let is_of_one = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
    assert!(keys.lines().all(is_of_one), "{keys}");
    assert_eq!(keys.lines().count(), 4, "{keys}");
}
