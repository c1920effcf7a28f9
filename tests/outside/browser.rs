//! The chat in real browsers.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::PATIENCE;
use crate::support::chat::Chat;
use crate::support::page::Page;
use crate::support::tcp_proxy::QuietCuttingProxy;

#[tokio::test]
async fn two_pages_chat_with_one_another() {
    let chat = Chat::start().await;
    let (ann, bob) = Page::join_two(&chat.url("")).await;

    ann.send("hello from Ann").await;
    let (own, other) = (
        ann.message("hello from Ann").await,
        bob.message("hello from Ann").await,
    );
    assert!(own.own && !other.own, "{own:?} {other:?}");
    assert_eq!(
        (other.user.as_str(), other.author.contains("ann")),
        ("ann", true)
    );

    bob.send("hello from Bob").await;
    assert!(bob.message("hello from Bob").await.own);
    assert_eq!(ann.message("hello from Bob").await.user, "bob");
}

#[tokio::test]
async fn a_message_to_a_group_stays_in_the_group() {
    let chat = Chat::start().await;
    let origin = chat.url("");
    let (ann, bob, cat) = tokio::join!(
        Page::join(&origin, "ann", "red"),
        Page::join(&origin, "bob", "red"),
        Page::join(&origin, "cat", "blue")
    );

    ann.send_to("group", "only for red").await;
    bob.message("only for red").await;
    ann.send_to("all", "for all").await;

    // One sender's messages arrive in order: what was not there before the second never comes.
    cat.message("for all").await;
    assert_eq!(texts(&cat).await, ["for all"]);
    assert_eq!(texts(&ann).await, ["only for red", "for all"]);
}

#[tokio::test]
async fn all_but_me_reaches_everybody_but_the_sender() {
    let chat = Chat::start().await;
    let (ann, bob) = Page::join_two(&chat.url("")).await;

    ann.send_to("allButUser", "for the others").await;
    ann.send_to("all", "for all").await;

    ann.message("for all").await;
    bob.message("for all").await;
    assert_eq!(texts(&ann).await, ["for all"]);
    assert_eq!(texts(&bob).await, ["for the others", "for all"]);
}

#[tokio::test]
async fn pages_come_back_after_the_server_was_killed() {
    let mut chat = Chat::start().await;
    let (ann, bob) = Page::join_two(&chat.url("")).await;

    chat.kill();
    for page in [&ann, &bob] {
        page.offline().await;
    }
    ann.browser().until(COUNTS_DOWN).await;
    chat.start_again().await;
    for page in [&ann, &bob] {
        page.online().await;
    }

    ann.send("back again").await;
    bob.message("back again").await;
    bob.send("so am I").await;
    ann.message("so am I").await;
}

const COUNTS_DOWN: &str =
    "/^Reconnecting in \\d+ s$/.test(document.querySelector('#state').textContent)";

#[tokio::test]
async fn an_idle_chat_outlives_a_proxy_that_cuts_quiet_connections() {
    let patience = Duration::from_secs(40);
    let chat = Chat::start().await;
    let proxy = QuietCuttingProxy::start(chat.address(), patience).await;
    let ann = Page::join(&format!("http://{}", proxy.address()), "ann", "").await;

    let mut silent = TcpStream::connect(proxy.address()).await.unwrap();
    let end = timeout(patience + PATIENCE, silent.read(&mut [0; 1])).await;
    assert!(
        matches!(end, Ok(Ok(0))),
        "the proxy cuts a connection without traffic: {end:?}"
    );
    // The page's own connection was opened earlier and has been idle for longer.
    assert_eq!((proxy.sockets_opened(), proxy.sockets_cut()), (1, 0));
    ann.send("still here").await;
    ann.message("still here").await;
    assert_eq!(proxy.sockets_opened(), 1);
}

async fn texts(page: &Page) -> Vec<String> {
    page.messages()
        .await
        .into_iter()
        .map(|shown| shown.text)
        .collect()
}
