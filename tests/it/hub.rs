//! The hub as an application sees it: which sockets are there, and what can be done with them.

use std::sync::Arc;

use web_connection_socket::{
    CloseReason, Config, ConnectionId, GroupId, Hub, Identity, Recipient, RejectionKind, Socket,
    SocketErrorKind, User, UserId, WebConnectionSocketLayer,
};

use crate::support::{
    config,
    http::{BROADCAST, post},
    join, news, news_to, relay, serve, soon, text, until,
};

#[tokio::test]
async fn it_knows_sockets_users_and_groups_with_their_counts() {
    let layer = relay();
    let server = serve(&layer);
    let hub = layer.hub();
    assert!(hub.is_empty() && hub.sockets().is_empty());
    let ann = join(&server, "ann", &["chat", "ops"]).await;
    let _tab = join(&server, "ann", &["chat"]).await;
    let _bob = join(&server, "bob", &["chat", "chat"]).await;
    let _anybody = server.connect("/").await.unwrap();

    assert_eq!((hub.len(), hub.sockets().len()), (4, 4));
    let mut users = hub.users();
    users.sort();
    assert_eq!(users, [("ann".into(), 2), ("bob".into(), 1)]);
    let mut groups = hub.groups();
    groups.sort();
    assert_eq!(groups, [("chat".into(), 3), ("ops".into(), 1)]);
    let of_ann = hub.sockets_of("ann");
    assert_eq!(of_ann.len(), 2);
    assert_eq!(hub.groups_of(of_ann[0]), ["chat", "ops"]);
    assert_eq!(
        hub.user_of(of_ann[1]),
        Some(User::Claimed(UserId::from("ann")))
    );
    assert!(hub.sockets_of("Ann").is_empty());
    let stats = hub.stats();
    assert_eq!((stats.sockets, stats.users, stats.groups), (4, 2, 2));

    ann.close(CloseReason::NORMAL).await.unwrap();
    assert_eq!((hub.len(), hub.sockets_of("ann").len()), (3, 1));
    assert_eq!(hub.groups(), [("chat".into(), 2)]);
    until("its task has ended", || hub.user_of(of_ann[0]).is_none()).await;
    assert!(hub.groups_of(of_ann[0]).is_empty());
}

#[tokio::test]
async fn joining_and_leaving_changes_who_gets_what() {
    let layer = relay();
    let server = serve(&layer);
    let hub = layer.hub();
    let mut ann = join(&server, "ann", &[]).await;
    let id = hub.sockets()[0];
    let chat = |what: &str| news_to(what, [Recipient::group("chat")]);

    assert_eq!(hub.broadcast(&chat("before")).matched, 0);
    hub.join(id, "chat").unwrap();
    hub.join(id, "chat").unwrap();
    assert_eq!(hub.broadcast(&chat("member")).matched, 1);
    assert_eq!(text(&mut ann).await, "member");
    assert!(hub.leave(id, "chat"));
    assert!(!hub.leave(id, "chat"));
    assert_eq!(hub.broadcast(&chat("after")).matched, 0);
    assert!(hub.groups().is_empty());
    assert_eq!(hub.broadcast(&news("all")).matched, 1);
    assert_eq!(text(&mut ann).await, "all");
}

#[tokio::test]
async fn a_socket_is_in_a_limited_number_of_groups() {
    let layer = WebConnectionSocketLayer::new(config().max_groups(2)).relay();
    let server = serve(&layer);
    let _ann = join(&server, "ann", &["a"]).await;
    let hub = layer.hub();
    let id = hub.sockets()[0];
    hub.join(id, "b").unwrap();
    let error = hub.join(id, "c").unwrap_err();
    assert_eq!(error.kind(), SocketErrorKind::TooManyGroups);
    hub.leave(id, "a");
    hub.join(id, "c").unwrap();
    let refused = server
        .connect("/?groupId=a&groupId=b&groupId=c")
        .await
        .unwrap_err();
    assert!(refused.refusal().unwrap().status().is_client_error());
    assert_eq!(hub.len(), 1);
}

