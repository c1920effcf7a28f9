//! Which sockets of all nodes get a message, in which order, and what the publisher is told.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use web_connection_socket::{Forwarded, NotForwarded, Recipient, SocketMessage};

use super::{Node, end, eventually, nodes, texts};
use crate::support::{news, news_to};

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
