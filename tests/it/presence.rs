//! Who is in a group: what watchers, the application and other programs are told of it.

use std::{
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tower::Layer;
use web_connection_socket::{
    CloseReason, Config, Hub, Identity, MessageErrorKind, PresenceChange, Rejection, Socket,
    SocketErrorKind, WebConnectionSocketLayer,
    config::{IpNet, PresenceRule},
    testing::{Client, Server},
};

use crate::support::{
    app::Visits, config, frame, join, leave, news, raw::Raw, serve, serve_app, text, until,
};

fn lobby(config: Config) -> Config {
    config.presence(PresenceRule::group("lobby"))
}

fn layer() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(lobby(config()))
}

/// Opens a socket in the lobby that watches it.
async fn watch(server: &Server, user: &str) -> Client {
    let path = format!("/__initializeSocket.wc?userId={user}&groupId=lobby&presence=lobby");
    server.connect(&path).await.expect("an open socket")
}

/// Waits for the next frame that says who is here, and gives it without its action and group.
async fn notice(client: &mut Client) -> Value {
    let mut notice = frame(client).await;
    let fields = notice.as_object_mut().expect("an object");
    assert_eq!(fields.remove("action"), Some(json!("__presence")));
    assert_eq!(fields.remove("groupId"), Some(json!("lobby")));
    notice
}

/// A list of changes in short, as they come.
fn record(layer: WebConnectionSocketLayer) -> (WebConnectionSocketLayer, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let layer = layer.on_presence(move |change| {
        let short = match change {
            PresenceChange::Joined { group, user } => format!("{user} joined {group}"),
            PresenceChange::Left { group, user, cause } => {
                format!("{user} left {group}: {cause}")
            }
            _ => String::new(),
        };
        list.lock().expect("no panic").push(short);
    });
    (layer, told)
}

fn taken(told: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut told.lock().expect("no panic"))
}

fn users(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "userId": name })).collect()
}

