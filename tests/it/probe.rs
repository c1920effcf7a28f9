//! What a plain GET tells the browser client of an attempt that did not open.

use http::{HeaderValue, StatusCode};
use web_connection_socket::{Handshake, Identity, Rejection, WebConnectionSocketLayer};

use crate::support::{config, raw::Raw, serve};

#[tokio::test]
async fn the_subprotocols_that_a_client_may_offer_are_named() {
    for (known, told) in [
        (vec![], vec![""]),
        (vec!["v1", "chat.v2"], vec!["v1", "chat.v2"]),
    ] {
        let config = config().subprotocols(known);
        let server = serve(&WebConnectionSocketLayer::new(config));
        let answer = Raw::probe("").ask(&server).await;
        assert_eq!(answer.status, 204);
        let lines = answer.headers.get_all("websocket-protocols");
        assert_eq!(Vec::from_iter(lines), told);
    }
}

#[tokio::test]
async fn a_refusal_can_be_told_from_the_answer_of_a_proxy() {
    let refusals = [
        Rejection::new(StatusCode::FORBIDDEN),
        Rejection::new(StatusCode::UNAUTHORIZED).detail("Sign in first."),
        Rejection::new(StatusCode::NOT_FOUND)
            .body(HeaderValue::from_static("text/html"), "<p>Gone</p>"),
    ];
    for refusal in refusals {
        let status = refusal.status();
        let layer = WebConnectionSocketLayer::new(config()).identify(move |_: Handshake| {
            let refusal = refusal.clone();
            async move { Err::<Identity, _>(refusal) }
        });
        let server = serve(&layer);
        for request in [Raw::probe(""), Raw::handshake("/")] {
            let answer = request.ask(&server).await;
            assert_eq!(answer.status, status.as_u16());
            assert_eq!(answer.header("websocket-refusal"), Some("identify_refused"));
        }
    }
}
