//! Every way to write a reserved URL: it is guarded, or it is an ordinary request of the
//! application's. None of them makes the application believe that the layer sent it.

use web_connection_socket::{Config, WebConnectionSocketLayer, config::PresenceRule};

use crate::support::{app::Visits, config, raw::Raw, serve_app, spelled::every_spelling};

const MESSAGE: &str = r#"{"action":"forged","message":"x"}"#;

#[tokio::test]
async fn no_spelling_of_a_strangers_carries_the_mark() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let mut listener = server.connect("/").await.unwrap();
    let (mut guarded, mut passed) = (0, 0);
    for target in every_spelling() {
        for request in [
            Raw::post(&target, MESSAGE),
            Raw::new(&format!("GET {target} HTTP/1.1")),
            Raw::new(&format!("PROPFIND {target} HTTP/1.1")),
        ] {
            let answer = request.ask(&server).await;
            match (answer.status, &*answer.code()) {
                (403, "callers_not_configured") | (405, "method_not_allowed") => {
                    guarded += 1;
                    assert!(visits.take().is_empty(), "{request}");
                }
                // The server itself cannot read it.
                (400, "") => assert!(visits.take().is_empty(), "{request}"),
                (200, "") => {
                    passed += 1;
                    let visit = visits.only();
                    assert!(visit.socket.is_none(), "{request}");
                }
                answer => panic!("{answer:?} to {request}"),
            }
        }
    }
    assert!(guarded > 150 && passed > 150, "{guarded} {passed}");
    layer.hub().broadcast(&crate::support::news("first"));
    assert_eq!(crate::support::text(&mut listener).await, "first");
}

#[tokio::test]
async fn what_a_trusted_caller_spells_oddly_is_marked_at_the_configured_spelling_alone() {
    let layer = WebConnectionSocketLayer::new(config());
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let (mut marked, mut broadcast, mut asked) = (0, 0, 0);
    for target in every_spelling() {
        let answer = Raw::post(&target, MESSAGE).ask(&server).await;
        let visits = visits.take();
        match &visits[..] {
            [visit] if visit.socket.is_some() => {
                marked += 1;
                assert_eq!(visit.uri.to_string(), "/__WebSocket.wwd", "{target}");
            }
            [_] => assert_eq!(answer.body, "the application", "{target}"),
            [] if answer.status == 200 => {
                broadcast += 1;
                assert!(answer.body.contains("matched"), "{target}: {}", answer.body);
            }
            [] if answer.status == 405 => {
                asked += 1;
                assert_eq!(answer.headers["allow"], "GET", "{target}");
            }
            // The server cannot read the target, or the host is not this machine.
            [] => assert!(matches!(answer.status, 400 | 403), "{target}"),
            _ => panic!("{target} came twice"),
        }
    }
    assert!(marked > 20 && broadcast == marked, "{marked} {broadcast}");
    // The method is looked at before the caller.
    assert!(asked >= marked, "{asked} {marked}");
}

#[tokio::test]
async fn no_spelling_reaches_past_the_control_service() {
    let layer = WebConnectionSocketLayer::new(config().control_service_only(true));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    for target in every_spelling() {
        let answer = Raw::post(&target, MESSAGE).ask(&server).await;
        assert!(matches!(answer.status, 200 | 400 | 404), "{target}");
        let visits = visits.take();
        assert!(
            visits.iter().all(|visit| visit.socket.is_none()),
            "{target}"
        );
        assert!(!answer.body.contains("matched"), "{target}");
    }
}

#[tokio::test]
async fn no_spelling_asks_past_the_control_service_who_is_here() {
    let rule = PresenceRule::group("*");
    let config = config().presence(rule).control_service_only(true);
    let layer = WebConnectionSocketLayer::new(config);
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    let mut closed = 0;
    for target in every_spelling() {
        let query = if target.contains('?') { "&" } else { "?" };
        let line = format!("GET {target}{query}group=lobby HTTP/1.1");
        let answer = Raw::new(&line).ask(&server).await;
        closed += usize::from(answer.status == 404);
        assert!(matches!(answer.status, 200 | 400 | 404), "{target}");
        assert!(!answer.body.contains("groupId"), "{target}");
        let visits = visits.take();
        assert_eq!(visits.is_empty(), answer.status != 200, "{target}");
    }
    assert!(closed > 60, "{closed}");
}

#[tokio::test]
async fn a_dispatch_path_of_ones_own_is_guarded_in_every_case() {
    let layer = WebConnectionSocketLayer::new(Config::new().dispatch_path("/messages/in"));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    for target in [
        "/messages/in",
        "/Messages/IN",
        "/messages/%69n",
        "/__WebSocket.wwd",
    ] {
        let answer = Raw::post(target, MESSAGE).ask(&server).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (403, "callers_not_configured"),
            "{target}"
        );
    }
    assert!(visits.take().is_empty());
    for target in [
        "/messages/in/",
        "//messages/in",
        "/messages/./in",
        "/messages%2fin",
    ] {
        assert_eq!(
            Raw::post(target, MESSAGE).ask(&server).await.status,
            200,
            "{target}"
        );
        assert!(visits.only().socket.is_none(), "{target}");
    }
}
