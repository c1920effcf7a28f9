//! From when to when a socket counts for the caps, and that each way out makes room for another.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use tokio::{
    io::{duplex, sink},
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tower::Layer;
use web_connection_socket::{
    Config, Handshake, Identity, Rejection, Socket, WebConnectionSocketLayer, testing::Server,
};

use crate::support::{
    config, join, leave,
    raw::Raw,
    serve, soon, spawn, until,
    wire::{Wire, handshake},
};

const SECOND: Duration = Duration::from_secs(1);

/// Whether a probe is answered with a yes.
async fn admits(server: &Server, query: &str) -> bool {
    let answer = Raw::probe(query).ask(server).await;
    assert!([204, 429, 503].contains(&answer.status), "{}", answer.body);
    answer.status == 204
}

/// Waits until there is room for one more.
async fn room(server: &Server) {
    let room = async {
        while !admits(server, "").await {
            sleep(SECOND).await;
        }
    };
    soon("a free permit", room).await;
}

fn for_one() -> Config {
    config()
        .max_sockets(1)
        .max_sockets_per_user(1)
        .max_sockets_per_client(1)
}

/// A layer with room for one, which fails in the way that the query says.
fn failing() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(for_one())
        .identify(async |visit: Handshake| {
            let ann = Identity::user("ann");
            match visit.query("identify").as_deref() {
                Some("panics") => panic!("no identity"),
                Some("hangs") => pending().await,
                Some("refuses") => Err(Rejection::new(StatusCode::UNAUTHORIZED)),
                Some("finds no time left") => Ok(ann.expires_in(Duration::ZERO)),
                Some("finds a crowd") => Ok((0..65).fold(ann, |ann, n| ann.group(n.to_string()))),
                _ => Ok(ann),
            }
        })
        .on_connect(async |socket: Socket| {
            let visit = socket.handshake().expect("a handshake");
            match visit.query("connect").as_deref() {
                Some("panics") => panic!("no"),
                Some("hangs") => pending().await,
                Some("refuses") => Err(Rejection::new(StatusCode::CONFLICT)),
                _ => Ok(()),
            }
        })
}

const FAILURES: [&str; 8] = [
    "identify=panics",
    "identify=hangs",
    "identify=refuses",
    "identify=finds+no+time+left",
    "identify=finds+a+crowd",
    "connect=panics",
    "connect=hangs",
    "connect=refuses",
];

