//! Who is on which node.

use std::{future::ready, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{sync::Notify, time::timeout};

use web_connection_socket::{Hub, MessageError, Socket, SocketMessage, WebConnectionSocketLayer};

/// Tells the pages of all nodes who is on this one: whenever that changes, and every 2 s.
///
/// The whole list each time, again and again: a page that opens learns of all nodes without asking, a
/// list that is lost between two nodes is replaced by the next, and a node that is not heard of any more
/// is gone.
pub(crate) fn tell(layer: WebConnectionSocketLayer) -> WebConnectionSocketLayer {
    let change = Arc::new(Notify::new());
    #[expect(clippy::disallowed_methods, reason = "it ends with the node")]
    tokio::spawn(tell_again(layer.hub(), change.clone()));
    let opened = {
        let change = change.clone();
        move |socket: Socket| {
            // The page is to know where it is before it hears of others.
            let node = socket.hub().cluster().node();
            let told = socket.reply(&SocketMessage::new("welcome").text(node.to_string()));
            if let Err(error) = told {
                tracing::debug!(%error, "a page has left already");
            }
            change.notify_one();
            ready(())
        }
    };
    let closed = move |_: Socket| {
        change.notify_one();
        ready(())
    };
    layer.on_open(opened).on_disconnect(closed)
}

async fn tell_again(hub: Arc<Hub>, change: Arc<Notify>) {
    loop {
        if let Err(error) = broadcast(&hub) {
            tracing::error!(%error, "the list of who is here cannot be sent");
        }
        // Without a change it is told again all the same.
        _ = timeout(AGAIN, change.notified()).await;
        tokio::time::sleep(PAUSE).await;
    }
}

fn broadcast(hub: &Hub) -> Result<(), MessageError> {
    let users = hub.users().into_iter();
    let mut names: Vec<_> = users.map(|(user, _)| user.to_string()).collect();
    names.sort_by_cached_key(|name| (name.to_lowercase(), name.clone()));
    names.truncate(MOST_NAMES);
    let here = json!({
        "node": hub.cluster().node().to_string(),
        "names": names,
        "sockets": hub.len(),
    });
    hub.broadcast(&SocketMessage::new("here").json(&here)?);
    Ok(())
}

/// The longest list, of the names that come first.
const MOST_NAMES: usize = 100;

const AGAIN: Duration = Duration::from_secs(2);

/// A crowd that comes and goes costs each page a few lists a second, and not one for each.
const PAUSE: Duration = Duration::from_millis(200);
