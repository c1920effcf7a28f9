//! The list of the people in the chat.

use std::{future::ready, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{sync::Notify, time::sleep};

use web_connection_socket::{Hub, MessageError, Socket, SocketMessage, WebConnectionSocketLayer};

/// Sends the list to the pages that joined [`GROUP`], whenever it may have changed.
///
/// They get the whole list each time, so that no order of comings and goings leaves a page with a
/// wrong one. Pages that did not join get none.
pub(crate) fn tell(layer: WebConnectionSocketLayer) -> WebConnectionSocketLayer {
    let change = Arc::new(Notify::new());
    #[expect(clippy::disallowed_methods, reason = "it ends with the chat")]
    tokio::spawn(tell_of_changes(layer.hub(), change.clone()));
    let changed = move |socket: Socket| {
        let what = socket.event().as_str();
        let id = socket.id().map(tracing::field::display);
        tracing::debug!(what, id, user = ?socket.user(), "who is here has changed");
        change.notify_one();
        ready(())
    };
    layer.on_open(changed.clone()).on_disconnect(changed)
}

/// Sends one list after the other, so that none comes after a newer one, and pauses between them, so
/// that a crowd which comes and goes costs each page five lists a second and not one for each.
async fn tell_of_changes(hub: Arc<Hub>, change: Arc<Notify>) {
    loop {
        change.notified().await;
        if let Err(error) = broadcast(&hub) {
            tracing::error!(%error, "the list of who is here cannot be sent");
        }
        sleep(PAUSE).await;
    }
}

#[derive(Serialize)]
struct People {
    names: Vec<String>,
    count: usize,
}

fn broadcast(hub: &Hub) -> Result<(), MessageError> {
    let users = hub.users().into_iter();
    let mut names: Vec<_> = users.map(|(user, _)| user.to_string()).collect();
    names.sort_by_cached_key(|name| (name.to_lowercase(), name.clone()));
    let count = names.len();
    names.truncate(MOST_NAMES);
    let people = SocketMessage::new("people").json(&People { names, count })?;
    hub.broadcast(&people.to_group(GROUP));
    Ok(())
}

/// The group of the pages that show the list; they join it when they connect.
pub(crate) const GROUP: &str = "chat/people";

/// The longest list, of the names that come first: each change costs so much for each page.
const MOST_NAMES: usize = 100;

const PAUSE: Duration = Duration::from_millis(200);
