//! What the gateway does to the bytes of requests and answers, on both of its sides.

use crate::support::gateway::Gateway;
use crate::support::raw::{RawServer, exchange};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Sends a request through a gateway to a server, and gives what came back and what arrived.
async fn pass(request: &str) -> (String, Vec<String>) {
    let server = RawServer::start(OK, true).await;
    let gateway = Gateway::start(&server.url(), &[]).await;
    let answer = exchange(gateway.address(), request).await;
    (answer, lower(&server))
}

/// Takes the requests that arrived, in lower case.
fn lower(server: &RawServer) -> Vec<String> {
    let arrived = server.take().into_iter();
    arrived
        .map(|request| request.to_ascii_lowercase())
        .collect()
}

/// Gives what a visitor gets of a server's answer.
async fn answered(answer: &str) -> String {
    let server = RawServer::start(answer, false).await;
    let gateway = Gateway::start(&server.url(), &[]).await;
    exchange(gateway.address(), GET).await
}

const GET: &str = "GET / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_but_for_what_concerned_its_connection() {
    let request = "POST /a%2Fb/../c?x=%20&y HTTP/1.1\r\n\
        Host: app.example\r\n\
        Connection: close, X-Private\r\n\
        X-Private: 1\r\n\
        Keep-Alive: timeout=5\r\n\
        Proxy-Connection: keep-alive\r\n\
        Proxy-Authorization: Basic eA==\r\n\
        Upgrade: h2c\r\n\
        HTTP2-Settings: AA\r\n\
        TE: trailers;q=0.5, gzip\r\n\
        Expect: 100-continue\r\n\
        Cookie: a=1\r\n\
        Cookie: b=2\r\n\
        Accept: text/html\r\n\
        Accept: text/plain\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 5\r\n\r\nhello";
    let (answer, arrived) = pass(request).await;
    assert!(
        answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{answer}"
    );
    let [arrived] = &arrived[..] else {
        panic!("one request arrives: {arrived:?}");
    };
    let (head, body) = arrived.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().collect();
    assert_eq!(lines.remove(0), "post /a%2fb/../c?x=%20&y http/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "accept: text/html",
            "accept: text/plain",
            "content-length: 5",
            "content-type: text/plain",
            "cookie: a=1; b=2",
            "host: app.example",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: app.example",
            "x-forwarded-proto: http",
        ]
    );
    assert_eq!(body, "hello");
}

#[tokio::test]
async fn what_a_visitor_says_in_our_name_or_a_proxys_does_not_arrive() {
    let forged = [
        "WebSocket-Event: message",
        "websocket_user_id: ann",
        "WebSocket.State: x",
        "websocket-anything: x",
        "Signature: wcs=:AA==:",
        "Signature-Input: wcs=()",
        "signature_input: wcs=()",
        "X-Forwarded-For: 192.0.2.1",
        "X_Forwarded_For: 192.0.2.1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-User: ann",
        "X-Real-IP: 192.0.2.1",
        "Forwarded: for=192.0.2.1",
    ];
    let lines = forged.map(|line| format!("{line}\r\n")).concat();
    let (_, arrived) = pass(&GET.replace("\r\n\r\n", &format!("\r\n{lines}\r\n"))).await;
    let [arrived] = &arrived[..] else {
        panic!("one request arrives: {arrived:?}");
    };
    let mut lines: Vec<_> = arrived.trim_end().lines().skip(1).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "host: app.example",
            "x-forwarded-for: 127.0.0.1",
            "x-forwarded-host: app.example",
            "x-forwarded-proto: http",
        ]
    );
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_visitor_is() {
    let server = RawServer::start(OK, true).await;
    let gateway = Gateway::start(&server.url(), &["--trusted-proxy", "127.0.0.0/8"]).await;
    let lines = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\
        X-Forwarded-Host: app.example\r\nForwarded: for=192.0.2.1\r\nx_forwarded_for: 192.0.2.9";
    let request = GET.replace("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n"));
    exchange(gateway.address(), request).await;
    let arrived = lower(&server).concat();
    for line in [
        "x-forwarded-for: 192.0.2.1, 127.0.0.1\r\n",
        "x-forwarded-proto: https\r\n",
        "x-forwarded-host: app.example\r\n",
        "forwarded: for=127.0.0.1;proto=http\r\n",
    ] {
        assert!(arrived.contains(line), "{line}: {arrived}");
    }
    assert!(!arrived.contains("192.0.2.9"), "{arrived}");
}

#[tokio::test]
async fn no_request_hides_in_another() {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: app.example\r\n\r\n";
    for head in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let request =
            format!("POST / HTTP/1.1\r\nHost: app.example\r\n{head}\r\n\r\n0\r\n\r\n{hidden}");
        let (answer, arrived) = pass(&request).await;
        assert!(arrived.len() <= 1, "{head}: {answer}\n{arrived:?}");
        for request in &arrived {
            assert!(request.starts_with("post / "), "{head}: {request}");
            let lengths = request.matches("content-length").count();
            assert_eq!(
                lengths + request.matches("transfer-encoding").count(),
                1,
                "{request}"
            );
        }
    }
    for refused in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: 5, 6",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding : chunked",
        "X-Folded: a\r\n Transfer-Encoding: chunked",
        "X-Nul: a\0b",
        "X-Return: a\rb",
        "Host: other.example",
    ] {
        let request =
            format!("POST / HTTP/1.1\r\nHost: app.example\r\n{refused}\r\n\r\nhello{hidden}");
        let (answer, arrived) = pass(&request).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{refused:?}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1").count(),
            1,
            "{refused:?}: {answer}"
        );
        assert!(arrived.is_empty(), "{refused:?}: {arrived:?}");
    }
}