#[tokio::test(start_paused = true)]
async fn however_an_opening_fails_its_permit_is_free() {
    let layer = failing();
    let server = serve(&layer);
    for failure in FAILURES {
        for asked in [&server, &server.clone().http2()] {
            let error = asked.connect(&format!("/?{failure}")).await.unwrap_err();
            assert!(error.refusal().is_some(), "{failure}: {error}");
            drop(asked.connect("/").await.expect(failure));
            room(&server).await;
        }
        let service = layer.layer(Router::new());
        let request = Request::get(format!("/?{failure}")).body(()).unwrap();
        let stream = tokio::io::join(tokio::io::empty(), sink());
        let accepted = service.accept::<Body, _, _>(request.into_parts().0, stream);
        assert!(accepted.await.is_err(), "{failure}");
        drop(server.connect("/").await.expect(failure));
        room(&server).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_up_while_it_opens_leaves_its_permit() {
    let layer = failing();
    let server = serve(&layer);
    for failure in ["identify=hangs", "connect=hangs"] {
        for asked in [&server, &server.clone().http2()] {
            let path = format!("/?{failure}");
            timeout(SECOND, asked.connect(&path)).await.unwrap_err();
            // A connect event is waited for, however it ends.
            room(&server).await;
        }
        let service = layer.layer(Router::new());
        let request = Request::get(format!("/?{failure}")).body(()).unwrap();
        let (_client, stream) = duplex(1_024);
        let accepted = service.accept::<Body, _, _>(request.into_parts().0, stream);
        timeout(SECOND, accepted).await.unwrap_err();
        assert!(admits(&server, "").await, "{failure}");
    }
}

/// Else a client could ask the hook as often as it likes, and never open a socket.
#[tokio::test(start_paused = true)]
async fn a_probe_has_a_permit_while_the_hook_is_asked() {
    let layer = failing();
    let server = serve(&layer);
    let hanging = {
        let server = server.clone();
        spawn(async move { Raw::probe("?identify=hangs").ask(&server).await })
    };
    // The clock goes on once nothing else does.
    sleep(SECOND).await;
    for request in [Raw::probe(""), Raw::handshake("/")] {
        let answer = request.ask(&server).await;
        assert_eq!((answer.status, &*answer.code()), (503, "too_many_sockets"));
    }
    let answer = soon("the time is up", hanging).await.expect("no panic");
    assert_eq!(answer.code(), "identify_timed_out");
    assert!(admits(&server, "").await);
    drop(server.connect("/").await.expect("a permit"));
}

#[tokio::test]
async fn a_socket_that_is_still_opening_counts_and_one_that_gave_up_does_not() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let layer =
        WebConnectionSocketLayer::new(config().max_sockets(1)).identify(move |visit: Handshake| {
            counter.fetch_add(1, Relaxed);
            async move {
                if visit.query("slow").is_some() {
                    std::future::pending::<()>().await;
                }
                Ok(Identity::anonymous())
            }
        });
    let server = serve(&layer);
    let mut opening = Wire::over(server.open());
    opening.send(handshake("/?slow").as_bytes()).await;
    until("its identity is asked for", || asked.load(Relaxed) == 1).await;
    let upgrade = Raw::handshake("/").ask(&server).await;
    assert_eq!(upgrade.code(), "too_many_sockets");
    assert!(!admits(&server, "").await);
    assert_eq!(asked.load(Relaxed), 1);
    drop(opening);
    let room = async { while !admits(&server, "").await {} };
    soon("the permit to be free", room).await;
    let _ann = join(&server, "ann", &[]).await;
}

#[tokio::test]
async fn a_client_refused_for_another_reason_takes_no_permit() {
    let layer = WebConnectionSocketLayer::new(for_one().max_groups(1)).on_connect(
        async |socket: Socket| {
            let refusal = Rejection::new(StatusCode::CONFLICT);
            let fine = socket.user().id().as_str() != "refused";
            fine.then_some(()).ok_or(refusal)
        },
    );
    let server = serve(&layer);
    let foreign = Raw::handshake("/?userId=ann").with("Origin", "https://evil.test");
    assert_eq!(foreign.ask(&server).await.status, 403);
    for (query, status) in [
        ("?userId=ann&groupId=a&groupId=b", 400),
        ("?userId=refused", 409),
    ] {
        let path = format!("/{query}");
        assert_eq!(Raw::handshake(&path).ask(&server).await.status, status);
    }
    for _ in 0..3 {
        assert!(admits(&server, "?userId=ann").await, "a probe takes none");
    }
    let ann = join(&server, "ann", &[]).await;
    leave(ann, &layer.hub()).await;
    until("the permit is free", || layer.hub().is_empty()).await;
    let _ann = join(&server, "ann", &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_vanished_counts_until_it_owes_a_pong() {
    let layer = WebConnectionSocketLayer::new(config().max_sockets_per_user(1));
    let server = serve(&layer);
    let vanished = Wire::open(&server, "/?userId=ann").await;
    let begin = Instant::now();
    while !admits(&server, "?userId=ann").await {
        sleep(Duration::from_secs(1)).await;
    }
    let locked_out = begin.elapsed().as_secs();
    assert!((34..=37).contains(&locked_out), "{locked_out} s");
    let _ann = join(&server, "ann", &[]).await;
    drop(vanished);
}

#[tokio::test]
async fn a_disconnect_event_that_still_runs_leaves_its_place_to_another() {
    let gate = Arc::new(Semaphore::new(0));
    let held = gate.clone();
    let layer = WebConnectionSocketLayer::new(config().max_sockets(1)).on_disconnect(move |_| {
        let gate = held.clone();
        async move { gate.acquire().await.expect("an open gate").forget() }
    });
    let server = serve(&layer);
    let ann = join(&server, "ann", &[]).await;
    leave(ann, &layer.hub()).await;
    until("the event runs", || {
        layer.hub().stats().dispatches_running == 1
    })
    .await;
    let _bob = join(&server, "bob", &[]).await;
    gate.add_permits(2);
}
