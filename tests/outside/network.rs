//! The browser client in real browsers when networks, servers and pages misbehave.

use std::net::Ipv4Addr;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use web_connection_socket::{Config, Handshake, Identity, Rejection, WebConnectionSocketLayer};

use crate::support::browser::{Browser, Engine, in_each_browser};
use crate::support::silent_proxy::SilentProxy;
use crate::support::site::{Site, page};

in_each_browser!(
    a_network_that_is_lost_in_silence_is_noticed_and_left,
    a_page_that_comes_back_asks_at_once,
    a_page_hears_from_a_quiet_server_and_nothing_of_it_reaches_a_handler,
    a_peer_that_never_answers_is_left_in_time,
    what_cannot_close_a_socket_leaves_it_open,
    a_socket_is_looked_for_where_the_pages_base_is,
    subprotocols_that_the_server_does_not_know_are_told_as_that,
    a_page_of_another_origin_reads_why_it_is_refused_with_its_own_cookies,
);

async fn relay() -> Site {
    let layer = WebConnectionSocketLayer::new(Config::new()).relay();
    Site::start(layer, page("/", "", "")).await
}

/// Connects with these options; what comes of it is in `states` and `messages`.
async fn connect(browser: &Browser, options: &str) {
    let script = format!(
        "const [, done] = arguments;
        import('/scripts/webconnection-websocket.js').then(({{ WebConnectionWebSocket }}) => {{
            const socket = new WebConnectionWebSocket(undefined, {options});
            Object.assign(globalThis, {{ socket, states: [], messages: [], closes: [], errors: [] }});
            socket.onStateHandler = ({{ state, error }}) => states.push(error ? `${{state}}: ${{error.code}}` : state);
            socket.onMessageHandler = (message) => messages.push(message.message || message.action);
            socket.onCloseHandler = (event) => closes.push([event instanceof CloseEvent, event.code]);
            socket.onErrorHandler = ({{ code, detail }}) => errors.push([code, detail]);
            socket.tryConnect(true);
            done(null);
        }});"
    );
    browser.evaluate_async(&script, json!(null)).await;
}

async fn say(browser: &Browser, text: &str) {
    let script = format!(
        "socket.send({{ action: 'news', message: {} }})",
        json!(text)
    );
    browser.evaluate::<Value>(&script).await;
    browser
        .until(&format!("messages.at(-1) === {}", json!(text)))
        .await;
}

async fn a_network_that_is_lost_in_silence_is_noticed_and_left(engine: Engine) {
    let site = relay().await;
    let proxy = SilentProxy::start(site.address()).await;
    let browser = Browser::open(engine, &proxy.url("/")).await;
    let times = "{ heartbeat: 1_000, heartbeatTimeout: 500, connectTimeout: 1_000, retryDelay: 100, maxRetryDelay: 200 }";
    connect(&browser, times).await;
    browser.until("socket.connected").await;
    say(&browser, "before").await;

    proxy.fall_silent();
    browser.until("states.at(-1).startsWith('waiting')").await;
    // Where nothing comes back, attempts end by themselves.
    browser
        .until("states.filter((state) => state === 'waiting: timeout').length >= 2")
        .await;
    assert_eq!(
        browser.evaluate::<Value>("return closes[0]").await,
        json!([true, 1006])
    );
    proxy.recover();
    browser.until("socket.connected").await;
    say(&browser, "after").await;
}

async fn a_page_that_comes_back_asks_at_once(engine: Engine) {
    let site = relay().await;
    let proxy = SilentProxy::start(site.address()).await;
    let browser = Browser::open(engine, &proxy.url("/")).await;
    connect(&browser, "{ heartbeatTimeout: 500, connectTimeout: 1_000 }").await;
    browser.until("socket.connected").await;
    // The ping leaves first, so its answer came before this.
    say(&browser, "before").await;
    proxy.fall_silent();
    // The heartbeat alone would ask in 25 s.
    let script = "const at = performance.now(); dispatchEvent(new Event('online')); return at";
    let asked: f64 = browser.evaluate(script).await;
    browser.until("states.at(-1).startsWith('waiting')").await;
    let noticed: f64 = browser.evaluate("return performance.now()").await;
    assert!(noticed - asked < 20_000.0, "{} ms", noticed - asked);
}

async fn a_page_hears_from_a_quiet_server_and_nothing_of_it_reaches_a_handler(engine: Engine) {
    let site = relay().await;
    let browser = Browser::open(engine, &site.url("/")).await;
    // It asks every few milliseconds: were an answer late, it would be gone.
    connect(&browser, "{ heartbeat: 50, heartbeatTimeout: 5_000 }").await;
    browser.until("socket.connected").await;
    let wait = "const [, done] = arguments; setTimeout(done, 2_000)";
    browser.evaluate_async(wait, json!(null)).await;
    say(&browser, "still here").await;
    let seen: Value = browser.evaluate("return [states, messages, errors]").await;
    assert_eq!(seen, json!([["connecting", "online"], ["still here"], []]));
}

