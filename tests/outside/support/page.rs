//! The chat's page in a browser.

use serde::Deserialize;

use super::browser::{Browser, Engine, Viewport};
use super::{PATIENCE, eventually};

/// One visitor's page.
#[derive(Debug)]
pub(crate) struct Page {
    browser: Browser,
}

/// A message as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Shown {
    pub(crate) own: bool,
    pub(crate) user: String,
    pub(crate) author: String,
    pub(crate) html: String,
    pub(crate) text: String,
}

impl Page {
    /// Opens the chat and joins it; `origin` has no slash at its end.
    pub(crate) async fn join(origin: &str, name: &str, group: &str) -> Self {
        Self::join_in(Viewport::default(), origin, name, group).await
    }

    /// Opens the chat for Ann and Bob, who are in no group.
    pub(crate) async fn join_two(origin: &str) -> (Self, Self) {
        tokio::join!(Self::join(origin, "ann", ""), Self::join(origin, "bob", ""))
    }

    /// Opens the chat in either browser.
    pub(crate) async fn join_with(engine: Engine, origin: &str, name: &str, group: &str) -> Self {
        let browser = Browser::open(engine, &address(origin, name, group)).await;
        let page = Self { browser };
        page.online().await;
        page
    }

    pub(crate) async fn join_in(viewport: Viewport, origin: &str, name: &str, group: &str) -> Self {
        let browser = Browser::start(viewport).await;
        browser.go_to(&address(origin, name, group)).await;
        let page = Self { browser };
        page.online().await;
        page
    }

    pub(crate) fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Waits until the page says that it is connected.
    pub(crate) async fn online(&self) {
        self.browser
            .until("document.querySelector('#state').dataset.state === 'online'")
            .await;
    }

    /// Waits until the page says that it lost its connection.
    pub(crate) async fn offline(&self) {
        self.browser
            .until("document.querySelector('#state').dataset.state !== 'online'")
            .await;
    }

    /// Types a message and presses the button.
    pub(crate) async fn send(&self, text: &str) {
        self.browser.type_into("#text", text).await;
        self.browser.click("#send").await;
    }

    /// Sends a message to one of the audiences that the page offers: `all`, `group`, `allButUser`.
    pub(crate) async fn send_to(&self, audience: &str, text: &str) {
        self.browser.select("#audience", audience).await;
        self.send(text).await;
    }

    /// Waits for a message that holds `text`.
    pub(crate) async fn message(&self, text: &str) -> Shown {
        let what = format!("a message with {text:?}");
        eventually(&what, PATIENCE, async || {
            self.messages()
                .await
                .into_iter()
                .find(|shown| shown.text.contains(text))
        })
        .await
    }

    /// The messages that are shown now.
    pub(crate) async fn messages(&self) -> Vec<Shown> {
        self.browser
            .evaluate(
                "return [...document.querySelectorAll('#messages article.message')].map(article => ({
                    own: article.classList.contains('own'),
                    user: article.dataset.user,
                    author: article.querySelector('.author').textContent.trim(),
                    html: article.querySelector('.body').innerHTML.trim(),
                    text: article.querySelector('.body').textContent.trim(),
                }))",
            )
            .await
    }
}

fn address(origin: &str, name: &str, group: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("name", name)
        .append_pair("group", group)
        .finish();
    format!("{origin}/?{query}")
}
