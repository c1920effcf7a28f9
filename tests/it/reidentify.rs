//! Sockets whose identity is replaced while they are open.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use serde_json::json;
use tokio::sync::Semaphore;
use web_connection_socket::{
    CloseReason, Config, Handshake, Hub, Identity, Recipient, Rejection, Socket, SocketErrorKind,
    SocketMessage, User, WebConnectionSocketLayer,
};

use crate::support::{
    app::Visits, config, error_of, frame, join, news, news_to, relay, serve, serve_app, soon, text,
    until,
};

#[tokio::test]
async fn the_user_the_groups_and_the_rights_become_those_of_the_new_identity() {
    let layer = relay();
    let hub = layer.hub();
    let server = serve(&layer);
    let mut ann = join(&server, "boss", &["board", "lobby"]).await;
    let mut bob = join(&server, "bob", &["lobby"]).await;
    let id = hub.sockets_of("boss")[0];
    hub.join(id, "news").unwrap();
    // A claim lets a visitor say anything; what the application vouches for is checked.
    ann.send(&news("claimed").to_user("bob")).await.unwrap();
    assert_eq!(text(&mut bob).await, "claimed");

    let identity = Identity::user("ann")
        .group("sales")
        .group("lobby")
        .may_broadcast(Recipient::group("support"));
    hub.reidentify(id, identity).unwrap();
    assert_eq!(hub.user_of(id), Some(User::Verified("ann".into())));
    assert_eq!(hub.groups_of(id), ["sales", "lobby", "news"]);
    assert_eq!(
        (hub.sockets_of("boss"), hub.sockets_of("ann")),
        (vec![], vec![id])
    );
    let matched = |recipient| hub.broadcast(&news_to("x", [recipient])).matched;
    assert_eq!(matched(Recipient::user("boss")), 0);
    assert_eq!(matched(Recipient::group("board")), 0);
    assert_eq!(hub.stats().users, 2);

    ann.send(&news("refused").to_user("bob")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("refused".to_owned(), 403));
    for group in ["sales", "news", "support"] {
        hub.join(hub.sockets_of("bob")[0], group).unwrap();
        let message = news(group)
            .from_user("boss")
            .from_group("board")
            .to_group(group);
        ann.send(&message).await.unwrap();
        let seen = frame(&mut bob).await;
        let expected = (&json!(group), &json!("ann"), &json!("sales"));
        assert_eq!(
            (&seen["message"], &seen["userId"], &seen["groupId"]),
            expected
        );
    }
}

#[tokio::test]
async fn later_messages_carry_the_new_identity_and_the_one_in_hand_the_old() {
    let visits = Visits::default();
    let gate = Arc::new(Semaphore::new(0));
    let layer = WebConnectionSocketLayer::new(config())
        .identify(async |_: Handshake| Ok::<_, Rejection>(Identity::user("ann").group("sales")))
        .on_action("hold", {
            let gate = gate.clone();
            move |socket: Socket| {
                let gate = gate.clone();
                async move {
                    gate.acquire().await.unwrap().forget();
                    let old = socket.user();
                    assert_eq!(old, User::Verified("ann".into()));
                    socket
                        .reidentify(Identity::user("eve").group("ops"))
                        .unwrap();
                    assert_eq!(socket.user(), old);
                    assert_eq!(socket.message().user_id, "ann");
                    assert_eq!(socket.groups(), ["ops"]);
                    socket.reply(&news("held")).unwrap();
                }
            }
        });
    let hub = layer.hub();
    let server = serve_app(&layer, visits.app());
    let mut client = server.connect("/").await.unwrap();
    client.send(&news("first")).await.unwrap();
    assert_eq!(visits.next().await.header("websocket-user-id"), ["ann"]);

    client.send(&SocketMessage::new("hold")).await.unwrap();
    until("it is in hand", || hub.stats().dispatches_running == 1).await;
    let id = hub.sockets()[0];
    hub.reidentify(id, Identity::user("bob").group("lobby"))
        .unwrap();
    gate.add_permits(1);
    assert_eq!(text(&mut client).await, "held");

    client
        .send(&news("second").from_user("ann").from_group("sales"))
        .await
        .unwrap();
    let visit = visits.next().await;
    assert_eq!(visit.header("websocket-identity"), ["verified"]);
    assert_eq!(visit.header("websocket-user-id"), ["eve"]);
    assert_eq!(visit.header("websocket-group-id"), ["ops"]);
    let seen = SocketMessage::from_slice(visit.body.as_bytes()).unwrap();
    assert_eq!(
        (seen.user_id.as_str(), seen.group_id.as_str()),
        ("eve", "ops")
    );
    assert_eq!(visit.socket.unwrap().user(), User::Verified("eve".into()));
}

