//! What a visitor says of itself in the query string, and what that is worth.

use std::collections::BTreeSet;

use tracing::Level;
use web_connection_socket::{
    Config, GroupId, Handshake, Identity, Socket, User, WebConnectionSocketLayer,
};

use crate::support::{frame, join, log, news, raw::Raw, serve, text};

#[tokio::test]
async fn s09_the_query_names_user_and_groups_in_any_case() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let server = serve(&layer);
    let hub = layer.hub();
    for (query, user, groups) in [
        ("", "", &[][..]),
        ("?userId=ann&groupId=chat", "ann", &["chat"]),
        (
            "?USERID=ann&groupid=chat&GroupId=ops",
            "ann",
            &["chat", "ops"],
        ),
        (
            "?groupId=Web%20Connection+Chat",
            "",
            &["Web Connection Chat"],
        ),
        ("?userId=Zo%C3%AB&groupId=", "Zoë", &[]),
        ("?groupId=a&groupId=a", "", &["a"]),
        ("?other=x&userIdx=y", "", &[]),
    ] {
        let path = format!("/shop/__initializeSocket.wc{query}");
        let client = server.connect(&path).await.unwrap();
        let id = hub.sockets()[0];
        assert_eq!(hub.user_of(id), Some(User::Claimed(user.into())), "{query}");
        let seen = hub.groups_of(id);
        let seen: BTreeSet<_> = seen.iter().map(|group| group.as_str()).collect();
        assert_eq!(seen, groups.iter().copied().collect(), "{query}");
        client.close("1000".parse().unwrap()).await.unwrap();
        crate::support::until("it is gone", || hub.is_empty()).await;
    }
}

#[tokio::test]
async fn s09_a_claim_is_kept_as_it_is_and_called_a_claim() {
    let layer =
        WebConnectionSocketLayer::new(Config::new()).on_web_socket(|socket: Socket| async move {
            assert!(!socket.user().is_verified());
            socket.reply(socket.message())
        });
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["chat"]).await;
    let message = news("x").from_user("another user").from_group("elsewhere");
    ann.send(&message).await.unwrap();
    let echo = frame(&mut ann).await;
    assert_eq!(echo["userId"], "another user");
    assert_eq!(echo["groupId"], "elsewhere");
    // The message describes its sender and never changes the socket's own user or groups.
    let hub = layer.hub();
    let id = hub.sockets()[0];
    assert_eq!(hub.user_of(id), Some(User::Claimed("ann".into())));
    assert_eq!(hub.groups_of(id), [GroupId::from("chat")]);
}

#[tokio::test]
async fn the_first_broadcast_to_a_claimed_user_is_warned_of_and_only_the_first() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(Config::new());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &["chat"]).await;
    let hub = layer.hub();

    for quiet in [
        news("1"),
        news("2").to_group("chat"),
        news("3").to_user("nobody"),
    ] {
        hub.broadcast(&quiet);
    }
    assert!(log.of(Level::WARN).is_empty(), "{}", log.text());
    for _ in 0..3 {
        hub.broadcast(&news("4").to_user("ann"));
        let warnings = log.of(Level::WARN);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("identify"), "{warnings:?}");
    }
    for expected in ["1", "2", "4", "4", "4"] {
        assert_eq!(text(&mut ann).await, expected);
    }
}

#[tokio::test]
async fn verified_users_may_be_addressed_in_silence() {
    let log = log::capture();
    let layer = WebConnectionSocketLayer::new(Config::new())
        .identify(|_: Handshake| async { Ok(Identity::user("ann")) });
    let server = serve(&layer);
    let mut ann = join(&server, "anyone", &[]).await;
    layer.hub().broadcast(&news("private").to_user("ann"));
    assert_eq!(text(&mut ann).await, "private");
    assert!(log.of(Level::WARN).is_empty(), "{}", log.text());
}

#[tokio::test]
async fn s09_a_query_that_is_not_utf_8_is_refused() {
    let claims = WebConnectionSocketLayer::new(Config::new());
    let verified = WebConnectionSocketLayer::new(Config::new())
        .identify(|_: Handshake| async { Ok(Identity::user("ann")) });
    for query in [
        // What `escape()` and pages in Windows-1252 send.
        "?userId=j%F6rg",
        "?userId=j%E4rg",
        "?userId=ann&groupId=b%FCro",
        "?groupId=%FC&groupId=chat",
        "?user%F6=x",
        "?token=%FF",
        // An overlong slash, half a character, a surrogate, a character cut by the separator.
        "?userId=%C0%AF",
        "?userId=%C3",
        "?userId=%ED%A0%BD",
        "?userId=%C3&%B6",
    ] {
        for layer in [&claims, &verified] {
            let server = serve(layer);
            for request in [
                Raw::handshake(&format!("/{query}")),
                Raw::new(&format!("GET /__initializeSocket.wc{query} HTTP/1.1")),
            ] {
                let answer = request.ask(&server).await;
                let refused = (answer.status, &*answer.code());
                assert_eq!(refused, (400, "malformed_handshake"), "{request}");
                assert!(
                    answer.body.contains("encodeURIComponent"),
                    "{}",
                    answer.body
                );
            }
            assert!(layer.hub().is_empty());
        }
    }
}

#[tokio::test]
async fn s09_what_pages_encode_by_the_book_arrives_as_it_was() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let server = serve(&layer);
    let hub = layer.hub();
    for (encoded, name) in [
        // As `encodeURIComponent` and as `URLSearchParams` write it.
        ("J%C3%B6rg%20%26%20S%C3%B6hne%20%2B%25", "Jörg & Söhne +%"),
        ("J%C3%B6rg+%26+S%C3%B6hne+%2B%25", "Jörg & Söhne +%"),
        ("%F0%9F%98%80", "😀"),
        ("%EF%BF%BD", "\u{FFFD}"),
        // No escapes at all: they stand for themselves.
        ("100%", "100%"),
        ("%ZZ%4", "%ZZ%4"),
        ("%u20AC", "%u20AC"),
    ] {
        let path = format!("/__initializeSocket.wc?userId={encoded}&groupId={encoded}");
        let client = server.connect(&path).await.unwrap();
        let id = hub.sockets()[0];
        assert_eq!(hub.user_of(id), Some(User::Claimed(name.into())));
        assert_eq!(hub.groups_of(id), [GroupId::from(name)]);
        client.close("1000".parse().unwrap()).await.unwrap();
        crate::support::until("it is gone", || hub.is_empty()).await;
    }
}
