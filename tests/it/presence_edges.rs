//! Who is in a group, at the edges: how members end, odd names, watches that end, other identities.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::sleep;
use web_connection_socket::{
    CloseReason, Config, Identity, PresenceCause, PresenceChange, SocketErrorKind,
    WebConnectionSocketLayer, config::PresenceRule, testing::Client,
};

use crate::support::{config, frame, join, leave, news, raw::Raw, serve, text, until};

/// A rule under which a member has left as soon as its last socket has.
fn at_once(group: &str) -> PresenceRule {
    PresenceRule::group(group).leave_after(Duration::ZERO)
}

/// Notes how members end.
fn causes(config: Config) -> (WebConnectionSocketLayer, Arc<Mutex<Vec<PresenceCause>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let layer = WebConnectionSocketLayer::new(config).on_presence(move |change| {
        if let PresenceChange::Left { cause, .. } = change {
            list.lock().expect("no panic").push(cause);
        }
    });
    (layer, told)
}

#[tokio::test(start_paused = true)]
async fn how_a_member_ended_is_told_right_although_it_is_told_at_once() {
    let second = Duration::from_secs(1);
    let config = config()
        .presence(at_once("lobby"))
        .ping_interval(5 * second)
        .pong_timeout(second)
        .max_queue_bytes(4_096);
    let (layer, told) = causes(config);
    let server = serve(&layer);
    let hub = layer.hub();
    let mut expected = Vec::new();
    for end in ["dropped", "silent", "slow", "closed", "sent away"] {
        let ann = join(&server, "ann", &["lobby"]).await;
        let _silent = match end {
            "dropped" => {
                drop(ann);
                None
            }
            "slow" => {
                while !hub.is_empty() {
                    hub.broadcast(&news("x".repeat(1_000)));
                    tokio::task::yield_now().await;
                }
                Some(ann)
            }
            "closed" => {
                leave(ann, &hub).await;
                None
            }
            "sent away" => {
                // It never answers the close frame.
                hub.close_user("ann", &CloseReason::new(4001, "signed out"));
                Some(ann)
            }
            _ => Some(ann),
        };
        expected.push(match end {
            "closed" | "sent away" => PresenceCause::Closed,
            _ => PresenceCause::Lost,
        });
        until("it has left", || {
            told.lock().unwrap().len() == expected.len()
        })
        .await;
        assert_eq!(*told.lock().unwrap(), expected, "{end}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_the_application_ends_while_it_is_told_of_a_member_is_over() {
    let layer = WebConnectionSocketLayer::new(config().presence(at_once("lobby")));
    let hub = layer.hub();
    let layer = layer.on_presence(move |change| {
        if matches!(change, PresenceChange::Joined { user, .. } if user.as_str() == "bob") {
            let socket = hub.sockets_of("ann")[0];
            assert!(hub.unwatch_presence(socket, "lobby"));
        }
    });
    let server = serve(&layer);
    let path = "/?userId=ann&groupId=lobby&presence=lobby";
    let mut ann = server.connect(path).await.unwrap();
    assert_eq!(frame(&mut ann).await["count"], 1);
    sleep(Duration::from_secs(2)).await;
    let _bob = join(&server, "bob", &["lobby"]).await;
    sleep(Duration::from_secs(2)).await;
    layer.hub().broadcast(&news("the first"));
    assert_eq!(text(&mut ann).await, "the first");
}

#[tokio::test]
async fn names_are_taken_as_they_are() {
    let layer = WebConnectionSocketLayer::new(config().presence(at_once("*")));
    let server = serve(&layer);
    let hub = layer.hub();
    let names = [
        "a \"b\" \\ c",
        "line\nbreak\u{0}\u{7f}\u{2028}",
        "room:*",
        "*",
        "__proto__",
        "__everybody",
        "a&group=b",
        "%2F",
        "größe 🙂",
        " ",
    ];
    for name in names {
        let encoded: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let path = format!("/?userId={encoded}&groupId={encoded}&presence={encoded}");
        let mut socket = server.connect(&path).await.expect(name);
        let told = frame(&mut socket).await;
        assert_eq!(told["groupId"], name);
        assert_eq!(told["joined"], json!([{ "userId": name }]));
        let line = format!("GET /__presence.wc?group={encoded}&group=other HTTP/1.1");
        let answer = Raw::new(&line).ask(&server).await;
        let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!(answer["groupId"], name);
        assert_eq!(answer["members"][0]["userId"], name);
        leave(socket, &hub).await;
    }
}

#[tokio::test]
async fn a_name_that_no_group_has_is_not_watched() {
    let config = config().presence(PresenceRule::group("*"));
    let layer = WebConnectionSocketLayer::new(config.max_name_length(16))
        .identify(|_| async { Ok(Identity::user("ann").may_watch("*")) });
    let server = serve(&layer);
    let hub = layer.hub();
    let long = "x".repeat(17);
    let mut ann = server
        .connect(&format!("/?presence={long}&presence={}", &long[..16]))
        .await
        .unwrap();
    assert_eq!(frame(&mut ann).await["groupId"], long[..16]);
    let stats = hub.stats().presence;
    assert_eq!((stats.watchers, stats.not_watched), (1, 1));
    let refused = hub.watch_presence(hub.sockets_of("ann")[0], long.as_str());
    let kind = refused.map_err(|error| error.kind());
    assert_eq!(kind, Err(SocketErrorKind::NameTooLong));
    // It can be asked for, and has no members.
    let here = hub.presence(&long);
    assert_eq!((here.count, here.is_complete), (0, true));
    assert_eq!(hub.stats().presence.groups, 1);
}

/// What a watcher knows, from the frames that it got.
async fn notice(client: &mut Client) -> (Value, Value, Value) {
    let frame = frame(client).await;
    (
        frame["joined"].clone(),
        frame["left"].clone(),
        frame["count"].clone(),
    )
}

#[tokio::test(start_paused = true)]
async fn another_identity_is_another_member() {
    let layer = WebConnectionSocketLayer::new(config().presence(at_once("lobby")));
    let server = serve(&layer);
    let hub = layer.hub();
    let path = "/?userId=eve&groupId=lobby&presence=lobby";
    let mut eve = server.connect(path).await.unwrap();
    assert_eq!(notice(&mut eve).await.2, 1);
    let _socket = join(&server, "", &["lobby"]).await;
    assert_eq!(notice(&mut eve).await, (json!([]), json!([]), json!(2)));
    let socket = hub.sockets().into_iter().max().expect("the last");
    hub.set_presence(socket, &"a stranger").unwrap();
    let one = |user: &str| json!([{ "userId": user }]);
    let become_user = |user: &str| {
        let identity = Identity::user(user).group("lobby");
        hub.reidentify(socket, identity).unwrap();
    };
    become_user("ann");
    assert_eq!(notice(&mut eve).await, (one("ann"), json!([]), json!(2)));
    become_user("bob");
    assert_eq!(notice(&mut eve).await, (one("bob"), one("ann"), json!(2)));
    become_user("");
    assert_eq!(notice(&mut eve).await, (json!([]), one("bob"), json!(2)));
    hub.reidentify(socket, Identity::user("ann")).unwrap();
    assert_eq!(notice(&mut eve).await, (json!([]), json!([]), json!(1)));
    assert_eq!(hub.presence("lobby").sockets, 1);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let layer = WebConnectionSocketLayer::new(config().presence(PresenceRule::group("lobby")));
    let server = serve(&layer);
    for method in ["HEAD", "PUT", "DELETE", "POST", "PROPFIND"] {
        let line = format!("{method} /__presence.wc?group=lobby HTTP/1.1");
        let answer = Raw::new(&line).ask(&server).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.headers["allow"], "GET", "{method}");
    }
}
