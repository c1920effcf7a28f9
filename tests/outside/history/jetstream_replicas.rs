//! JetStream as a store of three servers, of which one may be gone.
//!
//! Servers before 2.10 are refused, and Debian 12 has one. All of these held with nats-server 2.15.1; 2.10.25
//! left reads unanswered while it was busy, and 2.11.11 did not come back when two of three had been killed.
//! With another `nats-server` in the `PATH`:
//! `cargo test --workspace --all-features --test outside -- --include-ignored jetstream_replicas`

use std::{process::Command, sync::Arc};

use brokers::Nats;
use bytes::Bytes;
use serde_json::Value;
use tokio::runtime::Builder;
use web_connection_socket::history::{Appended, History, JetStreamHistory};

use super::contract::{Store, Stream, contract, place, texts, within};
use crate::support::{PATIENCE, eventually, scratch::Scratch};

/// Three servers that keep each entry.
struct Replicated {
    servers: [Nats; 3],
    _folder: Scratch,
}

impl Replicated {
    fn empty() -> Self {
        let folder = Scratch::new("jetstream-of-three");
        Self {
            servers: Nats::jetstream_of_three(folder.path()),
            _folder: folder,
        }
    }

    /// Returns the number of the server that leads the stream, once the others have all that it has.
    async fn leader(&self, asked: usize) -> usize {
        let url = self.servers[asked].url();
        let info = async || {
            let client = async_nats::connect(&url).await.ok()?;
            let subject = "$JS.API.STREAM.INFO.web-connection-socket-history";
            let answer = client.request(subject, Bytes::new()).await.ok()?;
            let answer: Value = serde_json::from_slice(&answer.payload).ok()?;
            let replicas = answer["cluster"]["replicas"].as_array()?;
            let are_current = replicas.iter().all(|replica| replica["current"] == true);
            let leader = answer["cluster"]["leader"].as_str()?;
            let leader = leader.strip_prefix("server-")?.parse().ok()?;
            (replicas.len() == 2 && are_current).then_some(leader)
        };
        eventually("the servers agree", PATIENCE, info).await
    }
}

impl Store for Replicated {
    fn start() -> Self {
        let store = Self::empty();
        // Servers that do not know each other for long take a while to make a stream.
        let node = store.node();
        let waiting = std::thread::spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build();
            let first = async { append_again(&Stream::on(node, 99, 1), "first").await };
            runtime.expect("a runtime").block_on(first)
        });
        waiting.join().expect("the first entry");
        store
    }

    fn node(&self) -> Arc<dyn History> {
        let urls = self.servers.each_ref().map(Nats::url).join(",");
        Arc::new(JetStreamHistory::new(&urls).expect("URLs").replicas(3))
    }
}

/// Adds an entry, once the servers have a leader.
async fn append_again(stream: &Stream, text: &'static str) -> Appended {
    eventually("an entry is stored", PATIENCE, async || {
        within(stream.send(text)).await.ok()
    })
    .await
}

#[tokio::test]
async fn servers_that_lose_entries_of_replicated_streams_are_refused() {
    let version = Command::new("nats-server").arg("--version").output();
    let version = String::from_utf8(version.expect("a nats-server").stdout).expect("text");
    let is_old = ["v1.", "v2.8.", "v2.9."]
        .iter()
        .any(|old| version.contains(old));
    let store = Replicated::empty();
    let stream = Stream::on(store.node(), 1, 10);
    let outcome = async || match within(stream.send("x")).await {
        Ok(_) => Some(false),
        Err(error) => error
            .to_string()
            .contains("use 2.10 or newer, or one replica")
            .then_some(true),
    };
    let is_refused = eventually("it is refused or not", PATIENCE, outcome).await;
    assert_eq!(is_refused, is_old, "{version}");
}

#[tokio::test]
#[ignore = "needs a newer nats-server than Debian has"]
async fn the_death_of_one_server_after_the_other_loses_nothing() {
    let mut store = Replicated::start();
    let [writer, reader] = [store.node(), store.node()].map(|node| Stream::on(node, 1, 200));
    let places = writer.append_many(50).await;
    for (round, text) in ["0", "1", "2"].into_iter().enumerate() {
        let leader = store.leader(round).await;
        store.servers[leader].kill();
        let new = append_again(&writer, text).await;
        assert_eq!(new.epoch, places[0].epoch, "round {round}");
        let page = eventually("it is read elsewhere", PATIENCE, async || {
            let read = reader.try_read(Some(place(&places[47]))).await.ok();
            read.filter(|page| page.is_complete)
        })
        .await;
        let expected = ["48", "49", "0", "1", "2"];
        assert_eq!(texts(&page), expected[..3 + round], "round {round}");
        store.servers[leader].start_again();
    }
}

#[tokio::test]
#[ignore = "needs a newer nats-server than Debian has"]
async fn without_a_majority_nothing_is_said_to_be_stored() {
    let mut store = Replicated::start();
    let stream = Stream::on(store.node(), 1, 200);
    let places = stream.append_many(20).await;
    for server in &mut store.servers[..2] {
        server.kill();
    }
    // The last server may answer what was asked before it knows.
    eventually("entries are refused", PATIENCE, async || {
        within(stream.send("lost")).await.err()
    })
    .await;
    for server in &mut store.servers[..2] {
        server.start_again();
    }
    let new = append_again(&stream, "new").await;
    assert_eq!(new.epoch, places[0].epoch);
    let page = eventually("all is read", PATIENCE, async || {
        let read = stream.try_read(Some(place(&places[17]))).await.ok();
        read.filter(|page| page.is_complete)
    })
    .await;
    let texts = texts(&page);
    assert_eq!(texts[..2], ["18", "19"]);
    assert_eq!(texts.last().map(|text| &**text), Some("new"));
}

contract!(
    #[ignore = "needs a newer nats-server than Debian has"]
    Replicated
);