#[tokio::test(start_paused = true)]
async fn a_page_is_told_of_all_members_and_then_of_each_that_comes_and_goes() {
    let layer = layer();
    let server = serve(&layer);
    let mut ann = watch(&server, "ann").await;
    let all = json!({ "reset": true, "joined": users(&["ann"]), "left": [], "count": 1 });
    assert_eq!(notice(&mut ann).await, all);
    let bob = join(&server, "bob", &["lobby"]).await;
    let came = json!({ "joined": users(&["bob"]), "left": [], "count": 2 });
    assert_eq!(notice(&mut ann).await, came);
    let mut stranger = join(&server, "eve", &["hall"]).await;
    let start = Instant::now();
    leave(bob, &layer.hub()).await;
    let here = layer.hub().presence("lobby");
    assert_eq!(
        (here.users, here.sockets),
        (2, 1),
        "bob may be back in a moment"
    );
    let went = json!({ "joined": [], "left": users(&["bob"]), "count": 1 });
    assert_eq!(notice(&mut ann).await, went);
    assert!(start.elapsed() >= Duration::from_secs(10));
    layer.hub().broadcast(&news("the first that eve hears"));
    assert_eq!(text(&mut stranger).await, "the first that eve hears");
    let stats = layer.hub().stats().presence;
    assert_eq!((stats.groups, stats.members, stats.watchers), (1, 1, 1));
    assert_eq!((stats.frames, stats.not_watched), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_no_absence_and_a_lost_connection_is_told_as_one() {
    let (layer, told) = record(layer());
    let server = serve(&layer);
    let hub = layer.hub();
    let mut ann = join(&server, "ann", &["lobby"]).await;
    for _ in 0..3 {
        leave(ann, &hub).await;
        sleep(Duration::from_secs(8)).await;
        ann = join(&server, "ann", &["lobby"]).await;
    }
    let bob = join(&server, "bob", &["lobby"]).await;
    until("both are told of", || told.lock().unwrap().len() == 2).await;
    assert_eq!(taken(&told), ["ann joined lobby", "bob joined lobby"]);
    drop(bob);
    hub.leave(hub.sockets_of("ann")[0], "lobby");
    until("both have left", || told.lock().unwrap().len() == 2).await;
    let mut left = taken(&told);
    left.sort();
    assert_eq!(left, ["ann left lobby: left_group", "bob left lobby: lost"]);
    assert_eq!(hub.presence("lobby").members, []);
    hub.join(hub.sockets_of("ann")[0], "lobby").unwrap();
    hub.close_user("ann", &CloseReason::new(4001, "signed out"));
    assert_eq!(ann.closed().await.code(), 4001);
    until("ann has left again", || told.lock().unwrap().len() == 2).await;
    assert_eq!(taken(&told), ["ann joined lobby", "ann left lobby: closed"]);
}

#[tokio::test]
async fn a_client_watches_what_it_is_in_or_may_watch_and_nothing_else() {
    let config = lobby(config()).presence(PresenceRule::group("room:*"));
    let layer = WebConnectionSocketLayer::new(config).identify(|handshake| async move {
        let user = handshake.query("token").unwrap_or_default().into_owned();
        let identity = Identity::user(user.as_str()).group("room:1");
        Ok(match user.as_str() {
            "boss" => identity.may_watch("lobby").may_watch("room:*"),
            _ => identity,
        })
    });
    let server = serve(&layer);
    let hub = layer.hub();
    let query = "&presence=room:1&presence=room:2&presence=lobby&presence=hall&PRESENCE=";
    let mut ann = server
        .connect(&format!("/?token=ann{query}"))
        .await
        .unwrap();
    assert_eq!(frame(&mut ann).await["groupId"], "room:1");
    assert_eq!(hub.stats().presence.watchers, 1);
    assert_eq!(hub.stats().presence.not_watched, 4);
    let mut boss = server
        .connect(&format!("/?token=boss{query}"))
        .await
        .unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(
            frame(&mut boss).await["groupId"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    seen.sort();
    assert_eq!(seen, ["lobby", "room:1", "room:2"]);
    assert_eq!(hub.stats().presence.watchers, 4);
    // The new identity is in another group, and the right is gone.
    let socket = hub.sockets_of("boss")[0];
    hub.reidentify(socket, Identity::user("boss").group("room:2"))
        .unwrap();
    assert_eq!(hub.stats().presence.watchers, 2);
    hub.leave(socket, "room:2");
    assert_eq!(hub.stats().presence.watchers, 1);
    hub.watch_presence(socket, "room:2").unwrap();
    hub.reidentify(socket, Identity::user("boss")).unwrap();
    assert_eq!(hub.stats().presence.watchers, 2, "as the application wants");
}

#[tokio::test]
async fn a_client_cannot_ask_for_more_than_sixty_four_groups() {
    let config = config().presence(PresenceRule::group("*"));
    let layer = WebConnectionSocketLayer::new(config);
    let server = serve(&layer);
    let mut path = "/?groupId=room".to_owned();
    (0..100).for_each(|_| path.push_str("&presence=room"));
    let mut ann = server.connect(&path).await.unwrap();
    assert_eq!(frame(&mut ann).await["groupId"], "room");
    let stats = layer.hub().stats().presence;
    assert_eq!((stats.watchers, stats.not_watched), (1, 36));
}

#[tokio::test]
async fn the_application_has_sockets_watch_and_says_something_of_them() {
    let layer = layer().on_connect(|socket: Socket| async move {
        socket.set_presence(&json!({ "picture": "/ann.png" }))?;
        socket.join("lobby")?;
        socket.watch_presence("lobby")?;
        Ok(())
    });
    let server = serve(&layer);
    let hub = layer.hub();
    let mut ann = join(&server, "ann", &[]).await;
    let info = json!([{ "userId": "ann", "info": { "picture": "/ann.png" } }]);
    assert_eq!(notice(&mut ann).await["joined"], info);
    let socket = hub.sockets_of("ann")[0];
    hub.set_presence(socket, &"typing").unwrap();
    let info = json!([{ "userId": "ann", "info": "typing" }]);
    assert_eq!(notice(&mut ann).await["joined"], info);
    let here = hub.presence("lobby");
    assert!(here.is_complete);
    let member = &here.members[0];
    let info: Option<String> = member.parse_info().expect("a text");
    assert_eq!(info.as_deref(), Some("typing"));
    let error = member.parse_info::<u32>().expect_err("no number");
    assert_eq!(error.kind(), MessageErrorKind::Conversion);
    let source = error.source().expect("what serde says").to_string();
    assert!(source.contains("expected u32"), "{source}");
    let rejection = Rejection::from(error);
    assert_eq!(rejection.status(), 500, "no sender's fault: {rejection}");

    assert!(hub.unwatch_presence(socket, "lobby"));
    assert!(!hub.unwatch_presence(socket, "lobby"));
    let kind = |error: web_connection_socket::SocketError| error.kind();
    let too_long = hub.set_presence(socket, &"x".repeat(1_100));
    assert_eq!(
        too_long.map_err(kind),
        Err(SocketErrorKind::PresenceTooLarge)
    );
    let no_rule = hub.watch_presence(socket, "hall");
    assert_eq!(no_rule.map_err(kind), Err(SocketErrorKind::NoPresence));
    leave(ann, &hub).await;
    for gone in [
        hub.watch_presence(socket, "lobby"),
        hub.set_presence(socket, &1),
    ] {
        assert_eq!(gone.map_err(kind), Err(SocketErrorKind::NotConnected));
    }
}

#[tokio::test(start_paused = true)]
async fn sockets_without_a_user_are_counted_and_not_named() {
    let (layer, told) = record(layer());
    let server = serve(&layer);
    let hub = layer.hub();
    let mut ann = watch(&server, "ann").await;
    assert_eq!(notice(&mut ann).await["count"], 1);
    let one = join(&server, "", &["lobby"]).await;
    let two = join(&server, "", &["lobby"]).await;
    let count = |hub: &Hub| {
        let here = hub.presence("lobby");
        (here.members.len(), here.users, here.sockets, here.count)
    };
    assert_eq!(count(&hub), (1, 1, 3, 3));
    let news = json!({ "joined": [], "left": [], "count": 3 });
    assert_eq!(notice(&mut ann).await, news);
    leave(one, &hub).await;
    leave(two, &hub).await;
    assert_eq!(count(&hub), (1, 1, 1, 1));
    assert_eq!(notice(&mut ann).await["count"], 1);
    assert_eq!(taken(&told), ["ann joined lobby"]);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_costs_nothing_but_a_count() {
    let layer = layer().on_presence(|_| panic!("by design"));
    let (layer, told) = record(layer);
    let server = serve(&layer);
    let mut ann = watch(&server, "ann").await;
    assert_eq!(notice(&mut ann).await["count"], 1);
    let _bob = join(&server, "bob", &["lobby"]).await;
    assert_eq!(notice(&mut ann).await["count"], 2);
    assert_eq!(taken(&told), ["ann joined lobby", "bob joined lobby"]);
    assert_eq!(layer.hub().stats().panics, 2);
}

#[tokio::test]
async fn in_raw_mode_no_client_gets_a_message_of_the_layers_own() {
    let layer = layer().on_raw(|_, _| async {});
    let server = serve(&layer);
    let mut ann = watch(&server, "ann").await;
    assert_eq!(layer.hub().presence("lobby").users, 1);
    assert_eq!(layer.hub().stats().presence.watchers, 0);
    layer.hub().broadcast(&news("the first"));
    assert_eq!(text(&mut ann).await, "the first");
}

#[tokio::test]
async fn without_a_rule_nothing_is_kept_track_of() {
    let layer = WebConnectionSocketLayer::new(config());
    let server = serve(&layer);
    let mut ann = watch(&server, "ann").await;
    let here = layer.hub().presence("lobby");
    assert_eq!((here.members.len(), here.is_complete), (0, false));
    assert_eq!(layer.hub().stats().presence, Default::default());
    layer.hub().broadcast(&news("the first"));
    assert_eq!(text(&mut ann).await, "the first");
}

/// Asks for the members of a group, and gives the status, and the answer or the kind of the refusal.
async fn ask(server: &Server, method: &str, query: &str) -> (u16, Value) {
    let line = format!("{method} /__presence.wc{query} HTTP/1.1");
    let answer = Raw::new(&line).ask(server).await;
    if answer.status == 200 {
        let of = |name: &str| answer.headers[name].to_str().expect("text").to_owned();
        assert_eq!(of("content-type"), "application/json");
        assert_eq!(of("cache-control"), "no-store");
        let body = serde_json::from_str(&answer.body).expect("JSON");
        return (200, body);
    }
    (answer.status, json!(answer.code()))
}

#[tokio::test]
async fn other_programs_ask_over_http_if_they_may() {
    let rule = PresenceRule::group("lobby").list_up_to(1);
    let layer = WebConnectionSocketLayer::new(config().presence(rule.clone()));
    let server = serve(&layer);
    let _ann = join(&server, "ann", &["lobby"]).await;
    let hub = layer.hub();
    hub.set_presence(hub.sockets_of("ann")[0], &7).unwrap();
    let answer = json!({
        "groupId": "lobby",
        "members": [{ "userId": "ann", "sockets": 1, "info": 7 }],
        "users": 1, "sockets": 1, "count": 1, "complete": true,
    });
    assert_eq!(ask(&server, "GET", "?group=lobby").await, (200, answer));
    let _bob = join(&server, "bob", &["lobby"]).await;
    let answer = json!({
        "groupId": "lobby", "users": 2, "sockets": 2, "count": 2, "complete": true,
    });
    assert_eq!(ask(&server, "GET", "?Group=lobby").await, (200, answer));
    for (method, query, expected) in [
        ("POST", "?group=lobby", (405, "method_not_allowed")),
        ("GET", "", (400, "bad_message")),
        ("GET", "?group=", (400, "bad_message")),
        ("GET", "?group=hall", (404, "not_found")),
    ] {
        let (status, code) = ask(&server, method, query).await;
        assert_eq!((status, code.as_str()), (expected.0, Some(expected.1)));
    }

    let closed = serve(&WebConnectionSocketLayer::new(
        Config::new().presence(rule.clone()),
    ));
    let refused = (403, json!("callers_not_configured"));
    assert_eq!(ask(&closed, "GET", "?group=lobby").await, refused);

    let config = config().presence(rule).control_service_only(true);
    let layer = WebConnectionSocketLayer::new(config);
    let visits = Visits::default();
    let public = serve_app(&layer, visits.app());
    let refused = (404, json!("not_found"));
    assert_eq!(ask(&public, "GET", "?group=lobby").await, refused);
    let private = Server::new(layer.control_service(visits.app()));
    let (status, answer) = ask(&private, "GET", "?group=lobby").await;
    assert_eq!((status, &answer["count"]), (200, &json!(0)));
    assert!(visits.take().is_empty());
    let _inner = layer.layer(visits.app());
}

/// DNS rebinding leads the name of any page to this server, and a plain GET does not say that a page asks.
#[tokio::test]
async fn no_page_reads_the_members_under_a_name_of_its_own() {
    let office: IpNet = "10.1.0.0/16".parse().unwrap();
    let ask = |config: Config, host: &'static str| async move {
        let layer = WebConnectionSocketLayer::new(config.presence(PresenceRule::group("lobby")));
        let server = serve(&layer).peer("10.1.2.3:50000".parse().unwrap());
        let request = Raw::new("GET /__presence.wc?group=lobby HTTP/1.1").set("Host", host);
        request.ask(&server).await
    };
    let anywhere = Config::new().allow_callers_from([office]);
    let refused = ask(anywhere.clone(), "evil.test").await;
    assert_eq!(
        (refused.status, &*refused.code()),
        (403, "caller_not_allowed")
    );
    assert!(refused.body.contains("Config::hosts"), "{}", refused.body);
    assert_eq!(ask(anywhere.clone(), "10.1.0.1:3000").await.status, 200);
    let named = anywhere.hosts(["app.example"]);
    assert_eq!(ask(named.clone(), "app.example").await.status, 200);
    assert_eq!(ask(named, "evil.test").await.status, 403);
}

#[tokio::test]
async fn what_is_said_of_one_user_is_not_said_of_the_next_of_the_same_socket() {
    let layer = layer();
    let server = serve(&layer);
    let hub = layer.hub();
    let _socket = join(&server, "ann", &["lobby"]).await;
    let socket = hub.sockets_of("ann")[0];
    hub.set_presence(socket, &"Ann").unwrap();
    let said = |user: &str| {
        let here = hub.presence("lobby").members.into_iter();
        let mut here = here.filter(|member| member.user.as_str() == user && member.sockets > 0);
        let member = here.next();
        member.map(|member| member.parse_info::<String>().expect("a text or none"))
    };
    // The same user again has what was said of it.
    hub.reidentify(socket, Identity::user("ann").group("lobby"))
        .unwrap();
    assert_eq!(said("ann"), Some(Some("Ann".to_owned())));
    hub.reidentify(socket, Identity::user("bob").group("lobby"))
        .unwrap();
    assert_eq!((said("ann"), said("bob")), (None, Some(None)));
}
