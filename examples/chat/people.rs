//! The list of the people in the chat.

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use web_connection_socket::{Hub, MessageError, Socket, SocketMessage, WebConnectionSocketLayer};

/// Sends the list to the pages that joined [`GROUP`], whenever it may have changed.
///
/// They get the whole list each time, so that no order of comings and goings leaves a page with a
/// wrong one. Pages that did not join get none.
pub(crate) fn tell(layer: WebConnectionSocketLayer) -> WebConnectionSocketLayer {
    // Held while the list is made and queued, so that an older one never comes after a newer one.
    let order = Arc::new(Mutex::new(()));
    let changed = move |socket: Socket| {
        let order = order.clone();
        async move {
            let what = socket.event().as_str();
            tracing::debug!(what, id = socket.id().map(tracing::field::display), user = ?socket.user(), "who is here has changed");
            let _turn = order.lock();
            broadcast(socket.hub())
        }
    };
    layer.on_open(changed.clone()).on_disconnect(changed)
}

/// The group of the pages that show the list; they join it when they connect.
pub(crate) const GROUP: &str = "chat/people";

/// The longest list, of the names that come first: each change costs so much for each page.
const MOST_NAMES: usize = 100;

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
