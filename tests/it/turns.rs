//! Which messages are served when all places with the application are taken.

use std::{future::pending, sync::Arc};

use axum::Router;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use web_connection_socket::{
    Config, Handshake, Identity, Socket, WebConnectionSocketLayer,
    testing::{Client, Server},
};

use crate::support::{
    config,
    http::{WEB_SOCKET, post as post_to},
    join, news, relay, serve, spawn, text, until,
};

/// What hangs when it is told to, and else replies.
async fn hang_or_reply(socket: Socket) {
    if socket.message().message == "hang" {
        pending::<()>().await;
    }
    socket.reply(socket.message()).expect("an open socket");
}

/// As many wait as there are: a cap bounds them.
fn hanging(config: Config) -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config.max_sockets(100)).on_web_socket(hang_or_reply)
}

fn verified(layer: WebConnectionSocketLayer) -> WebConnectionSocketLayer {
    layer.identify(async |visit: Handshake| {
        Ok(Identity::user(&*visit.query("userId").unwrap_or_default()))
    })
}

/// Opens sockets, as that user and from that address, which make the application hang.
async fn hang(server: &Server, user: &str, address: &str, sockets: usize) -> Vec<Client> {
    let server = server.clone().peer(address.parse().expect("an address"));
    let mut clients = Vec::new();
    for _ in 0..sockets {
        let mut client = join(&server, user, &[]).await;
        client.send(&news("hang")).await.expect("an open socket");
        clients.push(client);
    }
    clients
}

#[tokio::test]
async fn one_user_or_client_holds_half_of_the_places_at_most() {
    for (layer, running) in [
        // The user is verified, whatever address it comes from.
        (verified(hanging(config().max_dispatches(6))), 3),
        // Any client can claim another name; the address stays.
        (
            hanging(config().max_dispatches(6).max_sockets_per_client(100)),
            3,
        ),
        // Nothing is known that two sockets have in common.
        (hanging(config().max_dispatches(6)), 6),
        (verified(hanging(config().max_dispatches(1))), 1),
        (verified(hanging(config().max_dispatches(3))), 1),
    ] {
        let hub = layer.hub();
        let server = serve(&layer);
        let _eve = hang(&server, "eve", "192.0.2.1:1", 10).await;
        until("all of it is there", || {
            let stats = hub.stats();
            stats.messages_in == 10 && stats.dispatches_running == running
        })
        .await;
        assert_eq!(hub.stats().dispatches_waiting, 10 - running);
    }
}

#[tokio::test]
async fn honest_visitors_are_served_beside_one_that_hogs_what_it_can() {
    for layer in [
        verified(hanging(config().max_dispatches(2))),
        hanging(config().max_dispatches(2).max_sockets_per_client(100)),
    ] {
        let hub = layer.hub();
        let server = serve(&layer);
        let _eve = hang(&server, "eve", "192.0.2.1:1", 8).await;
        until("it hangs", || hub.stats().dispatches_running == 1).await;
        let other = server.clone().peer("192.0.2.2:1".parse().unwrap());
        let mut bob = join(&other, "bob", &[]).await;
        for number in 0..10 {
            bob.send(&news(number.to_string())).await.unwrap();
            assert_eq!(text(&mut bob).await, number.to_string());
        }
    }
}

/// With one place it is the queues that are served in turn.
#[tokio::test]
async fn a_client_with_one_message_waits_for_one_turn_of_a_client_with_many() {
    let gate = Arc::new(Semaphore::new(0));
    let order = Arc::new(Mutex::new(Vec::new()));
    let (held, seen) = (gate.clone(), order.clone());
    let layer = verified(WebConnectionSocketLayer::new(
        config().max_dispatches(1).max_sockets(100),
    ));
    let layer = layer.on_web_socket(move |socket: Socket| {
        let (gate, order) = (held.clone(), seen.clone());
        async move {
            order.lock().push(socket.user().to_string());
            gate.acquire().await.expect("an open gate").forget();
        }
    });
    let hub = layer.hub();
    let server = serve(&layer);
    let mut clients = Vec::new();
    for (number, user) in (1..).zip(["eve", "eve", "eve", "eve", "ann", "bob"]) {
        let mut client = join(&server, user, &[]).await;
        client.send(&news("x")).await.unwrap();
        until("it is read", || hub.stats().messages_in == number).await;
        // In the order in which they ask.
        until("it waits", || {
            let stats = hub.stats();
            (stats.dispatches_running + stats.dispatches_waiting) as u64 == number
        })
        .await;
        clients.push(client);
    }
    gate.add_permits(6);
    until("all had their turn", || order.lock().len() == 6).await;
    assert_eq!(*order.lock(), ["eve", "ann", "bob", "eve", "eve", "eve"]);
}

#[tokio::test]
async fn the_places_are_shared_by_all_services_of_a_hub() {
    let config = || config().max_dispatches(2);
    let shop = hanging(config());
    let hub = shop.hub();
    let admin = WebConnectionSocketLayer::with_hub(config(), hub.clone());
    let admin = admin.on_web_socket(hang_or_reply);
    let servers = [serve(&shop), serve(&shop), serve(&admin)];
    let mut clients = Vec::new();
    for server in &servers {
        clients.extend(hang(server, "", "192.0.2.1:1", 2).await);
    }
    // And what programs post, through the control service as well.
    let control = Server::new(shop.control_service(Router::new()));
    let posting = spawn(async move { post_to(&control, WEB_SOCKET, "{}").await });
    until("all of it is there", || {
        let stats = hub.stats();
        stats.dispatches_running + stats.dispatches_waiting == 7
    })
    .await;
    assert_eq!(hub.stats().dispatches_running, 2);
    posting.abort();
    until("a caller that hangs up waits no more", || {
        hub.stats().dispatches_waiting == 4
    })
    .await;
}

#[tokio::test]
async fn a_message_given_up_while_it_waits_leaves_its_turn_to_the_next() {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let layer = WebConnectionSocketLayer::new(config().max_dispatches(1));
    let layer = layer.on_web_socket(move |socket: Socket| {
        let gate = held.clone();
        async move {
            gate.acquire().await.expect("an open gate").forget();
            // What a program posted has no socket to reply to.
            let _posted = socket.reply(socket.message());
        }
    });
    let hub = layer.hub();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("first")).await.unwrap();
    until("it runs", || hub.stats().dispatches_running == 1).await;
    let posting = {
        let server = server.clone();
        spawn(async move { post_to(&server, WEB_SOCKET, "{}").await })
    };
    until("it waits", || hub.stats().dispatches_waiting == 1).await;
    let mut bob = join(&server, "bob", &[]).await;
    bob.send(&news("last")).await.unwrap();
    until("it waits, too", || hub.stats().dispatches_waiting == 2).await;
    posting.abort();
    until("one is gone", || hub.stats().dispatches_waiting == 1).await;
    gate.add_permits(2);
    assert_eq!(text(&mut ann).await, "first");
    assert_eq!(text(&mut bob).await, "last");
}

#[tokio::test]
async fn relayed_messages_take_no_place() {
    let layer = relay();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("x")).await.unwrap();
    assert_eq!(text(&mut ann).await, "x");
    assert_eq!(layer.hub().stats().dispatches_waiting, 0);
}
