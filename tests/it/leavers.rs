//! That a socket has opened or ended is told exactly once, however much else there is to do.

use std::{collections::BTreeSet, future::pending, sync::Arc, time::Duration};

use axum::{Router, routing::post};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tracing::Level;
use web_connection_socket::{
    Config, Hub, Socket, SocketEvent, WebConnectionSocketLayer,
    testing::{Client, Server},
};

use crate::support::{
    config, error_of, http::WEB_SOCKET, join, log, news, serve, serve_app, soon, until,
};

const PLACES: usize = 8;

/// The users whose sockets an application was told of.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn add(&self, socket: &Socket) {
        self.0.lock().push(socket.user().to_string());
    }

    fn len(&self) -> usize {
        self.0.lock().len()
    }

    fn different(&self) -> usize {
        self.0.lock().iter().collect::<BTreeSet<_>>().len()
    }
}

/// An application in which messages hang: as handlers, and as the inner service.
fn hanging(config: Config, told: &Told) -> [(WebConnectionSocketLayer, Router); 2] {
    let (of_handler, of_app) = (told.clone(), told.clone());
    let handlers = WebConnectionSocketLayer::new(config.clone())
        .on_web_socket(async |_: Socket| pending::<()>().await)
        .on_disconnect(move |socket: Socket| {
            let told = of_handler.clone();
            async move { told.add(&socket) }
        });
    let app = post(async move |socket: Socket| match socket.event() {
        SocketEvent::Message => pending().await,
        SocketEvent::Disconnect => of_app.add(&socket),
        _ => {}
    });
    let inner = WebConnectionSocketLayer::new(config.lifecycle_events(true));
    [
        (handlers, Router::new()),
        (inner, Router::new().route(WEB_SOCKET, app)),
    ]
}

async fn hang_everything(server: &Server, hub: &Hub) -> Vec<Client> {
    let mut hung = Vec::new();
    for number in 0..PLACES {
        let mut client = join(server, &format!("hung{number}"), &[]).await;
        client
            .send(&news("x"))
            .await
            .expect("a message that leaves");
        hung.push(client);
    }
    until("all places are taken", || {
        hub.stats().dispatches_running == PLACES
    })
    .await;
    hung
}

#[tokio::test]
async fn with_every_place_hung_each_leaver_is_told_of_once() {
    let config = config().max_dispatches(PLACES);
    let told = Told::default();
    for (layer, app) in hanging(config, &told) {
        told.0.lock().clear();
        let hub = layer.hub();
        let server = serve_app(&layer, app);
        let mut leavers = Vec::new();
        for number in 0..100 {
            leavers.push(join(&server, &format!("user{number}"), &[]).await);
        }
        let _hung = hang_everything(&server, &hub).await;
        drop(leavers);
        until("all leavers are told of", || told.len() >= 100).await;
        assert_eq!(hub.len(), PLACES);
        assert_eq!((told.len(), told.different()), (100, 100));
        assert_eq!(hub.stats().dispatches_running, PLACES, "and it still hangs");
    }
}

