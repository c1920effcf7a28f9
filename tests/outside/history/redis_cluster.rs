//! A Redis Cluster as a store.

use std::sync::Arc;

use brokers::Redis;
use web_connection_socket::history::{HistoryErrorKind, RedisHistory};

use super::contract::{Stream, place, texts, within};
use crate::support::{PATIENCE, eventually};

#[tokio::test]
async fn a_cluster_keeps_all_streams_of_a_prefix_on_one_server_that_each_other_names() {
    let mut servers = Redis::cluster_of_three();
    let mut firsts = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        let history = RedisHistory::new(&server.url())
            .expect("a URL")
            .prefix("shop");
        let history = Arc::new(history);
        for key in 1..=5 {
            let stream = Stream::on(history.clone(), key, 100);
            let text = number.to_string();
            firsts.push(stream.append(text).await);
            let all: Vec<_> = (0..=number).map(|number| number.to_string()).collect();
            assert_eq!(texts(&stream.newest().await), all);
        }
    }
    let sizes = servers.each_ref().map(|server| server.cli(&["DBSIZE"]));
    let owner = sizes.iter().position(|size| size == "10\n");
    let owner = owner.expect("one server has all");
    assert_eq!(sizes.iter().filter(|size| *size == "0\n").count(), 2);

    let urls = servers.each_ref().map(Redis::url).join(",");
    let history = Arc::new(RedisHistory::new(&urls).expect("URLs").prefix("shop"));
    let stream = Stream::on(history, 1, 100);
    assert!(stream.behind(place(&firsts[0])).await.is_complete);
    servers[(owner + 1) % 3].kill();
    stream.append("without another").await;
    servers[owner].kill();
    eventually("it is told", PATIENCE, async || {
        within(stream.send("lost")).await.err()
    })
    .await;
    servers[owner].start_again();
}

#[tokio::test]
async fn while_a_slot_moves_what_is_there_yet_is_served() {
    let servers = Redis::cluster_of_three();
    let urls = servers.each_ref().map(Redis::url).join(",");
    let on = |key| {
        let history = RedisHistory::new(&urls).expect("URLs").prefix("shop");
        Stream::on(Arc::new(history), key, 100)
    };
    let before = on(1);
    let first = before.append("first").await;
    let owner = servers
        .iter()
        .position(|server| server.cli(&["DBSIZE"]) == "2\n");
    let owner = owner.expect("one server has it");
    let (owner, other) = (&servers[owner], &servers[(owner + 1) % 3]);
    let slot = owner.cli(&["CLUSTER", "KEYSLOT", "{shop}/history"]);
    let order = |server: &Redis, what: &[&str]| {
        let command = [&["CLUSTER", "SETSLOT", slot.trim()], what].concat();
        assert_eq!(server.cli(&command), "OK\n");
    };
    let id = |server: &Redis| server.cli(&["CLUSTER", "MYID"]).trim().to_owned();
    order(other, &["IMPORTING", &id(owner)]);
    order(owner, &["MIGRATING", &id(other)]);

    let during = on(1);
    assert!(during.behind(place(&first)).await.is_complete);
    during.append("second").await;
    let absent = within(on(2).send("x")).await.expect_err("no place for it");
    assert_eq!(absent.kind(), HistoryErrorKind::Refused);
    before.append("third").await;

    order(owner, &["STABLE"]);
    order(other, &["STABLE"]);
    on(2).append("x").await;
    assert_eq!(
        texts(&before.behind(place(&first)).await),
        ["second", "third"]
    );
}
