//! Which pages may open a socket, and what the browser client hears when its page may not.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::StatusCode;
use web_connection_socket::{
    Config, Handshake, Identity, Rejection, RejectionKind, Socket, WebConnectionSocketLayer,
};

use crate::support::{
    app::Visits,
    raw::{Answer, Raw},
    serve, serve_app,
};

/// Asks for a socket and, as the browser client does after a failure, for the reason; both answers
/// agree.
async fn ask(layer: &WebConnectionSocketLayer, headers: &[(&str, &str)]) -> Answer {
    let visits = Visits::default();
    let server = serve_app(layer, visits.app());
    let add = |request: Raw, (name, value): &(&str, &str)| {
        if *name == "Host" {
            request.set(name, value)
        } else {
            request.with(name, value)
        }
    };
    let path = "/chat/__initializeSocket.wc?userId=ann";
    let upgrade = headers.iter().fold(Raw::handshake(path), add);
    let probe = headers
        .iter()
        .fold(Raw::new(&format!("GET {path} HTTP/1.1")), add);

    let before = layer.hub().len();
    let reason = probe.ask(&server).await;
    assert_eq!(layer.hub().len(), before, "a probe opens nothing");
    let answer = upgrade.ask(&server).await;
    if answer.status == 101 {
        assert_eq!((reason.status, &*reason.body), (204, ""), "{headers:?}");
        assert_eq!(layer.hub().len(), before + 1);
    } else {
        assert_eq!(
            (reason.status, &reason.body),
            (answer.status, &answer.body),
            "{headers:?}"
        );
        assert_eq!(layer.hub().len(), before);
    }
    assert!(visits.take().is_empty(), "neither is the application's");
    answer
}

/// The answer to a page of an origin, at a host.
async fn from_page(config: Config, host: &str, origins: &[&str]) -> (u16, String) {
    let layer = WebConnectionSocketLayer::new(config);
    let mut headers = vec![("Host", host)];
    headers.extend(origins.iter().map(|origin| ("Origin", *origin)));
    let answer = ask(&layer, &headers).await;
    (answer.status, answer.code())
}

fn refused(code: &str) -> (u16, String) {
    (403, code.to_owned())
}

fn opened() -> (u16, String) {
    (101, String::new())
}

#[tokio::test]
async fn a_program_sends_no_origin_and_may_open_a_socket() {
    assert_eq!(from_page(Config::new(), "app.example", &[]).await, opened());
    let strict = Config::new().origins(["https://app.example"]);
    assert_eq!(from_page(strict, "app.example", &[]).await, opened());
}

#[tokio::test]
async fn by_default_a_page_must_be_of_the_requests_own_host_and_port() {
    for (host, origin) in [
        ("app.example", "http://app.example"),
        ("app.example", "https://app.example"),
        ("app.example:443", "https://app.example"),
        ("app.example:8080", "http://app.example:8080"),
        ("APP.example", "http://app.EXAMPLE:80"),
        ("[::1]:3000", "http://[::1]:3000"),
    ] {
        let answer = from_page(Config::new(), host, &[origin]).await;
        assert_eq!(answer, opened(), "{origin} at {host}");
    }
    for (host, origin) in [
        ("app.example", "https://evil.test"),
        ("app.example", "http://app.example:8080"),
        ("app.example:8080", "http://app.example"),
        ("app.example:443", "http://app.example"),
        ("app.example", "http://sub.app.example"),
        ("localhost:3000", "http://localhost:5173"),
        ("localhost", "http://127.0.0.1"),
    ] {
        let answer = from_page(Config::new(), host, &[origin]).await;
        assert_eq!(answer, refused("foreign_origin"), "{origin} at {host}");
    }
}

#[tokio::test]
async fn a_named_origin_is_matched_whole() {
    let named = || {
        let app = "https://app.example";
        [
            Config::new().origins([app]),
            Config::new().public_origin(app),
        ]
    };
    for config in named() {
        for origin in [
            "https://app.example",
            "HTTPS://APP.EXAMPLE",
            "https://app.example:443",
        ] {
            let answer = from_page(config.clone(), "inner:3000", &[origin]).await;
            assert_eq!(answer, opened(), "{origin}");
        }
        for origins in [
            &["https://app.example.evil.test"][..],
            &["https://evilapp.example"],
            &["http://app.example"],
            &["https://app.example:444"],
            &["https://sub.app.example"],
        ] {
            let answer = from_page(config.clone(), "app.example", origins).await;
            assert_eq!(answer, refused("foreign_origin"), "{origins:?}");
        }
        for origins in [
            &["https://app.example@evil.test"][..],
            &["null"],
            &[""],
            &["https://app.example", "https://app.example"],
            &["https://app.example, https://app.example"],
            &["https://app.example https://app.example"],
            &["file://"],
            &["https://app.example/path"],
            &["https://app.example/"],
            &["app.example"],
        ] {
            let answer = from_page(config.clone(), "app.example", origins).await;
            assert_eq!(answer, refused("malformed_origin"), "{origins:?}");
        }
    }
}

#[tokio::test]
async fn any_origin_admits_what_is_none_as_well() {
    for origin in ["https://evil.test", "null", "file://"] {
        let answer = from_page(Config::new().any_origin(), "app.example", &[origin]).await;
        assert_eq!(answer, opened(), "{origin}");
    }
}

