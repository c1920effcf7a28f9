//! The reason why a link is over.

use std::sync::Arc;

use tokio::sync::watch;

/// Says once that a link is over.
#[derive(Debug, Default)]
pub(crate) struct End(watch::Sender<Option<Arc<str>>>);

impl End {
    /// Ends the link, unless it has ended before.
    pub(crate) fn end(&self, why: &str) {
        self.0.send_if_modified(|over| {
            let is_first = over.is_none();
            over.get_or_insert_with(|| why.into());
            is_first
        });
    }

    /// Returns why the link is over, or `None` while it is not.
    pub(crate) fn reason(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }

    /// Waits until the link is over, and returns why.
    pub(crate) async fn over(&self) -> Arc<str> {
        let mut over = self.0.subscribe();
        let why = over.wait_for(Option::is_some).await;
        let why = why.ok().and_then(|why| why.clone());
        why.unwrap_or_else(|| "dropped".into())
    }
}
