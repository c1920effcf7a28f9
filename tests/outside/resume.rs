//! Pages that lose their connection, are reloaded or meet another server: what they show is whole, once, or they say so.

use std::{
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use serde_json::{Value, json};
use web_connection_socket::{
    CloseReason, Config, Socket, SocketMessage, WebConnectionSocketLayer, config::HistoryRule,
};

use crate::support::{
    axe,
    browser::{Browser, Engine, Viewport, in_each_browser},
    chat::Chat,
    example, outside_dir,
    page::Page,
    process::Process,
    silent_proxy::SilentProxy,
    site::{self, Site},
};

in_each_browser! {
    what_is_said_while_a_page_is_away_appears_once,
    a_reload_shows_what_was_said_last,
    a_page_is_told_that_a_server_was_restarted,
    an_answer_is_whole_after_reloads_in_its_middle,
    an_answer_is_whole_after_a_lost_network,
    a_page_that_a_handler_adds_to_a_room_has_a_place_there_before_the_first_message,
}

async fn what_is_said_while_a_page_is_away_appears_once(engine: Engine) {
    let chat = Chat::start().await;
    let proxy = SilentProxy::start(chat.address()).await;
    let ann = Page::join_with(engine, proxy.url("").as_str(), "ann", "red").await;
    let bob = Page::join(&chat.url(""), "bob", "red").await;
    let mut said = Vec::new();
    for round in 0..3 {
        say(&bob, "all", &format!("before {round}"), &mut said).await;
        ann.message(&format!("before {round}")).await;

        // What the server writes now is lost, and it does not know.
        proxy.fall_silent();
        for (audience, text) in [
            ("group", "to red"),
            ("all", "to all"),
            ("allButUser", "but me"),
        ] {
            say(&bob, audience, &format!("{text} {round}"), &mut said).await;
        }
        lose_network(ann.browser()).await;
        ann.offline().await;
        say(&bob, "all", &format!("still away {round}"), &mut said).await;
        proxy.recover();
        ann.online().await;
        ann.message(&format!("still away {round}")).await;
    }
    say(&bob, "all", "the end", &mut said).await;
    ann.message("the end").await;
    // Messages to the group and those to all are streams of their own, each in its order.
    let shown = texts(&ann).await;
    for is_of_group in [true, false] {
        let stream = |texts: &[String]| -> Vec<String> {
            let of_stream = |text: &&String| text.starts_with("to red") == is_of_group;
            texts.iter().filter(of_stream).cloned().collect()
        };
        assert_eq!(stream(&shown), stream(&said));
    }
    let told = notices(&ann).await;
    assert_eq!(told, [""; 0]);
}

/// Tells a page that its network has changed, so that it asks at once whether the server is there.
async fn lose_network(browser: &Browser) {
    browser
        .evaluate::<()>("dispatchEvent(new Event('online'))")
        .await;
}

async fn say(page: &Page, audience: &str, text: &str, said: &mut Vec<String>) {
    page.send_to(audience, text).await;
    page.browser()
        .until("!document.querySelector('.outgoing')")
        .await;
    said.push(text.to_owned());
}

async fn a_reload_shows_what_was_said_last(engine: Engine) {
    let chat = Chat::start().await;
    let ann = Page::join_with(engine, &chat.url(""), "ann", "red").await;
    let bob = Page::join(&chat.url(""), "bob", "red").await;
    let mut said = Vec::new();
    for (page, audience, text) in [
        (&bob, "all", "one **strong** word"),
        (&ann, "all", "two"),
        (&bob, "group", "three, for red"),
    ] {
        // Only Chromium, in which Bob is, is driven so far that it selects.
        match audience {
            "all" => page.send(text).await,
            _ => page.send_to(audience, text).await,
        }
        ann.message(&text.replace("**", "")).await;
        said.push(text.replace("**", ""));
    }
    // Not for its author, after a reload either.
    bob.send_to("allButUser", "four, but not for bob").await;
    ann.message("four").await;
    for _ in 0..2 {
        for (page, more) in [(&ann, Some("four, but not for bob")), (&bob, None)] {
            reload(page.browser()).await;
            page.online().await;
            page.message("three").await;
            let expected = said.iter().map(String::as_str).chain(more);
            let shown = page.messages().await;
            assert!(
                shown.iter().map(|shown| &*shown.text).eq(expected),
                "{shown:?}"
            );
            assert!(shown[0].html.contains("<strong>"), "{shown:?}");
            assert_eq!(shown[1].own, shown[1].user == user_of(page).await);
        }
    }
    bob.send_to("all", "five").await;
    ann.message("five").await;
    assert_eq!(ann.messages().await.len(), 5);
    let cat = Page::join(&chat.url(""), "cat", "").await;
    cat.message("five").await;
    // Without the group's.
    assert_eq!(texts(&cat).await.len(), 4);
}

async fn user_of(page: &Page) -> String {
    let name = "return document.querySelector('#my-name').textContent";
    page.browser().evaluate(name).await
}

async fn a_page_is_told_that_a_server_was_restarted(engine: Engine) {
    let mut chat = Chat::start().await;
    let ann = Page::join_with(engine, &chat.url(""), "ann", "").await;
    ann.send("before").await;
    ann.message("before").await;
    chat.kill();
    ann.offline().await;
    chat.start_again().await;
    ann.online().await;
    ann.browser()
        .until("document.querySelector('.notice')?.textContent.includes('may be missing')")
        .await;
    ann.send("after").await;
    ann.message("after").await;
    assert_eq!(texts(&ann).await, ["before", "after"]);
    assert_eq!(notices(&ann).await.len(), 1);
}

async fn an_answer_is_whole_after_reloads_in_its_middle(engine: Engine) {
    let site = Streaming::start(20).await;
    let browser = Browser::open(engine, &site.url).await;
    ask(&browser).await;
    for length in [50, 200, 350] {
        browser.until(&is_longer_than(length)).await;
        reload(&browser).await;
    }
    assert_whole(&browser).await;
    // The text stays with the tab.
    reload(&browser).await;
    assert_whole(&browser).await;
}

async fn an_answer_is_whole_after_a_lost_network(engine: Engine) {
    let site = Streaming::start(40).await;
    let proxy = SilentProxy::start(site.address()).await;
    let browser = Browser::open(engine, &proxy.url("/")).await;
    ask(&browser).await;
    browser.until(&is_longer_than(100)).await;
    proxy.fall_silent();
    lose_network(&browser).await;
    browser
        .until("document.querySelector('#state').dataset.state !== 'online'")
        .await;
    proxy.recover();
    assert_whole(&browser).await;
    let note = "document.querySelector('#note').textContent.startsWith('The page came back')";
    browser.until(note).await;
}

async fn a_page_that_a_handler_adds_to_a_room_has_a_place_there_before_the_first_message(
    engine: Engine,
) {
    let is_remembered = Arc::new(AtomicBool::new(false));
    let remembered = is_remembered.clone();
    let config = Config::new().history(HistoryRule::group("room"));
    let layer = WebConnectionSocketLayer::new(config)
        .on_action("enter", async |socket: Socket| socket.join(socket.text()))
        .on_connect(move |socket: Socket| {
            let joins = remembered.load(Relaxed);
            async move {
                if joins {
                    socket.join("room")?;
                }
                Ok(())
            }
        });
    let hub = layer.hub();
    let app = site::page("/", "<script type=module src=page.js></script>", ROOM);
    let site = Site::start(layer, app).await;
    let browser = Browser::open(engine, &site.url("/")).await;
    let publish =
        |text: &str| hub.broadcast(&SocketMessage::new("said").text(text).to_group("room"));
    let told = async |count: usize| -> Value {
        browser
            .until(&format!("seen.told.length === {count}"))
            .await;
        browser.evaluate("return seen.told.splice(0)").await
    };
    assert_eq!(
        told(2).await,
        json!([[true, 0, null, null], [true, 0, 0, null]])
    );

    // The server does not know the page's rooms when it comes again.
    hub.close_all(&CloseReason::new(4500, "come again"));
    publish("away");
    assert_eq!(
        told(2).await,
        json!([[false, 1, null, null], [false, 0, 0, "refused"]])
    );
    is_remembered.store(true, Relaxed);
    hub.close_all(&CloseReason::new(4500, "come again"));
    publish("away again");
    assert_eq!(told(1).await, json!([[true, 0, 1, null]]));
    publish("there");
    browser.until("seen.said.at(-1) === 'there'").await;
    let said: Value = browser.evaluate("return seen.said").await;
    assert_eq!(said, json!(["away again", "there"]));
}

const ROOM: &str = "
    import { WebConnectionWebSocket } from './scripts/webconnection-websocket.js';

    const seen = globalThis.seen = { said: [], told: [] };
    const socket = new WebConnectionWebSocket();
    socket.onOpenHandler = () => socket.send(socket.createBroadcastMessage('enter', 'room'));
    socket.onResumeHandler = ({ recovered, refused, streams: { room } }) => {
        seen.told.push([recovered, refused, room?.missed ?? null, room?.reason ?? null]);
    };
    socket.on('said', ({ message }) => seen.said.push(message));
    socket.tryConnect(true);";

/// The example as a program of its own.
#[derive(Debug)]
struct Streaming {
    url: String,
    _process: Process,
}

impl Streaming {
    async fn start(pause: u64) -> Self {
        let mut command = Command::new(example::build("streaming"));
        command.args(["--port", "0", "--pause", &pause.to_string()]);
        let mut process = Process::start("streaming", command);
        let line = process.line_with("http://").await;
        let (_, url) = line.split_once("Open ").expect("a URL");
        let (url, _) = url.split_once(';').expect("the end of the URL");
        Self {
            url: url.to_owned(),
            _process: process,
        }
    }

    fn address(&self) -> SocketAddr {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        address.parse().expect("an address with a port")
    }
}

async fn ask(browser: &Browser) {
    browser
        .until("!document.querySelector('#send').disabled")
        .await;
    browser.click("#send").await;
}

fn is_longer_than(length: usize) -> String {
    format!("document.querySelector('#text')?.textContent.length > {length}")
}

async fn assert_whole(browser: &Browser) {
    browser
        .until("document.querySelector('#answer')?.dataset.state === 'whole'")
        .await;
    let text: String = browser
        .evaluate("return document.querySelector('#text').textContent")
        .await;
    assert_eq!(text, include_str!("../../examples/streaming/answer.txt"));
}

#[tokio::test]
async fn the_page_of_a_streamed_answer_fits_a_phone_and_a_desk() {
    let site = Streaming::start(20).await;
    for (name, width, height, is_phone, is_dark) in [
        ("desk", 1280, 800, false, false),
        ("phone", 390, 844, true, true),
    ] {
        let viewport = Viewport {
            width,
            height,
            is_phone,
            is_dark,
        };
        let browser = Browser::start(viewport).await;
        browser.go_to(&site.url).await;
        for (scene, length) in [("begin", 0), ("middle", 400)] {
            if length > 0 {
                ask(&browser).await;
                browser.until(&is_longer_than(length)).await;
            }
            let file = outside_dir().join(format!("streaming-{scene}-{name}.png"));
            std::fs::write(file, browser.screenshot().await)
                .expect("a file below the target folder");
            let fits = "const { scrollWidth, clientWidth } = document.documentElement;
                return scrollWidth <= clientWidth";
            assert!(
                browser.evaluate::<bool>(fits).await,
                "{name} scrolls sideways"
            );
            let violations = axe::violations(&browser).await;
            assert!(violations.is_empty(), "{name}: {violations:#?}");
        }
        assert_whole(&browser).await;
    }
}

/// Reloads a page as its visitor does, and waits until the new one is there.
async fn reload(browser: &Browser) {
    browser
        .evaluate::<()>("globalThis.isOld = true; setTimeout(() => location.reload())")
        .await;
    browser
        .until("!globalThis.isOld && document.readyState === 'complete'")
        .await;
}

async fn texts(page: &Page) -> Vec<String> {
    let shown = page.messages().await.into_iter();
    shown.map(|shown| shown.text).collect()
}

async fn notices(page: &Page) -> Vec<String> {
    page.browser()
        .evaluate(
            "return [...document.querySelectorAll('.notice')].map(notice => notice.textContent)",
        )
        .await
}
