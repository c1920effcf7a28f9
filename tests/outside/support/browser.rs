//! A real Chromium, driven as a visitor would drive it.

use std::process::Command;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::process::Process;
use super::{PATIENCE, eventually};

/// The part of the screen that shows the page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Viewport {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_phone: bool,
    pub(crate) is_dark: bool,
}

impl Default for Viewport {
    fn default() -> Self {
        Self {
            width: 1280,
            height: 800,
            is_phone: false,
            is_dark: false,
        }
    }
}

/// A browser with one page.
#[derive(Debug)]
pub(crate) struct Browser {
    client: Client,
    _driver: Process,
}

impl Browser {
    pub(crate) async fn start(viewport: Viewport) -> Self {
        Self::start_with(viewport, &[]).await
    }

    /// Starts a browser with further arguments of Chromium's.
    pub(crate) async fn start_with(viewport: Viewport, arguments: &[&str]) -> Self {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0");
        let mut driver = Process::start("chromedriver", command);
        let line = driver.line_with("started successfully on port").await;
        let port = line
            .trim_end()
            .trim_end_matches('.')
            .rsplit(' ')
            .next()
            .expect("a port at the end of the line");
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(viewport, arguments))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("chromium does not start ({error}): {}", driver.log()));
        Self {
            client,
            _driver: driver,
        }
    }

    pub(crate) async fn go_to(&self, url: &str) {
        self.client.goto(url).await.expect("a page that loads");
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self
            .client
            .find(Locator::Css(selector))
            .await
            .expect(selector);
        element
            .click()
            .await
            .expect("an element that can be clicked");
    }

    /// Replaces what stands in an input by `text`, key by key.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let element = self
            .client
            .find(Locator::Css(selector))
            .await
            .expect(selector);
        element.clear().await.expect("an input that can be cleared");
        element
            .send_keys(text)
            .await
            .expect("an input that takes keys");
    }

    pub(crate) async fn select(&self, selector: &str, value: &str) {
        let element = self
            .client
            .find(Locator::Css(selector))
            .await
            .expect(selector);
        element.select_by_value(value).await.expect(value);
    }

    /// Runs the body of a function and gives what it returns.
    pub(crate) async fn evaluate<T: DeserializeOwned>(&self, script: &str) -> T {
        let value = self
            .client
            .execute(script, Vec::new())
            .await
            .expect("a script that runs");
        serde_json::from_value(value).expect("a value of the expected type")
    }

    /// Runs the body of a function that calls its last argument with what it found.
    pub(crate) async fn evaluate_async(&self, script: &str, argument: Value) -> Value {
        self.client
            .execute_async(script, vec![argument])
            .await
            .expect("a script that calls back")
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        eventually(expression, PATIENCE, async || {
            self.evaluate::<bool>(&script).await.then_some(())
        })
        .await;
    }

    /// A picture of the viewport, as PNG.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("a picture")
    }
}

fn capabilities(viewport: Viewport, further: &[&str]) -> Capabilities {
    let Viewport {
        width,
        height,
        is_phone,
        is_dark,
    } = viewport;
    // The sandbox refuses root, which is what a container's tests usually run as, and `/dev/shm` is small there.
    let mut arguments = vec![
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
    ];
    arguments.extend(further);
    if is_dark {
        arguments.push("--blink-settings=preferredColorScheme=0");
    }
    let capabilities = json!({
        "timeouts": { "script": PATIENCE.as_millis() },
        "goog:chromeOptions": {
            "args": arguments,
            "mobileEmulation": {
                "deviceMetrics": { "width": width, "height": height, "pixelRatio": 1, "mobile": is_phone, "touch": is_phone },
            },
        },
    });
    serde_json::from_value(capabilities).expect("an object")
}