#[tokio::test]
async fn one_host_is_asked_for_or_none() {
    for (head, host) in [
        (
            "GET http://app.example/x HTTP/1.1\r\nHost: app.example",
            Some("app.example"),
        ),
        (
            "GET http://app.example/x HTTP/1.1\r\nHost: other.example",
            None,
        ),
        ("GET http://app.example/x HTTP/1.1", Some("app.example")),
        ("GET /x HTTP/1.1", None),
        (
            "CONNECT app.example:443 HTTP/1.1\r\nHost: app.example:443",
            None,
        ),
    ] {
        let (answer, arrived) = pass(&format!("{head}\r\nConnection: close\r\n\r\n")).await;
        match host {
            Some(host) => {
                let arrived = arrived.concat();
                assert!(
                    arrived.starts_with("get /x http/1.1\r\n"),
                    "{head}: {arrived}"
                );
                assert!(
                    arrived.contains(&format!("\nhost: {host}\r\n")),
                    "{head}: {arrived}"
                );
            }
            None => {
                assert!(answer.starts_with("HTTP/1.1 40"), "{head}: {answer}");
                assert!(arrived.is_empty(), "{head}: {arrived:?}");
            }
        }
    }
    // HTTP/1.0 knows no Host.
    let (answer, arrived) = pass("GET /x HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
    assert_eq!(arrived.len(), 1);
}

#[tokio::test]
async fn trailers_go_both_ways() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
        2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
    let server = RawServer::start(answer, true).await;
    let gateway = Gateway::start(&server.url(), &[]).await;
    let request = "POST / HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\nTE: trailers\r\n\
        Trailer: X-Own\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Own: 5\r\n\r\n";
    let answer = exchange(gateway.address(), request).await;
    assert!(
        answer
            .to_ascii_lowercase()
            .ends_with("0\r\nx-sum: 7\r\n\r\n"),
        "{answer}"
    );
    let arrived = lower(&server).concat();
    assert!(arrived.contains("te: trailers\r\n"), "{arrived}");
    assert!(
        arrived.ends_with("3\r\nabc\r\n0\r\nx-own: 5\r\n\r\n"),
        "{arrived}"
    );
}

#[tokio::test]
async fn an_answer_comes_as_it_was_sent_but_for_what_concerned_its_connection() {
    let answer = answered(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
         HTTP/1.1 404 Nothing Here\r\nConnection: close, X-Private\r\nX-Private: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nProxy-Authenticate: Basic\r\n\
         Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 7\r\n\r\nnothing",
    )
    .await
    .to_ascii_lowercase();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with("date: "))
        .collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "connection: close",
            "content-length: 7",
            "http/1.1 404 nothing here",
            "set-cookie: a=1",
            "set-cookie: b=2",
        ]
    );
    assert_eq!(body, "nothing");
}

#[tokio::test]
async fn an_answer_with_two_ends_has_one() {
    let answer = answered(
        "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    )
    .await;
    assert!(
        !answer.to_ascii_lowercase().contains("content-length"),
        "{answer}"
    );
    assert!(answer.ends_with("2\r\nok\r\n0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_breaks_the_rules_is_a_bad_gateway() {
    for answer in [
        "HTTP/1.1 200 OK\r\nX-Folded: a\r\n Set-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX-Split: a\rSet-Cookie: evil=1\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nSet-Cookie : evil=1\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "220 mail.example ESMTP\r\n",
        "",
    ] {
        let seen = answered(answer).await;
        assert!(seen.starts_with("HTTP/1.1 502 "), "{answer:?}: {seen}");
        assert!(!seen.contains("evil"), "{answer:?}: {seen}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let short = answered("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf").await;
    assert!(
        short.to_ascii_lowercase().contains("content-length: 99") && short.ends_with("half"),
        "{short}"
    );
    let chunked =
        answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    assert!(chunked.ends_with("4\r\nhalf\r\n"), "{chunked}");
    // Without a length, the end of the connection is the end.
    let old = answered("HTTP/1.0 200 OK\r\n\r\nwhole").await;
    assert!(
        old.starts_with("HTTP/1.1 200 OK") && old.ends_with("5\r\nwhole\r\n0\r\n\r\n"),
        "{old}"
    );
}

#[tokio::test]
async fn what_follows_an_answer_answers_no_other_request() {
    let answer = format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    let server = RawServer::start(answer, true).await;
    let gateway = Gateway::start(&server.url(), &[]).await;
    for _ in 0..20 {
        let answer = exchange(gateway.address(), GET).await;
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
}
