//! What our layer refuses reaches the caller with its reason.

use http::StatusCode;
use web_connection_socket::{BroadcastErrorKind, Config, RejectionKind, WebConnectionSocketLayer};

use super::{TOKEN, listen, send, sender, with_token};
use crate::support::{news, serve};

#[tokio::test]
async fn a_missing_or_wrong_token_is_401_with_the_servers_text() {
    let address = listen(&with_token()).await;
    let without = sender(address);
    let with_wrong = without.clone().bearer_token("wrong").unwrap();
    for (sender, kind) in [
        (without, RejectionKind::TokenMissing),
        (with_wrong, RejectionKind::TokenWrong),
    ] {
        let error = send(&sender, &news("hello")).await.unwrap_err();
        assert_eq!(error.kind(), BroadcastErrorKind::Refused);
        assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
        assert_eq!(error.code(), Some(kind.as_str()));
        let detail = error.detail().unwrap();
        assert!(detail.contains("WEBCONNECTION_BROADCAST_TOKEN"), "{detail}");
        let text = format!("the server answered 401 Unauthorized: {detail}");
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_server_that_lets_no_caller_in_is_403_with_the_settings_that_would() {
    let layer = WebConnectionSocketLayer::new(Config::new());
    let sender = sender(listen(&layer).await).bearer_token(TOKEN).unwrap();
    let error = send(&sender, &news("hello")).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::FORBIDDEN));
    assert_eq!(
        error.code(),
        Some(RejectionKind::CallersNotConfigured.as_str())
    );
    let detail = error.detail().unwrap();
    assert!(detail.contains("bearer_tokens"), "{detail}");
}

#[tokio::test]
async fn a_message_over_the_servers_limit_is_413_and_the_next_one_is_sent() {
    let layer = with_token();
    let sender = sender(listen(&layer).await).bearer_token(TOKEN).unwrap();
    for size in [64 * 1_024, 1_024 * 1_024] {
        let error = send(&sender, &news("x".repeat(size))).await.unwrap_err();
        assert_eq!(
            error.status(),
            Some(StatusCode::PAYLOAD_TOO_LARGE),
            "{error}"
        );
        assert!(send(&sender, &news("short")).await.is_ok());
    }
}

#[tokio::test]
async fn a_server_that_closes_is_503() {
    let layer = with_token();
    let _sockets = serve(&layer);
    let sender = sender(listen(&layer).await).bearer_token(TOKEN).unwrap();
    layer.hub().shutdown(std::time::Duration::ZERO).await;
    let error = send(&sender, &news("late")).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(error.code(), Some(RejectionKind::ShuttingDown.as_str()));
}