async fn a_peer_that_never_answers_is_left_in_time(engine: Engine) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a port of the loopback interface");
    let address = listener.local_addr().expect("a bound port");
    // Without a policy that would forbid the page another server.
    let site = open_site().await;
    let browser = Browser::open(engine, &site.url("/")).await;
    let script = "
        const [url, done] = arguments;
        import('/scripts/webconnection-websocket.js').then(({ WebConnectionWebSocket }) => {
            const socket = new WebConnectionWebSocket(url, { connectTimeout: 500, retryDelay: 0 });
            const states = [];
            socket.onStateHandler = ({ state, error }) => {
                states.push(error ? `${state}: ${error.code}` : state);
                if (states.length === 4) done(states);
            };
            socket.tryConnect(true);
        });";
    let states = browser
        .evaluate_async(script, json!(format!("ws://{address}/")))
        .await;
    assert_eq!(
        states,
        json!([
            "connecting",
            "waiting: timeout",
            "connecting",
            "waiting: timeout"
        ])
    );
}

async fn open_site() -> Site {
    let layer = WebConnectionSocketLayer::new(Config::new()).relay();
    Site::start(layer, Router::new().route("/", get(async || Html("")))).await
}

async fn what_cannot_close_a_socket_leaves_it_open(engine: Engine) {
    let site = relay().await;
    let browser = Browser::open(engine, &site.url("/")).await;
    connect(&browser, "{}").await;
    browser.until("socket.connected").await;
    let script = "return [[1001], [4000, 'é'.repeat(62)]].map((args) => {
        try { socket.close(...args); return 'closed'; } catch (error) { return [error.name, socket.state, socket.connected]; }
    })";
    let tried: Value = browser.evaluate(script).await;
    assert_eq!(
        tried,
        json!([
            ["RangeError", "online", true],
            ["RangeError", "online", true]
        ])
    );
    say(&browser, "still here").await;
    let script = "addEventListener('close-it', (event) => socket.close(event));
        dispatchEvent(new Event('close-it'));
        return [socket.state, socket.connected]";
    let closed: Value = browser.evaluate(script).await;
    assert_eq!(closed, json!(["closed", false]));
    browser.until("closes.length").await;
    let seen: Value = browser.evaluate("return [closes, states, errors]").await;
    assert_eq!(
        seen,
        json!([[[true, 1000]], ["connecting", "online", "closed"], []])
    );
}

async fn a_socket_is_looked_for_where_the_pages_base_is(engine: Engine) {
    let config = Config::new().socket_path("/live/__initializeSocket.wc");
    let layer = WebConnectionSocketLayer::new(config).relay();
    let app = Router::new().route("/orders/5", get(async || Html("<base href='/live/'>")));
    let site = Site::start(layer, app).await;
    let browser = Browser::open(engine, &site.url("/orders/5")).await;
    connect(&browser, "{}").await;
    browser.until("socket.connected").await;
}

async fn a_page_of_another_origin_reads_why_it_is_refused_with_its_own_cookies(engine: Engine) {
    let site = open_site().await;
    let page = Browser::open(engine, &site.url("/")).await;
    // Cookies know no ports, so that it goes to the other server, too.
    page.evaluate::<Value>("document.cookie = 'session=ann1'")
        .await;

    let named = Config::new().origins([site.url("").as_str()]);
    for (config, seen) in [
        (
            named.subprotocols(["v1"]),
            json!(["refused", 403, "identify_refused", "session=ann1"]),
        ),
        // Where every page may open sockets, none reads an answer that was given to its cookies.
        (
            Config::new().any_origin(),
            json!(["waiting", 403, "identify_refused", ""]),
        ),
    ] {
        let layer = WebConnectionSocketLayer::new(config).identify(async |handshake: Handshake| {
            let headers = handshake.headers();
            let cookie = headers.get("cookie").map(HeaderValue::as_bytes);
            let seen = cookie.unwrap_or_default().to_vec();
            let text = HeaderValue::from_static("text/plain");
            Err::<Identity, _>(Rejection::new(StatusCode::FORBIDDEN).body(text, seen))
        });
        let other = Site::start(layer, Router::new()).await;
        let url = other.url("/__initializeSocket.wc");
        assert_eq!(page.evaluate_async(REFUSED, json!(url)).await, seen);
    }
}

const REFUSED: &str = "
    const [url, done] = arguments;
    import('/scripts/webconnection-websocket.js').then(({ WebConnectionWebSocket }) => {
        const socket = new WebConnectionWebSocket(url, { retryDelay: 1e6 });
        socket.onStateHandler = ({ state, error }) => {
            if (state !== 'connecting') done([state, error.status, error.code, error.detail.replace(/^The server.*/, '')]);
        };
        socket.tryConnect(true);
    });";

async fn subprotocols_that_the_server_does_not_know_are_told_as_that(engine: Engine) {
    let layer = WebConnectionSocketLayer::new(Config::new().subprotocols(["v1"])).relay();
    let site = Site::start(layer, page("/", "", "")).await;
    let browser = Browser::open(engine, &site.url("/")).await;
    connect(&browser, "{ protocols: ['v2'] }").await;
    browser.until("errors.length").await;
    let seen: Value = browser.evaluate("return [states, errors[0][0]]").await;
    let refused = "refused: unknown_subprotocol";
    assert_eq!(
        seen,
        json!([["connecting", refused], "unknown_subprotocol"])
    );

    connect(&browser, "{ protocols: ['v2', 'v1'] }").await;
    browser.until("socket.connected").await;
}
