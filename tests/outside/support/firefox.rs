//! A real Firefox, driven by its own remote protocol (WebDriver BiDi): Debian packages no other driver.

use std::process::Command;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::PATIENCE;
use super::process::Process;
use super::scratch::Scratch;

/// A browser with one page and a profile of its own.
#[derive(Debug)]
pub(super) struct Firefox {
    /// The page, as the protocol names it.
    context: Value,
    calls: mpsc::Sender<Call>,
    remote: JoinHandle<()>,
    process: Process,
    _profile: Scratch,
}

#[derive(Debug)]
struct Call {
    method: &'static str,
    params: Value,
    answer: oneshot::Sender<Result<Value, String>>,
}

impl Firefox {
    pub(super) async fn start() -> Self {
        let profile = Scratch::new("firefox-profile");
        std::fs::write(profile.path().join("user.js"), PREFERENCES).expect("a file in a folder");
        let mut command = Command::new("firefox-esr");
        command
            .args(["--headless", "--no-remote", "--remote-debugging-port=0"])
            .arg("--profile")
            .arg(profile.path())
            .env("HOME", profile.path());
        let mut process = Process::start("firefox-esr", command);
        let line = process.line_with("WebDriver BiDi listening on ").await;
        let url = line
            .trim_end()
            .rsplit(' ')
            .next()
            .expect("a URL at the end of the line");
        let address = url.trim_start_matches("ws://");
        let tcp = TcpStream::connect(address)
            .await
            .expect("a listening firefox");
        let (socket, _) = client_async(format!("{url}/session"), tcp)
            .await
            .unwrap_or_else(|error| panic!("firefox takes no socket ({error}): {}", process.log()));
        let (calls, called) = mpsc::channel(1);
        let mut firefox = Self {
            context: Value::Null,
            calls,
            remote: tokio::spawn(remote(socket, called)),
            process,
            _profile: profile,
        };
        firefox
            .call("session.new", json!({ "capabilities": {} }))
            .await;
        let tree = firefox.call("browsingContext.getTree", json!({})).await;
        firefox.context = tree["contexts"][0]["context"].clone();
        firefox
    }

    pub(super) async fn go_to(&self, url: &str) {
        let params = json!({ "context": self.context, "url": url, "wait": "complete" });
        self.call("browsingContext.navigate", params).await;
    }

    /// Calls a function, given as source, with one argument, and waits for what its promise brings.
    pub(super) async fn call_function(&self, function: &str, argument: &Value) -> Value {
        // The protocol has a notation of its own for values; JSON in a string needs none of it.
        let function = format!(
            "async (argument) => JSON.stringify(await ({function})(JSON.parse(argument)) ?? null)"
        );
        let params = json!({
            "functionDeclaration": function,
            "arguments": [{ "type": "string", "value": argument.to_string() }],
            "awaitPromise": true,
            "target": { "context": self.context },
        });
        let outcome = self.call("script.callFunction", params).await;
        let json = outcome["result"]["value"].as_str();
        let json = json.unwrap_or_else(|| panic!("a script failed: {outcome}"));
        serde_json::from_str(json).expect("JSON")
    }

    async fn call(&self, method: &'static str, params: Value) -> Value {
        let (answer, answered) = oneshot::channel();
        let call = Call {
            method,
            params,
            answer,
        };
        self.calls
            .send(call)
            .await
            .expect("a connection to firefox");
        let outcome = timeout(PATIENCE, answered).await;
        let outcome =
            outcome.unwrap_or_else(|_| panic!("{method} takes too long: {}", self.process.log()));
        match outcome.expect("a connection to firefox") {
            Ok(result) => result,
            Err(error) => panic!("{method} failed: {error}"),
        }
    }
}

impl Drop for Firefox {
    fn drop(&mut self) {
        self.remote.abort();
    }
}

/// Makes the calls one after the other.
async fn remote(mut socket: WebSocketStream<TcpStream>, mut calls: mpsc::Receiver<Call>) {
    let mut id = 0;
    while let Some(Call {
        method,
        params,
        answer,
    }) = calls.recv().await
    {
        id += 1;
        let command = json!({ "id": id, "method": method, "params": params });
        if socket
            .send(Message::text(command.to_string()))
            .await
            .is_err()
        {
            return;
        }
        let outcome = loop {
            // Events have no id; none was subscribed to.
            match socket.next().await {
                Some(Ok(Message::Text(text))) => match serde_json::from_str::<Value>(&text) {
                    Ok(mut message) if message["id"] == id => {
                        break match message["type"].as_str() {
                            Some("success") => Ok(message["result"].take()),
                            _ => Err(message.to_string()),
                        };
                    }
                    _ => {}
                },
                Some(Ok(_)) => {}
                None | Some(Err(_)) => return,
            }
        };
        // A test that gave up waiting has said so.
        let _unheard = answer.send(outcome);
    }
}

/// No network of its own: neither updates nor telemetry, and no proxy of the machine's.
const PREFERENCES: &str = r#"
user_pref("app.normandy.enabled", false);
user_pref("app.update.disabledForTesting", true);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.proxy.type", 0);
user_pref("services.settings.server", "data:,");
"#;
