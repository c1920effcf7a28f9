//! The reason why a link is over.

use std::sync::Arc;

use tokio::sync::watch;

/// Says once that a link is over.
#[derive(Debug, Default)]
pub(super) struct End(watch::Sender<Option<Arc<str>>>);

impl End {
    /// Ends the link, unless it has ended before.
    pub(super) fn end(&self, why: &str) {
        self.0.send_if_modified(|over| {
            let is_first = over.is_none();
            over.get_or_insert_with(|| why.into());
            is_first
        });
    }

    /// Waits until the link is over, and returns why.
    pub(super) async fn over(&self) -> String {
        let mut over = self.0.subscribe();
        let why = over.wait_for(Option::is_some).await;
        let why = why.ok().and_then(|why| why.clone());
        why.as_deref().unwrap_or("dropped").to_owned()
    }
}