#[tokio::test]
async fn what_cannot_be_leaves_the_socket_as_it_was() {
    let layer = WebConnectionSocketLayer::new(config().max_groups(3)).relay();
    let hub = layer.hub();
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["a", "b"]).await;
    let id = hub.sockets()[0];
    hub.join(id, "c").unwrap();
    let crowd = Identity::user("eve").group("x").group("y").group("z");
    let error = hub.reidentify(id, crowd).unwrap_err();
    assert_eq!(error.kind(), SocketErrorKind::TooManyGroups);
    assert_eq!(hub.user_of(id), Some(User::Claimed("ann".into())));
    assert_eq!(hub.groups_of(id), ["a", "b", "c"]);
    let enough = Identity::user("eve")
        .group("x")
        .group("y")
        .group("c")
        .group("x");
    hub.reidentify(id, enough).unwrap();
    assert_eq!(hub.groups_of(id), ["x", "y", "c"]);

    hub.close(id, &CloseReason::NORMAL);
    let error = hub.reidentify(id, Identity::user("bob")).unwrap_err();
    assert_eq!(error.kind(), SocketErrorKind::NotConnected);
    assert_eq!(soon("the close", ann.closed()).await, CloseReason::NORMAL);
    until("it is gone", || hub.user_of(id).is_none()).await;
    assert!(hub.reidentify(id, Identity::user("bob")).is_err());
    assert!(hub.users().is_empty());
}

#[tokio::test]
async fn a_socket_that_is_just_opening_can_be_re_identified() {
    let layer = relay().on_connect(async |socket: Socket| {
        socket
            .reidentify(Identity::user("ann").group("sales"))
            .expect("a socket");
        assert_eq!(socket.hub().close_user("claimed", &CloseReason::NORMAL), 0);
        Ok(())
    });
    let hub = layer.hub();
    let server = serve(&layer);
    let _ann = join(&server, "claimed", &["board"]).await;
    let id = hub.sockets_of("ann")[0];
    assert_eq!(hub.groups_of(id), ["sales"]);
    assert_eq!(hub.groups().len(), 1);
}

/// One thread for each of what happens at once: sockets that change between two identities, and
/// broadcasts that would match only what is half of each.
#[tokio::test]
async fn no_broadcast_sees_a_half_of_a_change() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let hub = layer.hub();
    let server = serve(&layer);
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(join(&server, "ann", &["of-ann"]).await);
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let changes = scope.spawn(|| {
            for round in 0..200 {
                for id in hub.sockets() {
                    hub.reidentify(id, one_of_two(round)).unwrap();
                }
            }
            done.store(true, SeqCst);
        });
        for (user, group) in [("ann", "of-bob"), ("bob", "of-ann")] {
            let (hub, done) = (&hub, &done);
            scope.spawn(move || {
                let mut only_group = news("").to_group(group);
                for other in ["ann", "bob"].into_iter().filter(|&name| name != user) {
                    only_group = only_group.except_user(other);
                }
                let mut only_user = news("").to_user(user);
                only_user = only_user.except_group(if user == "ann" { "of-ann" } else { "of-bob" });
                while !done.load(SeqCst) {
                    assert_eq!(hub.broadcast(&only_group).matched, 0);
                    assert_eq!(hub.broadcast(&only_user).matched, 0);
                }
            });
        }
        changes.join().unwrap();
    });
    assert_eq!(hub.len(), 8);
    drop(clients);
}

/// Every socket that is `ann` when she signs out is closed, and no closed socket becomes hers.
#[tokio::test]
async fn closing_a_user_leaves_no_socket_that_was_hers() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let hub = layer.hub();
    let server = serve(&layer);
    for round in 0..20 {
        let mut clients = Vec::new();
        for user in ["ann", "bob", "ann", "bob"] {
            clients.push(join(&server, user, &[]).await);
        }
        let ids = hub.sockets();
        thread::scope(|scope| {
            scope.spawn(|| hub.close_user("ann", &CloseReason::new(4001, "out")));
            for (number, &id) in ids.iter().enumerate() {
                match hub.reidentify(id, one_of_two(round + number)) {
                    Ok(()) => {}
                    Err(error) => assert_eq!(error.kind(), SocketErrorKind::NotConnected),
                }
            }
        });
        // Those that became hers after the call are the next call's.
        hub.close_user("ann", &CloseReason::new(4001, "out"));
        assert!(hub.sockets_of("ann").is_empty());
        for id in hub.sockets() {
            assert_eq!(hub.user_of(id).unwrap().id().as_str(), "bob");
        }
        hub.close_user("bob", &CloseReason::NORMAL);
        assert!(hub.is_empty());
        for client in &mut clients {
            soon("the close", client.closed()).await;
        }
        drop(clients);
        until("they are gone", || gone(&hub, &ids)).await;
    }
}

fn one_of_two(round: usize) -> Identity {
    match round % 2 {
        0 => Identity::user("bob").group("of-bob"),
        _ => Identity::user("ann").group("of-ann"),
    }
}

fn gone(hub: &Hub, ids: &[web_connection_socket::ConnectionId]) -> bool {
    ids.iter().all(|&id| hub.user_of(id).is_none())
}