#[tokio::test]
async fn localhost_origins_count_only_at_a_localhost_address() {
    let config = || Config::new().allow_localhost_origins(true);
    let vite = ["http://localhost:5173"];
    assert_eq!(from_page(config(), "127.0.0.1:3000", &vite).await, opened());
    for (host, origin) in [
        ("app.example", vite[0]),
        ("localhost:3000", "http://localhost.evil.test:5173"),
    ] {
        let answer = from_page(config(), host, &[origin]).await;
        assert_eq!(answer, refused("foreign_origin"), "{origin} at {host}");
    }
}

#[tokio::test]
async fn hosts_stop_dns_rebinding_before_anything_else() {
    let config = || Config::new().hosts(["app.example"]).any_origin();
    assert_eq!(from_page(config(), "app.example:8080", &[]).await, opened());
    let rebound = ["http://evil.test"];
    let answer = from_page(config(), "evil.test", &rebound).await;
    assert_eq!(answer, refused("host_not_allowed"));

    let server = serve(&WebConnectionSocketLayer::new(
        config().trust_local_callers(),
    ));
    for path in ["/__broadcastWebSocket.wc", "/__WebSocket.wwd"] {
        let answer = Raw::post(path, "{}").ask(&server).await;
        assert_eq!(
            (answer.status, &*answer.code()),
            (403, "host_not_allowed"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_refusal_names_what_it_saw_and_what_would_let_it_in() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let headers = [("Host", "app.example"), ("Origin", "https://shop.example")];
    let answer = ask(&layer, &headers).await;
    for told in [
        "https://shop.example",
        "app.example",
        "Config::origins",
        "Config::public_origin",
    ] {
        assert!(answer.body.contains(told), "{told}: {}", answer.body);
    }
    assert_eq!(
        layer.hub().stats().refusals[&RejectionKind::ForeignOrigin],
        2
    );
}

#[tokio::test]
async fn a_foreign_page_is_refused_before_any_hook_is_asked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (of_identify, of_connect) = (asked.clone(), asked.clone());
    let layer = WebConnectionSocketLayer::new(Config::new())
        .identify(move |_: Handshake| {
            of_identify.fetch_add(1, Relaxed);
            async { Ok(Identity::anonymous()) }
        })
        .on_connect(move |_: Socket| {
            of_connect.fetch_add(1, Relaxed);
            async { Ok(()) }
        });
    let answer = ask(&layer, &[("Origin", "https://evil.test")]).await;
    assert_eq!((answer.status, &*answer.code()), (403, "foreign_origin"));
    assert_eq!(asked.load(Relaxed), 0);
}

#[tokio::test]
async fn the_probe_takes_a_page_from_its_referer_when_the_browser_names_no_origin() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let server = serve_app(&layer, Visits::default().app());
    let probe = || Raw::new("GET /__initializeSocket.wc HTTP/1.1").set("Host", "app.internal");
    let own = probe().with("Referer", "https://app.internal/");
    assert_eq!(own.ask(&server).await.status, 204);
    let foreign = probe()
        .with("Referer", "https://app.example/")
        .ask(&server)
        .await;
    assert_eq!((foreign.status, &*foreign.code()), (403, "foreign_origin"));
}

#[tokio::test]
async fn the_probe_asks_identify_and_no_connect_hook() {
    let connects = Arc::new(AtomicUsize::new(0));
    let counted = connects.clone();
    let layer = WebConnectionSocketLayer::new(Config::new())
        .identify(|handshake: Handshake| async move {
            match handshake.header("cookie") {
                Some(_) => Ok(Identity::user("ann")),
                None => Err(Rejection::new(StatusCode::UNAUTHORIZED).detail("Sign in first.")),
            }
        })
        .on_connect(move |_: Socket| {
            counted.fetch_add(1, Relaxed);
            async { Ok(()) }
        });
    let answer = ask(&layer, &[]).await;
    assert_eq!((answer.status, &*answer.code()), (401, "identify_refused"));
    assert!(answer.body.contains("Sign in first."), "{}", answer.body);
    assert_eq!(ask(&layer, &[("Cookie", "session=1")]).await.status, 101);
    assert_eq!(connects.load(Relaxed), 1);
}

#[tokio::test]
async fn while_shutting_down_upgrade_and_probe_ask_to_come_back_later() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    layer.hub().shutdown(std::time::Duration::ZERO).await;
    let answer = ask(&layer, &[]).await;
    assert_eq!((answer.status, &*answer.code()), (503, "shutting_down"));
    let seconds = answer.header("retry-after").and_then(|it| it.parse().ok());
    assert!(
        seconds.is_some_and(|it: u64| (1..=5).contains(&it)),
        "{seconds:?}"
    );
}

#[tokio::test]
async fn a_configured_socket_path_is_probed_by_its_own_name() {
    let layer = WebConnectionSocketLayer::new(Config::new().socket_path("/live/ws"));
    let visits = Visits::default();
    let server = serve_app(&layer, visits.app());
    assert_eq!(
        Raw::new("GET /live/ws HTTP/1.1").ask(&server).await.status,
        204
    );
    let foreign = Raw::new("GET /live/ws HTTP/1.1").with("Origin", "https://evil.test");
    assert_eq!(foreign.ask(&server).await.code(), "foreign_origin");
    assert!(visits.take().is_empty());

    for line in [
        "GET /__initializeSocket.wc HTTP/1.1",
        "POST /live/ws HTTP/1.1",
    ] {
        assert_eq!(Raw::new(line).ask(&server).await.status, 200, "{line}");
        visits.only();
    }
}
