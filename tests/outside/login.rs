//! The example with sessions in real browsers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::browser::{Browser, Viewport};
use crate::support::http::Http;
use crate::support::process::Process;
use crate::support::{example, free_port};

#[tokio::test]
async fn a_private_message_reaches_the_pages_of_its_two_users_alone() {
    let site = Login::start().await;
    let (ann, bob, cat) = tokio::join!(
        site.sign_in("ann", "apple"),
        site.sign_in("bob", "berry"),
        site.sign_in("cat", "cherry")
    );
    send(&ann, "bob", "for bob").await;
    bob.until(&shows("ann: for bob")).await;
    ann.until(&shows("ann: for bob")).await;

    // What was not there before the second message never comes.
    send(&bob, "cat", "for cat").await;
    cat.until(&shows("bob: for cat")).await;
    assert_eq!(messages(&cat).await, ["bob: for cat"]);
    assert_eq!(messages(&ann).await, ["ann: for bob"]);
}

#[tokio::test]
async fn signing_out_closes_the_users_sockets_and_lets_in_no_more() {
    let site = Login::start().await;
    let (ann, bob) = tokio::join!(site.sign_in("ann", "apple"), site.sign_in("bob", "berry"));
    let second = "
        const [url, done] = arguments;
        const socket = new WebSocket(url);
        socket.onopen = () => fetch('/logout', { method: 'POST' });
        socket.onclose = event => done([event.code, event.reason]);";
    let closed = ann.evaluate_async(second, json!(site.socket_url())).await;
    assert_eq!(closed, json!([4001, "signed out"]));
    ann.until(&says("signed out")).await;
    assert_eq!(probe(&ann, SOCKET_PATH).await, 401);

    ann.go_to(&site.url("/")).await;
    ann.until("document.querySelector('#login')").await;
    send(&bob, "bob", "still here").await;
    bob.until(&shows("bob: still here")).await;
}

#[tokio::test]
async fn signing_out_on_one_device_leaves_the_other_signed_in() {
    let site = Login::start().await;
    let (phone, desk) = tokio::join!(site.sign_in("ann", "apple"), site.sign_in("ann", "apple"));
    send(&phone, "ann", "both").await;
    desk.until(&shows("ann: both")).await;
    let out = "fetch('/logout', { method: 'POST' }).then(() => arguments[1]());";
    phone.evaluate_async(out, json!(null)).await;
    phone.until(&says("signed out")).await;
    send(&desk, "ann", "still here").await;
    desk.until(&shows("ann: still here")).await;
}

#[tokio::test]
async fn a_visitor_not_signed_in_opens_no_socket_whatever_name_it_claims() {
    let site = Login::start().await;
    let stranger = Browser::start(Viewport::default()).await;
    stranger.go_to(&site.url("/")).await;
    let claim = format!("{SOCKET_PATH}?userId=ann");
    assert_eq!(probe(&stranger, &claim).await, 401);
    let attempt = "
        const socket = new WebSocket(arguments[0]);
        socket.onclose = event => arguments[1](event.code);";
    let url = format!("{}?userId=ann", site.socket_url());
    assert_eq!(stranger.evaluate_async(attempt, json!(url)).await, 1006);

    stranger.type_into("[name=user]", "ann").await;
    stranger.type_into("[name=password]", "wrong").await;
    stranger.click("#login button").await;
    stranger
        .until("document.body.textContent.includes('no such account')")
        .await;
    assert_eq!(probe(&stranger, SOCKET_PATH).await, 401);
}

#[tokio::test]
async fn a_page_of_another_site_signs_no_user_out() {
    let site = Login::start().await;
    let foreign = [
        ("origin", "https://evil.test"),
        ("sec-fetch-site", "cross-site"),
    ];
    let refused = Http::new().post(&site.url("/logout"), &foreign, "").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

const SOCKET_PATH: &str = "/__initializeSocket.wc";

/// The running example.
struct Login {
    port: u16,
    _process: Process,
}

impl Login {
    async fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(program());
        command.args(["--port", &port.to_string()]);
        let mut process = Process::start("login", command);
        process.line_with("http://").await;
        Self {
            port,
            _process: process,
        }
    }

    /// Signs in with a browser of its own, and waits for its socket.
    async fn sign_in(&self, user: &str, password: &str) -> Browser {
        let page = Browser::start(Viewport::default()).await;
        page.go_to(&self.url("/")).await;
        page.type_into("[name=user]", user).await;
        page.type_into("[name=password]", password).await;
        page.click("#login button").await;
        page.until(&says("Connected")).await;
        let signed_in = "return document.querySelector('#user').textContent";
        assert_eq!(page.evaluate::<String>(signed_in).await, user);
        page
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn socket_url(&self) -> String {
        format!("ws://127.0.0.1:{}{}", self.port, SOCKET_PATH)
    }
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example::build("login"))
}

async fn send(page: &Browser, to: &str, text: &str) {
    page.type_into("[name=to]", to).await;
    page.type_into("[name=text]", text).await;
    page.click("#send button").await;
}

/// Asks what an upgrade would be answered, with the page's cookies.
async fn probe(page: &Browser, path: &str) -> Value {
    let script = "fetch(arguments[0]).then(answer => arguments[1](answer.status));";
    page.evaluate_async(script, json!(path)).await
}

async fn messages(page: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('#messages li')].map(li => li.textContent)";
    page.evaluate(script).await
}

fn shows(message: &str) -> String {
    format!(
        "[...document.querySelectorAll('#messages li')].some(li => li.textContent === '{message}')"
    )
}

fn says(state: &str) -> String {
    format!("document.querySelector('#state')?.textContent === '{state}'")
}
