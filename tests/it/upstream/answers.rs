//! What an upstream's answers do.

use web_connection_socket::{CloseReason, Config};

use super::{
    backend::{Backend, Reply, answer, reply},
    layer,
};
use crate::support::{error_of, join, news, serve, soon, text, until};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn an_answer_replies_regroups_and_closes() {
    let backend = Backend::start(|asked| match &*asked.text() {
        "join" => answer(
            204,
            &[("WebSocket-Join", "a%2Cb"), ("WebSocket-Join", "c")],
            "",
        ),
        "leave" => answer(204, &[("WebSocket-Leave", "c")], ""),
        "two" => answer(
            200,
            &[JSON],
            r#"[{"action":"x","message":"one"},{"action":"x","message":"two"}]"#,
        ),
        "page" => answer(200, &[("Content-Type", "text/html")], "<html>done</html>"),
        "bye" => answer(
            200,
            &[JSON, ("WebSocket-Close", "4001 signed out")],
            r#"{"action":"x","message":"farewell"}"#,
        ),
        other => reply(other),
    })
    .await;
    let layer = layer(&backend, Config::new());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    ann.send(&news("join")).await.unwrap();
    ann.send(&news("leave")).await.unwrap();
    ann.send(&news("page")).await.unwrap();
    ann.send(&news("two")).await.unwrap();
    assert_eq!(text(&mut ann).await, "one");
    assert_eq!(text(&mut ann).await, "two");
    let socket = layer.hub().sockets()[0];
    assert_eq!(layer.hub().groups_of(socket), ["a,b"]);
    ann.send(&news("bye")).await.unwrap();
    assert_eq!(text(&mut ann).await, "farewell");
    let closed = soon("a close", ann.closed()).await;
    assert_eq!(closed, CloseReason::new(4001, "signed out"));
    assert_eq!(layer.hub().stats().dispatches_failed, 0);
}

#[tokio::test]
async fn a_status_that_is_no_success_is_an_error_frame() {
    let backend = Backend::start(|asked| {
        let status = asked.text().parse().expect("a status");
        answer(status, &[("Location", "http://evil.example/")], "no")
    })
    .await;
    let layer = layer(&backend, Config::new());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for (number, (status, code, told)) in [
        (301, "failed", 301),
        (302, "failed", 302),
        (307, "failed", 307),
        (304, "failed", 304),
        (400, "failed", 400),
        (403, "failed", 403),
        (404, "no_handler", 404),
        (405, "no_handler", 404),
        (422, "failed", 422),
        (500, "failed", 500),
        (502, "unknown_outcome", 409),
        (503, "failed", 503),
        (504, "unknown_outcome", 409),
    ]
    .into_iter()
    .enumerate()
    {
        ann.send(&news(status.to_string())).await.unwrap();
        assert_eq!(
            error_of(&mut ann).await,
            (code.to_owned(), told),
            "{status}"
        );
        assert_eq!(layer.hub().stats().dispatches_failed, number as u64 + 1);
    }
    assert_eq!(
        backend.visits.len(),
        13,
        "no redirect is followed, and nothing asked twice"
    );
    ann.send(&news("410")).await.unwrap();
    assert_eq!(error_of(&mut ann).await, ("failed".to_owned(), 410));
    assert_eq!(soon("a close", ann.closed()).await.code(), 4410);
    until("it is gone", || layer.hub().is_empty()).await;
}

#[tokio::test]
async fn an_answer_in_pieces_or_of_an_old_server_is_read() {
    let json = r#"{"action":"x","message":"old"}"#;
    let backend = Backend::start(move |asked| match &*asked.text() {
        "1.0" => Reply::Last(
            format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{json}").into_bytes(),
        ),
        "chunks" => Reply::Bytes(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\
                 Transfer-Encoding: chunked\r\n\r\n5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
                &json[..5],
                json.len() - 5,
                &json[5..],
            )
            .into_bytes(),
        ),
        _ => Reply::Bytes(
            format!(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
                json.len()
            )
            .into_bytes(),
        ),
    })
    .await;
    let layer = layer(&backend, Config::new());
    let server = serve(&layer);
    let mut ann = join(&server, "ann", &[]).await;
    for how in ["1.0", "chunks", "hints", "1.0", "hints"] {
        ann.send(&news(how)).await.unwrap();
        assert_eq!(text(&mut ann).await, "old", "{how}");
    }
}
