use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    sync::{Arc, Mutex},
};

use web_connection_socket::{
    ConnectionId, Socket, SocketMessage, UserId, WebConnectionSocketLayer,
};

/// The user of each open socket.
#[derive(Default)]
struct Online(Mutex<HashMap<ConnectionId, UserId>>);

impl Online {
    /// Tells the others of the newcomer, and the newcomer of all.
    fn opened(&self, socket: &Socket) -> Result<(), Box<dyn Error + Send + Sync>> {
        let id = socket.id().ok_or("no socket")?;
        let user = socket.user().id().clone();
        // Held to the end, so that every socket gets the news in the order of the changes.
        let mut online = self.0.lock().expect("no panic while it is held");
        let is_here = online.values().any(|other| *other == user); // in another tab
        online.insert(id, user.clone());
        if !is_here {
            let joined = SocketMessage::new("joined").from_user(user);
            socket.broadcast(&joined.except_connection(id));
        }
        let names: BTreeSet<_> = online.values().map(UserId::as_str).collect();
        socket.reply(&SocketMessage::new("online").json(&names)?)?;
        Ok(())
    }

    fn ended(&self, socket: &Socket) {
        let mut online = self.0.lock().expect("no panic while it is held");
        // Not there if it never opened.
        let Some(user) = socket.id().and_then(|id| online.remove(&id)) else {
            return;
        };
        if !online.values().any(|other| *other == user) {
            socket.broadcast(&SocketMessage::new("left").from_user(user));
        }
    }
}

pub(crate) fn with_online(layer: WebConnectionSocketLayer) -> WebConnectionSocketLayer {
    let opening = Arc::new(Online::default());
    let ending = opening.clone();
    layer
        .on_open(move |socket: Socket| {
            let online = opening.clone();
            async move { online.opened(&socket) }
        })
        .on_disconnect(move |socket: Socket| {
            let online = ending.clone();
            async move { online.ended(&socket) }
        })
}
