//! How long the names may be that become a user's socket or a group's member, whichever way they
//! come.

use axum::{
    Router,
    http::{HeaderValue, Request, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use tracing::Level;
use web_connection_socket::{
    Config, Handshake, Identity, Socket, SocketErrorKind, WebConnectionSocketLayer,
};

use crate::support::{error_of, join, log, news, raw::Raw, serve, serve_app, text, until};

fn long() -> String {
    "é".repeat(129)
}

#[tokio::test]
async fn joining_by_a_call_tells_of_a_name_that_is_too_long() {
    let (sender, mut outcomes) = tokio::sync::mpsc::channel(8);
    let layer =
        WebConnectionSocketLayer::new(Config::new()).on_web_socket(move |socket: Socket| {
            let sender = sender.clone();
            async move {
                let name = socket.message().message.as_str();
                let joined = socket.join(name).map_err(|error| error.kind());
                let renamed = socket.reidentify(Identity::user(name));
                let named = socket.reidentify(Identity::user("ann").group(name));
                let kinds = [renamed, named].map(|one| one.map_err(|error| error.kind()));
                sender.send((joined, kinds)).await.map_err(|_| "no test")
            }
        });
    let server = serve(&layer);
    let hub = layer.hub();
    let mut ann = join(&server, "ann", &["chat"]).await;
    let id = hub.sockets()[0];
    let too_long = Err(SocketErrorKind::NameTooLong);

    ann.send(&news(long())).await.unwrap();
    let outcome = outcomes.recv().await.expect("a message");
    assert_eq!(outcome, (too_long, [too_long, too_long]));
    assert_eq!(hub.join(id, long()).map_err(|error| error.kind()), too_long);
    assert_eq!(hub.groups_of(id), ["chat"]);
    assert_eq!(hub.users(), [("ann".into(), 1)]);

    ann.send(&news("é".repeat(128))).await.unwrap();
    let outcome = outcomes.recv().await.expect("a message");
    assert_eq!(outcome, (Ok(()), [Ok(()), Ok(())]));
    assert_eq!(hub.groups_of(id), ["é".repeat(128).as_str()]);
}

#[tokio::test]
async fn a_long_name_in_the_query_is_refused() {
    let layer = WebConnectionSocketLayer::new(Config::new().max_name_length(4));
    let server = serve(&layer);
    let _ann = join(&server, "anna", &["chat"]).await;
    for query in ["userId=annie", "groupId=chat&groupId=lobby"] {
        for request in [
            Raw::handshake(&format!("/?{query}")),
            Raw::new(&format!("GET /__initializeSocket.wc?{query} HTTP/1.1")),
        ] {
            let answer = request.ask(&server).await;
            assert_eq!(answer.status, 400, "{query}");
            assert!(answer.body.contains("max_name_length"), "{}", answer.body);
        }
    }
    assert_eq!(layer.hub().len(), 1);
}

/// It is the application that names too much, so its log says so.
#[tokio::test]
async fn a_hook_that_names_too_much_fails_and_the_log_says_how_long() {
    for (identity, complaint) in [
        (Identity::user(long()), "258"),
        (Identity::user("ann").group(long()), "258"),
        (
            (0..65).fold(Identity::user("ann"), |ann, number| {
                ann.group(number.to_string())
            }),
            "max_groups",
        ),
    ] {
        let log = log::capture();
        let layer = WebConnectionSocketLayer::new(Config::new()).identify(move |_: Handshake| {
            let identity = identity.clone();
            async { Ok(identity) }
        });
        let server = serve(&layer);
        for request in [
            Raw::handshake("/"),
            Raw::new("GET /__initializeSocket.wc HTTP/1.1"),
        ] {
            let answer = request.ask(&server).await;
            assert_eq!((answer.status, &*answer.code()), (500, "identify_failed"));
        }
        let said = log.text();
        assert!(said.contains(complaint), "{said}");
        assert_eq!(log.of(Level::ERROR).len(), 1, "{said}");
        assert!(layer.hub().is_empty());
    }
}

#[tokio::test]
async fn a_long_name_in_an_answer_is_not_followed() {
    async fn answer(socket: Socket) -> Response {
        let group = HeaderValue::from_str(&socket.message().message);
        let group = group.expect("a header");
        (StatusCode::NO_CONTENT, [("websocket-join", group)]).into_response()
    }
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(Config::new());
    let server = serve_app(&layer, Router::new().fallback(any(answer)));
    let mut ann = server.connect("/").await.unwrap();
    for name in ["x".repeat(257), "chat".to_owned()] {
        ann.send(&news(name)).await.unwrap();
    }
    let hub = layer.hub();
    until("it is in the group", || !hub.groups().is_empty()).await;
    assert_eq!(hub.groups(), [("chat".into(), 1)]);
    assert!(log.text().contains("max_name_length"), "{}", log.text());
}

/// However many groups there may be, what a message carries into the application does not grow
/// with their product.
#[tokio::test]
async fn all_names_of_a_socket_together_have_a_bound() {
    async fn length(request: Request<axum::body::Body>) -> String {
        let names = request.headers().get_all("websocket-group-id");
        let bytes: usize = names.iter().map(HeaderValue::len).sum();
        format!(r#"{{"action":"bytes","message":"{bytes}"}}"#)
    }
    let config = Config::new()
        .max_groups(usize::MAX)
        .max_handshake_size(4_096);
    let layer = WebConnectionSocketLayer::new(config);
    let app = Router::new().fallback(any(async |request: Request<axum::body::Body>| {
        let answer = length(request).await;
        ([("content-type", "application/json")], answer)
    }));
    let server = serve_app(&layer, app);
    let hub = layer.hub();
    let mut ann = join(&server, "ann", &[]).await;
    let id = hub.sockets()[0];
    let name = |number: usize| format!("{number}{}", "x".repeat(200));
    let joined = (0..100).take_while(|&number| hub.join(id, name(number)).is_ok());
    assert_eq!(joined.count(), 20);
    let error = hub.join(id, name(21)).unwrap_err();
    assert_eq!(error.kind(), SocketErrorKind::TooManyGroups);
    assert!(error.to_string().contains("max_handshake_size"), "{error}");
    // Neither by another name for the socket, nor by groups that come with it.
    for identity in [
        Identity::user("x".repeat(250)),
        Identity::user("ann").group("y".repeat(250)),
    ] {
        let error = hub.reidentify(id, identity).unwrap_err();
        assert_eq!(error.kind(), SocketErrorKind::TooManyGroups);
    }
    ann.send(&news("")).await.unwrap();
    let bytes: usize = text(&mut ann).await.parse().expect("a number");
    assert!((3_000..=4_096).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn a_handler_that_joins_what_a_visitor_wrote_tells_the_visitor() {
    let layer = WebConnectionSocketLayer::new(Config::new())
        .on_action("enter", |socket: Socket| async move {
            socket.join(socket.message().message.as_str())
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    let enter = web_connection_socket::SocketMessage::new("enter").text(long());
    ann.send(&enter).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".into(), 500));
    assert!(layer.hub().groups().is_empty());
}
