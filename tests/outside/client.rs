//! The browser client in real browsers.

use std::sync::Arc;
use std::time::Duration;

use axum::routing::post;
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::json;
use web_connection_socket::{
    CloseReason, Config, Handshake, Identity, Rejection, Socket, SocketMessage,
    WebConnectionSocketLayer, config::HistoryRule,
};

use crate::support::browser::{Browser, Engine, Viewport, in_each_browser};
use crate::support::chat::Chat;
use crate::support::site::{Site, page};
use crate::support::{PATIENCE, eventually};

in_each_browser!(
    s13_the_documented_names_work_in_a_page_of_its_own_files_only,
    s14_a_page_as_west_wind_documents_it_runs_unchanged,
    s14_such_a_page_gets_what_it_missed_of_a_group_that_is_kept,
    a_refusal_is_told_with_its_text_and_not_tried_again,
    a_page_of_a_foreign_origin_is_told_which_setting_lets_it_in,
    a_503_is_not_asked_again_before_its_retry_after,
);

async fn s13_the_documented_names_work_in_a_page_of_its_own_files_only(engine: Engine) {
    let layer = WebConnectionSocketLayer::new(Config::new()).relay();
    let app = page("/", "<script type=module src=page.js></script>", NAMES);
    let site = Site::start(layer, app).await;

    let browser = open(engine, &site, "/").await;

    browser.until("globalThis.seen?.closed").await;
    let seen: serde_json::Value = browser.evaluate("return seen").await;
    let expected = json!({
        "opened": "open",
        "message": {
            "action": "greeting", "message": "Hello", "groupId": "red", "userId": "ann",
            "recipients": [{ "type": "group", "value": "red" }, { "type": "allButUser", "value": "bob" }],
        },
        "closed": 1000,
        "violations": [],
    });
    assert_eq!(seen, expected);
}

const NAMES: &str = "
    import { WebConnectionWebSocket } from './scripts/webconnection-websocket.js';

    const seen = globalThis.seen = { violations: [] };
    addEventListener('securitypolicyviolation', (event) => seen.violations.push(event.violatedDirective));
    const socket = new WebConnectionWebSocket();
    socket.onOpenHandler = (event) => {
        seen.opened = event.type;
        const msg = socket.createBroadcastMessage('greeting', 'Hello');
        msg.userId = 'ann';
        msg.groupId = 'red';
        msg.addRecipient('red', 'group');
        msg.addRecipient('bob', 'allButUser');
        socket.send(msg);
    };
    socket.onMessageHandler = (msg) => {
        seen.message = msg;
        socket.close();
    };
    socket.onCloseHandler = (event) => { seen.closed = event.code; };
    socket.tryConnect(true, 'red', 'ann');";

async fn s14_a_page_as_west_wind_documents_it_runs_unchanged(engine: Engine) {
    let layer = WebConnectionSocketLayer::new(Config::new().script_map("wwd"))
        .on_connect(|socket: Socket| async move { greet(&socket) });
    let app = page(
        "/chat/chat.html",
        include_str!("west_wind/page.html"),
        include_str!("west_wind/page.js"),
    );
    // The page and its socket lie below the root; what it sends is for the one handler.
    let app = app.route("/__WebSocket.wwd", post(shout));
    let site = Site::start(layer, app).await;
    let (ann, bob, cat) = tokio::join!(
        enter(engine, &site, "ann", "red"),
        enter(engine, &site, "bob", "red"),
        enter(engine, &site, "cat", "")
    );

    say(&ann, "for red").await;
    bob.until("document.querySelectorAll('.message').length === 1")
        .await;
    say(&cat, "for all").await;

    let red = json!([
        [false, "ann", "red", "FOR RED"],
        [false, "cat", "", "FOR ALL"]
    ]);
    assert_eq!(shown(&bob, 2).await, red);
    let own = json!([
        [true, "ann", "red", "FOR RED"],
        [false, "cat", "", "FOR ALL"]
    ]);
    assert_eq!(shown(&ann, 2).await, own);
    // What was not there before the second message never comes.
    let all = json!([[true, "cat", "", "FOR ALL"]]);
    assert_eq!(shown(&cat, 1).await, all);
    ann.until("document.querySelectorAll('.earlier').length === 2")
        .await;
}

