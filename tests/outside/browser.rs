//! The chat in real browsers.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::PATIENCE;
use crate::support::browser::{Engine, in_each_browser};
use crate::support::chat::Chat;
use crate::support::page::Page;
use crate::support::tcp_proxy::QuietCuttingProxy;

in_each_browser! {
    a_page_shows_who_is_here_and_tells_of_comings_and_goings_quietly,
    a_visitor_who_leaves_the_page_has_left_and_comes_back_to_it,
    a_message_is_marked_as_sending_until_it_was_sent,
}

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
async fn all_but_me_reaches_all_but_the_sender() {
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

async fn a_page_shows_who_is_here_and_tells_of_comings_and_goings_quietly(engine: Engine) {
    let chat = Chat::start().await;
    let origin = chat.url("");
    let ann = Page::join_with(engine, &origin, "ann", "red").await;
    ann.browser().until(&shows_people("ann")).await;

    let bob = Page::join_with(engine, &origin, "bob", "").await;
    let second_tab = Page::join_with(engine, &origin, "bob", "").await;
    ann.browser().until(&shows_people("ann,bob")).await;
    bob.browser().until(&shows_people("ann,bob")).await;
    ann.browser().until(&tells("bob joined")).await;

    drop(second_tab);
    bob.browser().click("#leave").await;
    ann.browser().until(&shows_people("ann")).await;
    ann.browser().until(&tells("bob joined,bob left")).await;
    assert_eq!(texts(&ann).await, [""; 0]);
}

/// Browsers keep the page for the case that its visitor comes back, and Chromium its socket as well.
async fn a_visitor_who_leaves_the_page_has_left_and_comes_back_to_it(engine: Engine) {
    let chat = Chat::start().await;
    let origin = chat.url("");
    let ann = Page::join_with(engine, &origin, "ann", "").await;
    let bob = Page::join_with(engine, &origin, "bob", "").await;
    ann.browser().until(&shows_people("ann,bob")).await;
    let elsewhere = chat.url("/chat.css");
    let go = format!("location.href = '{elsewhere}'");
    bob.browser().evaluate::<Value>(&go).await;
    bob.browser()
        .until("location.pathname === '/chat.css'")
        .await;
    ann.browser().until(&shows_people("ann")).await;
    ann.send("while bob is away").await;
    ann.message("while bob is away").await;
    bob.browser().evaluate::<Value>("history.back()").await;
    bob.browser().until("location.pathname === '/'").await;
    ann.send("now he is back").await;
    bob.message("now he is back").await;
    bob.message("while bob is away").await;
    ann.browser().until(&shows_people("ann,bob")).await;
}

fn shows_people(names: &str) -> String {
    format!(
        "[...document.querySelectorAll('#names .name')].map(name => name.textContent).join() === '{names}'"
    )
}

fn tells(lines: &str) -> String {
    format!(
        "[...document.querySelectorAll('.quietly')].map(line => line.textContent).join() === '{lines}'"
    )
}

async fn a_message_is_marked_as_sending_until_it_was_sent(engine: Engine) {
    let chat = Chat::start().await;
    let ann = Page::join_with(engine, &chat.url(""), "ann", "").await;
    let browser = ann.browser();
    let is_marked = |place: &str, mark: &str| {
        format!("document.querySelector('{place} .delivery')?.textContent === '{mark}'")
    };

    ann.send("first").await;
    browser.until(&is_marked(".message", "Sent")).await;
    chat.suspend();
    ann.send("second").await;
    browser.until(&is_marked(".outgoing", "Sending")).await;
    assert_eq!(texts(&ann).await, ["first"]);
    chat.resume();
    ann.message("second").await;
    browser
        .until(&is_marked(".message:has(+ .pending)", "Sent"))
        .await;
    let count = "document.querySelectorAll('.delivery').length === 1";
    browser.until(count).await;
}

#[tokio::test]
async fn the_line_for_a_terminal_is_copied_whole() {
    let chat = Chat::start().await;
    let ann = Page::join(&chat.url(""), "ann", "").await;
    let browser = ann.browser();
    browser.click("#copy").await;
    browser
        .until("document.querySelector('#copied').textContent === 'Copied'")
        .await;
    browser.type_into("#text", &format!("{CONTROL}v")).await;
    let pasted: String = browser
        .evaluate("return document.querySelector('#text').value")
        .await;
    let shown: String = browser
        .evaluate("return document.querySelector('#command').textContent")
        .await;
    assert_eq!(pasted, shown);

    let curl = Command::new("sh").args(["-ec", &pasted]).output();
    let curl = curl.expect("a shell");
    let report = String::from_utf8_lossy(&curl.stdout);
    assert!(report.contains("\"matched\":1"), "{curl:?}");
    assert_eq!(ann.message("Hello from a terminal").await.user, "curl");
}

/// The key, as WebDriver spells it.
const CONTROL: char = '\u{E009}';

async fn texts(page: &Page) -> Vec<String> {
    page.messages()
        .await
        .into_iter()
        .map(|shown| shown.text)
        .collect()
}
