//! Who gets a broadcast, how often, and in which order.

use crate::support::{http::publish, join, news, relay, serve, text};

#[tokio::test]
async fn s08_an_empty_list_goes_to_every_socket() {
    let server = serve(&relay());
    let mut ann = join(&server, "ann", &["chat"]).await;
    let mut bob = join(&server, "bob", &[]).await;
    assert_eq!(publish(&server, &news("all")).await, (2, 2, 0));
    assert_eq!(
        (text(&mut ann).await, text(&mut bob).await),
        ("all".into(), "all".into())
    );
}