/// The connect event is refused then: its visitor waits, and can come again.
#[tokio::test(start_paused = true)]
async fn a_socket_that_opened_is_told_of_and_a_visitor_who_asks_may_be_refused() {
    let told = Told::default();
    let [(layer, _), _] = hanging(config().max_dispatches(PLACES), &Told::default());
    let opened = told.clone();
    let open = layer.clone().on_open(move |socket: Socket| {
        let told = opened.clone();
        async move { told.add(&socket) }
    });
    let server = serve(&open);
    let _hung = hang_everything(&server, &open.hub()).await;
    let _ann = join(&server, "ann", &[]).await;
    until("it is told", || told.0.lock().contains(&"ann".to_owned())).await;
    let stats = open.hub().stats();
    assert_eq!(stats.dispatches_running, PLACES, "and they still hang");

    let [(layer, _), _] = hanging(config().max_dispatches(1), &Told::default());
    let refuses = layer.on_connect(async |_: Socket| Ok(()));
    let server = serve(&refuses);
    let mut hung = join(&server, "hung", &[]).await;
    hung.send(&news("x")).await.unwrap();
    until("it hangs", || refuses.hub().stats().dispatches_running == 1).await;
    sleep(Duration::from_secs(1)).await;
    let visitors = (0..6).map(|_| server.connect("/"));
    let mut statuses = Vec::new();
    for visitor in futures_util::future::join_all(visitors).await {
        statuses.push(visitor.map_or_else(
            |error| error.refusal().expect("an answer").status().as_u16(),
            |_| 101,
        ));
    }
    // Four wait until the hung one's time is up, which comes before theirs; two may not.
    statuses.sort_unstable();
    assert_eq!(statuses, [101, 101, 101, 101, 503, 503]);
    assert_eq!(error_of(&mut hung).await.0, "timeout");
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_for_its_turn_as_long_as_it_takes() {
    let told = Told::default();
    let seen = told.clone();
    let config = config().max_dispatches(1);
    let layer = WebConnectionSocketLayer::new(config).on_disconnect(move |socket: Socket| {
        let told = seen.clone();
        async move {
            sleep(Duration::from_secs(20)).await;
            told.add(&socket);
        }
    });
    let server = serve(&layer);
    let mut leavers = Vec::new();
    for number in 0..10 {
        leavers.push(join(&server, &format!("user{number}"), &[]).await);
    }
    let begin = Instant::now();
    drop(leavers);
    let all = async {
        while told.len() < 10 {
            sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(300), all)
        .await
        .expect("all of them");
    // One place, so one after the other: longer than a message would have waited.
    assert!(begin.elapsed() >= Duration::from_secs(200));
    assert_eq!(told.different(), 10);
    assert_eq!(layer.hub().stats().dispatches_failed, 0);
}

/// An event's work still has an end.
#[tokio::test(start_paused = true)]
async fn an_event_that_hangs_ends_at_its_timeout_and_the_next_is_told() {
    let told = Told::default();
    let seen = told.clone();
    let config = config().max_dispatches(1);
    let config = config.dispatch_timeout(Duration::from_secs(5));
    let layer = WebConnectionSocketLayer::new(config);
    let layer = layer.on_disconnect(move |socket: Socket| {
        let told = seen.clone();
        async move {
            told.add(&socket);
            pending::<()>().await;
        }
    });
    let server = serve(&layer);
    let leavers = [
        join(&server, "ann", &[]).await,
        join(&server, "bob", &[]).await,
        join(&server, "eve", &[]).await,
    ];
    drop(leavers);
    until("all begin", || told.len() == 3).await;
    assert_eq!(told.different(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_a_shutdown_gives_up_is_one_warning_with_the_count() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(config().max_dispatches(1))
        .on_web_socket(async |_: Socket| pending::<()>().await)
        .on_disconnect(async |_: Socket| pending::<()>().await);
    let hub = layer.hub();
    let server = serve(&layer);
    let leavers = [
        join(&server, "ann", &[]).await,
        join(&server, "bob", &[]).await,
        join(&server, "eve", &[]).await,
    ];
    drop(leavers);
    until("they are gone", || hub.is_empty()).await;
    let mut last = join(&server, "dan", &[]).await;
    last.send(&news("x")).await.unwrap();
    until("it hangs", || hub.stats().messages_in == 1).await;
    drop(last);
    until("it is gone", || hub.is_empty()).await;
    soon("the end", hub.shutdown(Duration::from_secs(1))).await;
    let warnings = log.of(Level::WARN);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("disconnect events") && warnings[0].contains("events=4"));
    assert!(warnings[1].contains("messages") && warnings[1].contains("sockets=1"));
    soon("the end", hub.shutdown(Duration::from_secs(1))).await;
    assert_eq!(log.of(Level::WARN).len(), 2, "told once");
}