async fn s14_such_a_page_gets_what_it_missed_of_a_group_that_is_kept(engine: Engine) {
    let queries = Arc::new(Mutex::new(Vec::new()));
    let asked = queries.clone();
    let config = Config::new().history(HistoryRule::group("red"));
    let layer = WebConnectionSocketLayer::new(config).on_open(move |socket: Socket| {
        let uri = socket.handshake().map(Handshake::uri).unwrap_or_default();
        asked
            .lock()
            .push(uri.query().unwrap_or_default().to_owned());
        std::future::ready(())
    });
    let hub = layer.hub();
    let app = page(
        "/chat/chat.html",
        include_str!("west_wind/page.html"),
        include_str!("west_wind/page.js"),
    );
    let site = Site::start(layer, app).await;
    let publish = |text: &str, group: &str| {
        let message = SocketMessage::new("broadcastchatmessage").text(text);
        hub.broadcast(&message.from_user("bob").from_group(group).to_group(group));
    };
    let ann = enter(engine, &site, "ann", "red").await;
    let cat = enter(engine, &site, "cat", "blue").await;
    for (page, user, group) in [(&ann, "ann", "red"), (&cat, "cat", "blue")] {
        publish("there", group);
        shown(page, 1).await;
        hub.close_user(user, &CloseReason::new(4500, "come again"));
        for text in ["away", "still away"] {
            publish(text, group);
        }
        let is_back = || hub.sockets_of(user).len() == 1;
        eventually("it is back", PATIENCE, async || is_back().then_some(())).await;
        publish("back", group);
    }
    let texts = async |page: &Browser, count| -> Vec<String> {
        let shown = shown(page, count).await;
        let shown: Vec<(bool, String, String, String)> =
            serde_json::from_value(shown).expect("messages of four parts");
        shown.into_iter().map(|(_, _, _, text)| text).collect()
    };
    assert_eq!(
        texts(&ann, 4).await,
        ["there", "away", "still away", "back"]
    );
    // Nothing is kept of this group, and its page asks for nothing.
    assert_eq!(texts(&cat, 2).await, ["there", "back"]);
    // The layer takes the positions out of the query.
    let (first, second) = ("groupId=red&userId=ann", "groupId=blue&userId=cat");
    let again = format!("{first}&resume=1");
    assert_eq!(*queries.lock(), [first, second, &again, second]);
}

fn greet(socket: &Socket) -> Result<(), Rejection> {
    let failed = |_| Rejection::new(StatusCode::INTERNAL_SERVER_ERROR);
    let earlier = SocketMessage::new("initialmessages").text(r#"["one","two"]"#);
    socket.reply(&earlier).map_err(failed)
}

/// An application in West Wind's manner: it changes the message and broadcasts it.
async fn shout(socket: Socket) {
    let mut message = socket.message().clone();
    message.message = message.message.to_uppercase();
    socket.broadcast(&message);
}

async fn enter(engine: Engine, site: &Site, user: &str, group: &str) -> Browser {
    let browser = open(engine, site, "/chat/chat.html").await;
    browser.type_into("#user", user).await;
    browser.type_into("#group", group).await;
    browser.click("#connect").await;
    browser
        .until("document.querySelector('#status').textContent === 'connected'")
        .await;
    browser
}

async fn say(browser: &Browser, text: &str) {
    browser.type_into("#message", text).await;
    browser.click("#send").await;
}

/// The messages on the page, once there are `count`: own or not, user, group, text.
async fn shown(browser: &Browser, count: usize) -> serde_json::Value {
    browser
        .until(&format!(
            "document.querySelectorAll('.message').length === {count}"
        ))
        .await;
    browser
        .evaluate(
            "return [...document.querySelectorAll('.message')].map((message) => [
                message.classList.contains('this-user'),
                ...['b', 'i', 'span'].map((part) => message.querySelector(part).textContent),
            ])",
        )
        .await
}

async fn a_refusal_is_told_with_its_text_and_not_tried_again(engine: Engine) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let layer = WebConnectionSocketLayer::new(Config::new()).identify({
        let asked = asked.clone();
        move |handshake: Handshake| {
            let user = handshake.query("userId").unwrap_or_default().into_owned();
            asked.lock().push(user.clone());
            async move {
                match user
                    .parse()
                    .ok()
                    .and_then(|code| StatusCode::from_u16(code).ok())
                {
                    Some(status) => Err(Rejection::new(status).detail("Sign in first.")),
                    None => Ok(Identity::user(user)),
                }
            }
        }
    });
    let site = Site::start(layer, page("/", "", "")).await;
    let browser = open(engine, &site, "/").await;

    for status in [401, 403] {
        asked.lock().clear();
        let seen = browser.evaluate_async(REFUSED, json!(status)).await;
        assert_eq!(
            seen,
            json!([status, "identify_refused", "Sign in first.", "refused"])
        );
        // The attempt, the question why it failed, and the other client's attempt.
        let status = status.to_string();
        assert_eq!(*asked.lock(), [&status, &status, "ann"]);
    }
}

/// Opens another socket before it is done: that takes longer than a further attempt would have.
const REFUSED: &str = "
    const [user, done] = arguments;
    import('/scripts/webconnection-websocket.js').then(({ WebConnectionWebSocket }) => {
        const connect = (user) => {
            const socket = new WebConnectionWebSocket(undefined, { retryDelay: 0 });
            socket.tryConnect(true, '', user);
            return socket;
        };
        const refused = connect(user);
        refused.onErrorHandler = ({ status, code, detail }) => {
            const other = connect('ann');
            other.onOpenHandler = () => done([status, code, detail, refused.state]);
        };
    });";