#[tokio::test]
async fn one_socket_or_all_of_a_user_can_be_closed() {
    let layer = relay();
    let server = serve(&layer);
    let hub = layer.hub();
    let mut ann = join(&server, "ann", &[]).await;
    let mut tab = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    hub.broadcast(&news("first"));

    assert_eq!(
        hub.close(hub.sockets_of("bob")[0], &CloseReason::new(4000, "out")),
        1
    );
    assert_eq!(text(&mut bob).await, "first");
    assert_eq!(
        soon("the close", bob.closed()).await,
        CloseReason::new(4000, "out")
    );
    assert_eq!(
        hub.close_user("ann", &CloseReason::new(4001, "signed out")),
        2
    );
    assert_eq!(hub.close_user("ann", &CloseReason::NORMAL), 0);
    for socket in [&mut ann, &mut tab] {
        assert_eq!(text(socket).await, "first");
        assert_eq!(soon("the close", socket.closed()).await.code(), 4001);
    }
    assert!(hub.is_empty());
    assert_eq!(hub.close_user("nobody", &CloseReason::NORMAL), 0);
}

#[tokio::test]
async fn a_group_or_all_sockets_can_be_closed() {
    let layer = relay();
    let server = serve(&layer);
    let hub = layer.hub();
    let mut phone = join(&server, "ann", &["session:1"]).await;
    let mut tab = join(&server, "ann", &["session:1", "lobby"]).await;
    let mut desk = join(&server, "ann", &["session:2", "lobby"]).await;
    let mut bob = join(&server, "bob", &[]).await;
    hub.broadcast(&news("first"));

    let out = CloseReason::new(4001, "signed out");
    assert_eq!(hub.close_group("session:1", &out), 2);
    assert_eq!(hub.close_group("session:1", &out), 0);
    assert_eq!(hub.close_group("session", &out), 0);
    for socket in [&mut phone, &mut tab] {
        assert_eq!(text(socket).await, "first");
        assert_eq!(soon("the close", socket.closed()).await, out);
    }
    assert_eq!((hub.len(), hub.sockets_of("ann").len()), (2, 1));

    assert_eq!(hub.close_all(&CloseReason::GOING_AWAY), 2);
    for socket in [&mut desk, &mut bob] {
        assert_eq!(text(socket).await, "first");
        assert_eq!(soon("the close", socket.closed()).await.code(), 1001);
    }
    assert_eq!(hub.close_all(&CloseReason::GOING_AWAY), 0);
    // It is no shutdown: the next may come, and is in the default group, which every socket is in.
    let mut next = join(&server, "cat", &[]).await;
    assert_eq!(hub.close_group("", &out), 1);
    assert_eq!(soon("the close", next.closed()).await, out);
    assert!(hub.is_empty());
}

#[tokio::test]
async fn a_socket_that_is_just_opening_is_closed_with_the_others() {
    let ways: [fn(&Hub, ConnectionId, &CloseReason) -> usize; 4] = [
        |hub, id, reason| hub.close(id, reason),
        |hub, _, reason| hub.close_user("ann", reason),
        |hub, _, reason| hub.close_group("lobby", reason),
        |hub, _, reason| hub.close_all(reason),
    ];
    for way in ways {
        let layer = relay().on_connect(move |socket: Socket| async move {
            let reason = CloseReason::new(4001, "signed out");
            let id = socket.id().expect("a socket");
            assert_eq!(way(socket.hub(), id, &reason), 1);
            assert_eq!(way(socket.hub(), id, &reason), 0);
            Ok(())
        });
        let mut ann = join(&serve(&layer), "ann", &["lobby"]).await;
        assert_eq!(soon("the close", ann.closed()).await.code(), 4001);
        assert!(layer.hub().is_empty());
    }
}

