//! Users whose newest sockets stay, and whose oldest are closed for them.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use http::StatusCode;
use tokio::{sync::Semaphore, task::JoinSet, time::sleep};
use web_connection_socket::{
    CloseReason, Config, Handshake, Identity, Recipient, Rejection, Socket,
    WebConnectionSocketLayer,
    config::WhenFull,
    testing::{Client, Server},
};

use crate::support::{
    config, join, news, news_to, raw::Raw, serve, soon, spawn, text, until, wire::Wire,
};

fn newest(sockets: usize) -> Config {
    config()
        .max_sockets_per_user(sockets)
        .when_user_full(WhenFull::CloseOldest)
}

/// Verifies what the query says.
fn verified(config: Config) -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config).identify(async |handshake: Handshake| {
        let user = handshake.query("userId").unwrap_or_default();
        Ok(Identity::user(user.into_owned()))
    })
}

async fn open(server: &Server, user: &str) -> Client {
    join(server, user, &[]).await
}

#[tokio::test]
async fn a_new_socket_is_let_in_and_the_oldest_is_closed_for_it() {
    let layer = verified(newest(2));
    let (server, hub) = (serve(&layer), layer.hub());
    let mut bob = open(&server, "bob").await;
    let mut first = open(&server, "ann").await;
    let mut second = open(&server, "ann").await;
    let mut third = open(&server, "ann").await;
    // The client of the third has seen its 101: the first is no member any more.
    let report = hub.broadcast(&news_to("for ann", [Recipient::user("ann")]));
    assert_eq!((report.matched, report.queued), (2, 2));
    assert_eq!(
        soon("the close", first.closed()).await,
        CloseReason::REPLACED
    );
    assert_eq!(text(&mut second).await, "for ann");
    let mut fourth = open(&server, "ann").await;
    assert_eq!(
        soon("the close", second.closed()).await.to_string(),
        "4409 opened elsewhere"
    );
    hub.broadcast(&news("for all"));
    assert_eq!(text(&mut third).await, "for ann");
    for client in [&mut third, &mut fourth, &mut bob] {
        assert_eq!(text(client).await, "for all");
    }
    assert!(hub.stats().refusals.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_the_newest_stay() {
    const MOST: usize = 8;
    const AT_ONCE: usize = 5;

    for _ in 0..20 {
        let layer = verified(newest(MOST));
        let (server, hub) = (serve(&layer), layer.hub());
        let mut opening = JoinSet::new();
        for _ in 0..MOST + AT_ONCE {
            let server = server.clone();
            opening.spawn(async move { open(&server, "ann").await });
        }
        let mut ends = JoinSet::new();
        for mut client in opening.join_all().await {
            ends.spawn(async move { client.closed().await });
        }
        for _ in 0..AT_ONCE {
            let end = soon("a close", ends.join_next()).await.expect("a client");
            assert_eq!(end.expect("no panic"), CloseReason::REPLACED);
        }
        let before: BTreeSet<_> = hub.sockets().into_iter().collect();
        assert_eq!(before.len(), MOST);
        // Ids count up.
        let _newcomer = open(&server, "ann").await;
        let after: BTreeSet<_> = hub.sockets().into_iter().collect();
        assert_eq!(after.len(), MOST);
        assert_eq!(
            before.difference(&after).collect::<Vec<_>>(),
            [before.first().unwrap()]
        );
        assert_eq!(
            soon("a close", ends.join_next())
                .await
                .unwrap()
                .unwrap()
                .code(),
            4409
        );
    }
}

#[tokio::test]
async fn a_claim_closes_no_socket_and_is_refused_as_ever() {
    let config = newest(1);
    let verifying = verified(config.clone());
    let hub = verifying.hub();
    let claiming = WebConnectionSocketLayer::with_hub(config, hub.clone());
    let (verifying, claiming) = (serve(&verifying), serve(&claiming));
    let mut ann = open(&verifying, "ann").await;
    let mut stranger = open(&claiming, "ann").await;
    let refused = Raw::handshake("/?userId=ann").ask(&claiming).await;
    assert_eq!(
        (refused.status, &*refused.code()),
        (429, "too_many_sockets_of_user")
    );
    hub.broadcast(&news_to("for both", [Recipient::user("ann")]));
    assert_eq!(text(&mut ann).await, "for both");
    assert_eq!(text(&mut stranger).await, "for both");
    // And the verified user closes none of a stranger's, who is another user.
    let _ann_again = open(&verifying, "ann").await;
    assert_eq!(soon("the close", ann.closed()).await, CloseReason::REPLACED);
    hub.broadcast(&news("still there"));
    assert_eq!(text(&mut stranger).await, "still there");
}

#[tokio::test]
async fn visitors_without_a_name_are_not_one_user() {
    let layer = verified(newest(1));
    let server = serve(&layer);
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(server.connect("/").await.expect("a socket"));
    }
    assert_eq!(layer.hub().len(), 5);
}

#[tokio::test]
async fn a_socket_that_the_application_refuses_closes_none() {
    let layer = verified(newest(1)).on_connect(async |socket: Socket| {
        let is_late = socket
            .handshake()
            .is_some_and(|it| it.query("late").is_some());
        (!is_late)
            .then_some(())
            .ok_or(Rejection::new(StatusCode::CONFLICT))
    });
    let server = serve(&layer);
    let mut ann = open(&server, "ann").await;
    let refused = Raw::handshake("/?userId=ann&late=1").ask(&server).await;
    assert_eq!(refused.status, 409);
    layer.hub().broadcast(&news("still there"));
    assert_eq!(text(&mut ann).await, "still there");
}

#[tokio::test]
async fn a_socket_that_opens_slowly_is_older_than_those_that_came_meanwhile() {
    let gate = Arc::new(Semaphore::new(0));
    let opens = gate.clone();
    let layer = verified(newest(1)).on_connect(move |socket: Socket| {
        let opens = opens.clone();
        async move {
            if socket
                .handshake()
                .is_some_and(|it| it.query("slow").is_some())
            {
                opens.acquire().await.expect("an open gate").forget();
            }
            Ok::<_, Rejection>(())
        }
    });
    let (server, hub) = (serve(&layer), layer.hub());
    let slow = {
        let server = server.clone();
        spawn(async move { server.connect("/?userId=ann&slow=1").await })
    };
    until("it is opening", || hub.stats().dispatches_running == 1).await;
    let mut quick = open(&server, "ann").await;
    gate.add_permits(1);
    let mut slow = slow.await.expect("no panic").expect("a socket");
    assert_eq!(
        soon("the close", slow.closed()).await,
        CloseReason::REPLACED
    );
    hub.broadcast(&news("still there"));
    assert_eq!(text(&mut quick).await, "still there");
}

/// Else a user that opens sockets without pause would have any number of them.
#[tokio::test(start_paused = true)]
async fn sockets_that_do_not_end_bound_how_many_may_follow() {
    let layer = verified(newest(2));
    let (server, hub) = (serve(&layer), layer.hub());
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(Wire::open(&server, "/?userId=ann").await);
        assert!(hub.len() <= 2);
    }
    for request in [Raw::handshake("/?userId=ann"), Raw::probe("?userId=ann")] {
        let refused = request.ask(&server).await;
        assert_eq!(
            (refused.status, &*refused.code()),
            (429, "too_many_sockets_of_user")
        );
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    // No client answered the two close frames; their time is up.
    sleep(Duration::from_secs(6)).await;
    let _fifth = open(&server, "ann").await;
    assert_eq!(hub.len(), 2);
}

#[tokio::test]
async fn a_socket_counts_for_the_user_that_it_has_by_then() {
    let layer = verified(newest(1));
    let (server, hub) = (serve(&layer), layer.hub());
    let mut first = open(&server, "ann").await;
    let socket = hub.sockets_of("ann")[0];
    hub.reidentify(socket, Identity::user("bob"))
        .expect("a socket");
    let _ann = open(&server, "ann").await;
    hub.broadcast(&news("still there"));
    assert_eq!(text(&mut first).await, "still there");
    let _bob = open(&server, "bob").await;
    assert_eq!(
        soon("the close", first.closed()).await,
        CloseReason::REPLACED
    );
}
