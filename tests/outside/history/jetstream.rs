//! JetStream as a store, while all is well.

use std::{sync::Arc, time::Duration};

use brokers::Nats;
use web_connection_socket::history::{History, JetStreamHistory};

use super::contract::{Store, Stream, contract, place, texts};

/// A server with JetStream, whose files go with it.
pub(super) struct JetStream(pub(super) Nats);

impl Store for JetStream {
    fn start() -> Self {
        Self(Nats::with(&["--jetstream", "--store_dir", "jetstream"]))
    }

    fn node(&self) -> Arc<dyn History> {
        Arc::new(history(&self.0))
    }
}

pub(super) fn history(nats: &Nats) -> JetStreamHistory {
    JetStreamHistory::new(&nats.url()).expect("a URL")
}

contract!(JetStream);

#[tokio::test]
async fn each_rule_holds_though_the_stream_keeps_what_the_largest_says() {
    let server = JetStream::start();
    let node = server.node();
    let few = Stream::on(node.clone(), 1, 5);
    let places = few.append_many(10).await;
    let many = Stream::on(server.node(), 2, 50);
    many.append_many(60).await;
    let again = few.append_many(20).await;
    let page = few.newest().await;
    assert!(page.is_complete);
    assert_eq!(texts(&page), ["15", "16", "17", "18", "19"]);
    assert!(few.behind(place(&again[14])).await.is_complete);
    assert!(!few.behind(place(&again[13])).await.is_complete);
    assert!(!few.behind(place(&places[9])).await.is_complete);
    assert_eq!(many.newest().await.entries.len(), 50);
    // A longer age has been asked for meanwhile.
    let brief = Stream::on(node.clone(), 3, 5).with_age(Duration::from_millis(300));
    brief.append("old").await;
    let gone = async || brief.newest().await.entries.is_empty().then_some(());
    crate::support::eventually("it is too old", crate::support::PATIENCE, gone).await;
}

#[tokio::test]
async fn prefixes_keep_applications_apart() {
    let server = JetStream::start();
    let on = |prefix: &str| Stream::on(Arc::new(history(&server.0).prefix(prefix)), 1, 10);
    let [shop, bank] = ["shop", "bank"].map(on);
    shop.append("of the shop").await;
    bank.append("of the bank").await;
    assert_eq!(texts(&shop.newest().await), ["of the shop"]);
    assert_eq!(texts(&bank.newest().await), ["of the bank"]);
}