#[tokio::test]
async fn visitors_without_a_name_are_not_the_sockets_of_one_user() {
    let layer = relay().on_connect(async |socket: Socket| {
        assert_eq!(socket.hub().close_user("", &CloseReason::NORMAL), 0);
        Ok(())
    });
    let server = serve(&layer);
    let mut visitor = server.connect("/").await.unwrap();
    assert_eq!(layer.hub().close_user("", &CloseReason::NORMAL), 0);
    layer.hub().broadcast(&news("still here"));
    assert_eq!(text(&mut visitor).await, "still here");
}

#[tokio::test]
async fn a_verified_user_is_known_as_such() {
    let layer = relay().identify(async |_| Ok(Identity::user("ann").group("staff")));
    let server = serve(&layer);
    let _ann = join(&server, "root", &["board"]).await;
    let hub = layer.hub();
    let id = hub.sockets()[0];
    assert_eq!(hub.user_of(id), Some(User::Verified(UserId::from("ann"))));
    assert_eq!(hub.groups_of(id), ["staff"]);
    assert!(hub.sockets_of("root").is_empty());
}

#[tokio::test]
async fn the_figures_add_up() {
    let layer = relay();
    let server = serve(&layer);
    let hub = layer.hub();
    let mut ann = join(&server, "ann", &[]).await;
    let mut bob = join(&server, "bob", &[]).await;
    for _ in 0..3 {
        ann.send(&news("x")).await.unwrap();
        text(&mut ann).await;
        text(&mut bob).await;
    }
    bob.send_text("nonsense").await.unwrap();
    bob.receive_text().await.unwrap();
    assert_eq!(post(&server, BROADCAST, "nonsense").await.status(), 400);
    assert_eq!(
        server
            .peer("192.0.2.1:7".parse().unwrap())
            .clone()
            .connect("/")
            .await
            .unwrap()
            .close(CloseReason::NORMAL)
            .await
            .unwrap()
            .code(),
        1000
    );

    until("all is written", || hub.stats().bytes_queued == 0).await;
    let stats = hub.stats();
    assert_eq!((stats.messages_in, stats.messages_out), (4, 7));
    assert_eq!((stats.dropped, stats.undelivered), (0, 0));
    assert_eq!((stats.dispatches_running, stats.dispatches_failed), (0, 0));
    assert_eq!(stats.refusals, [(RejectionKind::BadMessage, 1)].into());
}

#[tokio::test]
async fn one_hub_serves_several_layers() {
    let hub = std::sync::Arc::new(Hub::new(&Config::new()));
    let one = WebConnectionSocketLayer::with_hub(config(), hub.clone()).relay();
    let two = WebConnectionSocketLayer::with_hub(config(), hub.clone()).relay();
    let mut ann = join(&serve(&one), "ann", &[]).await;
    let mut bob = join(&serve(&two), "bob", &[]).await;
    ann.send(&news("across")).await.unwrap();
    assert_eq!(
        (text(&mut ann).await, text(&mut bob).await),
        ("across".into(), "across".into())
    );
    assert_eq!(hub.len(), 2);
}

#[test]
fn a_hub_outlives_the_runtime_of_its_sockets() {
    let layer = relay();
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let server = serve(&layer);
            let mut ann = join(&server, "ann", &[]).await;
            assert_eq!(layer.hub().broadcast(&news("hello")).queued, 1);
            assert_eq!(text(&mut ann).await, "hello");
        });
        drop(runtime);
        assert!(layer.hub().is_empty());
        assert_eq!(layer.hub().broadcast(&news("hello")).matched, 0);
    }
}

#[tokio::test]
async fn a_name_may_ask_the_hub_while_it_is_made() {
    struct Next(Arc<Hub>);
    impl From<Next> for GroupId {
        fn from(next: Next) -> Self {
            format!("room-{}", next.0.groups().len()).into()
        }
    }

    let layer = relay();
    let server = serve(&layer);
    let _ann = join(&server, "ann", &["chat"]).await;
    let hub = layer.hub();
    let socket = hub.sockets()[0];
    hub.join(socket, Next(hub.clone())).unwrap();
    assert_eq!(hub.groups_of(socket), ["chat", "room-1"]);
}
