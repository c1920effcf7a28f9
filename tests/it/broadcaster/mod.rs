//! The outside sender, over TCP.

mod answers;
mod connections;
mod refusals;
mod tls;

use std::net::SocketAddr;

use axum::{Router, ServiceExt, extract::Request};
use tokio::net::TcpListener;
use tower::Layer;
use web_connection_socket::{
    BroadcastError, BroadcastReport, Broadcaster, Config, SocketMessage, WebConnectionSocketLayer,
    config::HistoryRule,
};

use crate::support::{join, news, serve, soon, spawn, text};

const TOKEN: &str = "7fCk0yGqXo";

#[tokio::test]
async fn s12_a_program_outside_broadcasts_and_reads_the_report() {
    let layer = with_token();
    let sockets = serve(&layer);
    let mut ann = join(&sockets, "ann", &[]).await;
    let mut bob = join(&sockets, "bob", &[]).await;
    let sender = sender(listen(&layer).await).bearer_token(TOKEN).unwrap();

    let message = sender.create_message().text("to ann").to_user("ann");
    let report = send(&sender, &message).await.unwrap();
    assert_eq!((report.matched, report.queued, report.dropped), (1, 1, 0));
    assert_eq!(report.forwarded().await.as_bool(), Some(false));
    let report = send(&sender, &news("to all")).await.unwrap();
    assert_eq!(report.matched, 2);

    assert_eq!(text(&mut ann).await, "to ann");
    assert_eq!(text(&mut ann).await, "to all");
    assert_eq!(text(&mut bob).await, "to all");
}

#[tokio::test]
async fn the_report_says_where_the_message_stands_in_its_stream() {
    let config = Config::new().bearer_tokens([TOKEN]);
    let layer = WebConnectionSocketLayer::new(config.history(HistoryRule::group("lobby")));
    let sender = sender(listen(&layer).await).bearer_token(TOKEN).unwrap();
    let message = sender.create_message().to_group("lobby");
    let report = send(&sender, &message).await.unwrap();
    let position = layer.hub().position("lobby").await.unwrap();
    assert_eq!(report.position(), Some(&position));
    let report = send(&sender, &news("to all")).await.unwrap();
    assert_eq!(report.position(), None);
}

#[tokio::test]
async fn a_message_arrives_whole_whatever_is_in_it() {
    let layer = with_token();
    let mut ann = join(&serve(&layer), "ann", &[]).await;
    let sender = sender(listen(&layer).await).bearer_token(TOKEN).unwrap();
    let message = sender
        .create_message()
        .text("\u{1F600} \"\\\u{0}\r\n</script>")
        .from_user("cron")
        .from_group("nightly")
        .with_extra("trace", &[1, 2])
        .unwrap();
    send(&sender, &message).await.unwrap();
    let received = soon("the message", ann.receive()).await.unwrap();
    assert_eq!(received, message);
}

#[tokio::test]
async fn what_is_sent_one_by_one_arrives_in_that_order() {
    let layer = with_token();
    let mut ann = join(&serve(&layer), "ann", &[]).await;
    let sender = sender(listen(&layer).await).bearer_token(TOKEN).unwrap();
    for n in 0..50 {
        send(&sender, &news(n.to_string())).await.unwrap();
    }
    for n in 0..50 {
        assert_eq!(text(&mut ann).await, n.to_string());
    }
}

#[tokio::test]
async fn an_application_below_a_virtual_directory_is_reached() {
    let layer =
        WebConnectionSocketLayer::new(Config::new().bearer_tokens([TOKEN]).base_path("/shop"));
    let address = listen(&layer).await;
    for base in ["/shop", "/shop/"] {
        let sender = Broadcaster::new(&format!("http://{address}{base}")).unwrap();
        let sender = sender.bearer_token(TOKEN).unwrap();
        assert!(send(&sender, &news("hello")).await.is_ok(), "{base}");
    }
}

#[test]
fn neither_debug_nor_an_error_shows_the_token() {
    let sender = Broadcaster::new("http://app.example/").unwrap();
    for bad in ["", "sec ret", "sec\nret", "gehÄim"] {
        let error = sender.clone().bearer_token(bad).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(bad.is_empty() || !shown.contains(bad), "{shown}");
    }
    let shown = format!("{:?}", sender.bearer_token(TOKEN).unwrap());
    assert!(!shown.contains(TOKEN), "{shown}");
}

/// A layer that wants a token.
fn with_token() -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(Config::new().bearer_tokens([TOKEN]))
}

/// Serves a layer without an application at a free port, in plain HTTP.
async fn listen(layer: &WebConnectionSocketLayer) -> SocketAddr {
    let service = layer.layer(Router::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound port");
    spawn(async {
        let service =
            ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
        axum::serve(listener, service).await
    });
    address
}

fn sender(address: SocketAddr) -> Broadcaster {
    Broadcaster::new(&format!("http://{address}/")).expect("a base URL")
}

async fn send(
    sender: &Broadcaster,
    message: &SocketMessage,
) -> Result<BroadcastReport, BroadcastError> {
    soon("a report or an error", sender.broadcast(message)).await
}