async fn a_page_of_a_foreign_origin_is_told_which_setting_lets_it_in(engine: Engine) {
    let config = Config::new().public_origin("https://app.example");
    let site = Site::start(WebConnectionSocketLayer::new(config), page("/", "", "")).await;
    let browser = open(engine, &site, "/").await;

    let seen = browser.evaluate_async(FOREIGN, json!(null)).await;

    let detail = seen[2].as_str().unwrap_or_default();
    assert_eq!(
        (&seen[0], &seen[1]),
        (&json!(403), &json!("foreign_origin"))
    );
    assert!(
        detail.contains(&site.url("")) && detail.contains("Config::public_origin"),
        "{detail}"
    );
}

/// The browser takes the question why for one of the page's own site, and sends no `Origin` with it.
const FOREIGN: &str = "
    const [, done] = arguments;
    import('/scripts/webconnection-websocket.js').then(({ WebConnectionWebSocket }) => {
        const socket = new WebConnectionWebSocket();
        socket.onErrorHandler = ({ status, code, detail }) => done([status, code, detail]);
        socket.tryConnect(true);
    });";

async fn a_503_is_not_asked_again_before_its_retry_after(engine: Engine) {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let hub = layer.hub();
    let site = Site::start(layer, page("/", "", "")).await;
    let browser = open(engine, &site, "/").await;

    hub.shutdown(Duration::ZERO).await;
    let seen = browser.evaluate_async(WAITING, json!(null)).await;

    assert_eq!(seen, json!([503, "shutting_down", true]));
}

/// The server says a second at least; the client alone would wait for none.
const WAITING: &str = "
    const [, done] = arguments;
    import('/scripts/webconnection-websocket.js').then(({ WebConnectionWebSocket }) => {
        const socket = new WebConnectionWebSocket(undefined, { retryDelay: 0 });
        socket.onStateHandler = ({ state, retryAt, error }) => {
            if (state === 'waiting') done([error?.status, error?.code, retryAt - Date.now() > 500]);
        };
        socket.tryConnect(true);
    });";

#[tokio::test]
async fn two_hundred_clients_return_after_a_restart_spread_over_time() {
    let mut chat = Chat::start().await;
    let browser = Browser::start(Viewport::default()).await;
    browser.go_to(&chat.url("/")).await;
    browser.evaluate_async(CROWD, json!(CLIENTS)).await;

    chat.kill();
    browser.until(&format!("delays.length === {CLIENTS}")).await;
    chat.start_again().await;
    browser
        .until(&format!("returns.length === {CLIENTS}"))
        .await;

    let delays: Vec<f64> = browser.evaluate("return delays").await;
    let fifths = shares(&delays, 0.0, 1_000.0);
    assert!(
        fifths.iter().all(|share| *share >= CLIENTS / 20),
        "first delays by fifths of the limit: {fifths:?}"
    );
    let returns: Vec<f64> = browser.evaluate("return returns").await;
    let first = returns.iter().copied().fold(f64::INFINITY, f64::min);
    let last = returns.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let fifths = shares(&returns, first, last);
    assert!(
        fifths.iter().all(|share| *share <= CLIENTS * 3 / 5),
        "returns by fifths of {} ms: {fifths:?}",
        last - first
    );
}

const CLIENTS: usize = 200;

/// Connects a crowd, and keeps how long each waits at first when it lost its server, and when it is back.
const CROWD: &str = "
    const [count, done] = arguments;
    Object.assign(globalThis, { delays: [], returns: [] });
    import('/scripts/webconnection-websocket.js').then(({ WebConnectionWebSocket }) => {
        let online = 0;
        for (let number = 0; number < count; number++) {
            let lost = 0;
            const socket = new WebConnectionWebSocket();
            socket.onStateHandler = ({ state, retryAt }) => {
                if (state === 'waiting' && lost++ === 0) delays.push(retryAt - Date.now());
                if (state === 'online' && lost) returns.push(Date.now());
                if (state === 'online' && ++online === count) done(true);
            };
            socket.tryConnect(true);
        }
    });";

/// How many of the moments lie in each fifth of a time.
fn shares(moments: &[f64], from: f64, to: f64) -> [usize; 5] {
    let mut shares = [0; 5];
    for moment in moments {
        let fifth = (1..5).filter(|edge| *moment > from + (to - from) * f64::from(*edge) / 5.0);
        shares[fifth.count()] += 1;
    }
    shares
}

async fn open(engine: Engine, site: &Site, path: &str) -> Browser {
    Browser::open(engine, &site.url(path)).await
}
