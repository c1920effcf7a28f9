//! Real browsers, driven as a visitor would drive them.

use std::process::Command;

use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::firefox::Firefox;
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

/// The maker of the browser.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    Chromium,
    Firefox,
}

/// Makes of each function, which is given an [`Engine`], a test for each engine.
macro_rules! in_each_browser {
    ($($test:ident),* $(,)?) => {
        mod chromium {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::support::browser::Engine::Chromium).await;
                }
            )*
        }

        mod firefox {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::support::browser::Engine::Firefox).await;
                }
            )*
        }
    };
}
pub(crate) use in_each_browser;

/// A browser with one page.
#[derive(Debug)]
pub(crate) struct Browser(Driver);

#[derive(Debug)]
enum Driver {
    Chromium { client: Client, _driver: Process },
    Firefox(Firefox),
}

impl Browser {
    /// Starts a Chromium.
    pub(crate) async fn start(viewport: Viewport) -> Self {
        Self::start_with(viewport, &[]).await
    }

    /// Starts a Chromium with further arguments.
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
        Self(Driver::Chromium {
            client,
            _driver: driver,
        })
    }

    /// Starts either browser at a page.
    pub(crate) async fn open(engine: Engine, url: &str) -> Self {
        let browser = match engine {
            Engine::Chromium => Self::start(Viewport::default()).await,
            Engine::Firefox => Self(Driver::Firefox(Firefox::start().await)),
        };
        browser.go_to(url).await;
        browser
    }

    pub(crate) async fn go_to(&self, url: &str) {
        match &self.0 {
            Driver::Chromium { client, .. } => client.goto(url).await.expect("a page that loads"),
            Driver::Firefox(firefox) => firefox.go_to(url).await,
        }
    }

    pub(crate) async fn click(&self, selector: &str) {
        match &self.0 {
            Driver::Chromium { client, .. } => {
                let element = client.find(Locator::Css(selector)).await.expect(selector);
                let clicked = element.click().await;
                clicked.expect("an element that can be clicked");
            }
            Driver::Firefox(firefox) => {
                let click = "(selector) => document.querySelector(selector).click()";
                firefox.call_function(click, &json!(selector)).await;
            }
        }
    }

    /// Replaces what stands in an input by `text`; in Chromium key by key.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        match &self.0 {
            Driver::Chromium { client, .. } => {
                let element = client.find(Locator::Css(selector)).await.expect(selector);
                element.clear().await.expect("an input that can be cleared");
                let typed = element.send_keys(text).await;
                typed.expect("an input that takes keys");
            }
            Driver::Firefox(firefox) => {
                let fill = "([selector, text]) => {
                    const input = document.querySelector(selector);
                    input.value = text;
                    input.dispatchEvent(new Event('input', { bubbles: true }));
                }";
                firefox.call_function(fill, &json!([selector, text])).await;
            }
        }
    }

    pub(crate) async fn select(&self, selector: &str, value: &str) {
        let element = self.chromium().find(Locator::Css(selector)).await;
        let element = element.expect(selector);
        element.select_by_value(value).await.expect(value);
    }

    /// Runs the body of a function and gives what it returns.
    pub(crate) async fn evaluate<T: DeserializeOwned>(&self, script: &str) -> T {
        let value = match &self.0 {
            Driver::Chromium { client, .. } => {
                let value = client.execute(script, Vec::new()).await;
                value.expect("a script that runs")
            }
            Driver::Firefox(firefox) => {
                let function = format!("function () {{ {script} }}");
                firefox.call_function(&function, &Value::Null).await
            }
        };
        serde_json::from_value(value).expect("a value of the expected type")
    }

    /// Runs the body of a function that calls its last argument with what it found.
    pub(crate) async fn evaluate_async(&self, script: &str, argument: Value) -> Value {
        match &self.0 {
            Driver::Chromium { client, .. } => {
                let value = client.execute_async(script, vec![argument]).await;
                value.expect("a script that calls back")
            }
            Driver::Firefox(firefox) => {
                let function = format!(
                    "(argument) => new Promise((done) => (function () {{ {script} }})(argument, done))"
                );
                firefox.call_function(&function, &argument).await
            }
        }
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
        self.chromium().screenshot().await.expect("a picture")
    }

    fn chromium(&self) -> &Client {
        match &self.0 {
            Driver::Chromium { client, .. } => client,
            Driver::Firefox(_) => panic!("only Chromium is driven that far"),
        }
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
