//! Real browsers and the plain hyper server: over TLS their sockets are streams of HTTP/2.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::browser::{Browser, Viewport};
use crate::support::example;
use crate::support::process::Process;
use crate::support::scratch::Scratch;

#[tokio::test]
async fn a_browsers_socket_is_a_stream_of_its_pages_connection() {
    let folder = Scratch::new("certificate");
    let [certificate, key] = self_signed(folder.path());
    let (mut host, url) = start(&["--certificate", &certificate, "--key", &key]).await;
    let new = visit(&url, &[]).await;
    host.line_with("HTTP/2.0 CONNECT /__initializeSocket.wc")
        .await;
    assert!(host.log().contains("HTTP/2.0 GET /"));

    // The same port, for a browser that knows no HTTP/2.
    let old = visit(&url, &["--disable-http2"]).await;
    host.line_with("HTTP/1.1 GET /__initializeSocket.wc").await;
    chat(&new, &old).await;
    stop(&mut host, [&new, &old]).await;
}

#[tokio::test]
async fn without_tls_both_sockets_are_connections() {
    let (mut host, url) = start(&[]).await;
    let (one, other) = (visit(&url, &[]).await, visit(&url, &[]).await);
    chat(&one, &other).await;
    assert!(!host.log().contains("HTTP/2"));
    stop(&mut host, [&one, &other]).await;
}

/// Makes a certificate for `localhost`, and returns the paths of its file and of its key's.
fn self_signed(folder: &Path) -> [String; 2] {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let made = made.expect("a certificate for localhost");
    [
        ("certificate.pem", made.cert.pem()),
        ("key.pem", made.signing_key.serialize_pem()),
    ]
    .map(|(name, pem)| {
        let path = folder.join(name);
        fs::write(&path, pem).expect("a file in the scratch folder");
        path.display().to_string()
    })
}

/// Starts the example, and gives the address that it prints.
async fn start(arguments: &[&str]) -> (Process, String) {
    let mut command = Command::new(example::build("hyper_host"));
    command.args(["--port", "0"]).args(arguments);
    let mut host = Process::start("hyper_host", command);
    let line = host.line_with("Open http").await;
    let url = line.split(' ').nth(1).expect("an address");
    (host, url.to_owned())
}

/// Opens the page and waits for its socket.
async fn visit(url: &str, arguments: &[&str]) -> Browser {
    let arguments = [&["--ignore-certificate-errors"], arguments].concat();
    let browser = Browser::start_with(Viewport::default(), &arguments).await;
    browser.go_to(url).await;
    browser.until(&state("open")).await;
    browser
}

/// Lets each of two pages say something that both show.
async fn chat(one: &Browser, other: &Browser) {
    for (speaker, text) in [(one, "hello"), (other, "and hello")] {
        speaker.type_into("input", text).await;
        speaker.click("button").await;
        for page in [one, other] {
            let last = "document.querySelector('li:last-child')?.textContent";
            page.until(&format!("{last} === '{text}'")).await;
        }
    }
}

/// Presses Ctrl+C: every page is told, and the server ends by itself.
async fn stop(host: &mut Process, pages: [&Browser; 2]) {
    let pid = host.id().to_string();
    let interrupted = Command::new("kill").args(["-INT", &pid]).status();
    assert!(interrupted.is_ok_and(|status| status.success()));
    for page in pages {
        page.until(&state("closed (1001)")).await;
    }
    host.line_with("The server has ended; 0 sockets are left.")
        .await;
    host.succeeds().await;
}

fn state(text: &str) -> String {
    format!("document.querySelector('output').textContent === '{text}'")
}
