//! What the guide tells its reader to copy and to type.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::backend::{Backend, Kind, examples};
use crate::support::browser::{Browser, Viewport};
use crate::support::gateway::{self, Gateway};
use crate::support::nginx::Nginx;
use crate::support::process::Process;
use crate::support::scratch::Scratch;
use crate::support::socket::Socket;
use crate::support::{free_port, outside_dir};

#[test]
fn its_programs_are_those_of_the_examples() {
    let blocks = [
        ("php", "php/chat.php"),
        ("python", "python/signature.py"),
        ("js", "node/signature.mjs"),
    ];
    for (language, file) in blocks {
        let path = examples().join("backends").join(file);
        let program = std::fs::read_to_string(path).expect("a program of the examples");
        assert_eq!(block(language), program, "{file}");
    }
    assert!(block("php").lines().count() <= 40);
}

#[tokio::test]
async fn its_first_page_makes_a_chat() {
    let folder = Scratch::new("guide");
    let site = folder.path().join("chat");
    std::fs::create_dir(&site).expect("a folder");
    for (language, name) in [("html", "index.html"), ("php", "chat.php")] {
        std::fs::write(site.join(name), block(language)).expect("a file");
    }
    let (site_port, port) = (free_port().to_string(), free_port().to_string());
    let here = |text: String| text.replace("8080", &site_port).replace("5200", &port);
    let mut shell = Process::start("sh", shell(folder.path(), &here(start_line())));
    shell.line_with("Open http").await;

    let url = format!("http://127.0.0.1:{port}/?name=");
    let mut pages = Vec::new();
    for name in ["ann", "bob"] {
        let browser = Browser::start(Viewport::default()).await;
        browser.go_to(&format!("{url}{name}")).await;
        browser
            .until("document.querySelector('#state').textContent === 'online'")
            .await;
        pages.push(browser);
    }
    for (page, text) in [(&pages[0], "hello"), (&pages[1], "<b>and hello</b>")] {
        page.type_into("input", text).await;
        page.click("button").await;
    }
    for page in &pages {
        let lines = "[...document.querySelectorAll('li')].map(li => li.textContent).sort().join()";
        page.until(&format!("{lines} === 'ann: hello,bob: <b>and hello</b>'"))
            .await;
    }
    let picture = outside_dir().join("gateway-guide.png");
    std::fs::write(picture, pages[0].screenshot().await).expect("a picture");
}

#[tokio::test]
async fn its_nginx_with_tls_lets_sockets_and_pages_through() {
    let backend = Backend::chat(Kind::Php).await;
    let gateway = Gateway::start(
        &backend.url(),
        &["--trusted-proxy", "127.0.0.1/32", "--scripts", "/scripts"],
    )
    .await;
    let folder = Scratch::new("certificate");
    let made =
        rcgen::generate_simple_self_signed(["app.example".to_owned(), "127.0.0.1".to_owned()]);
    let made = made.expect("a certificate");
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    std::fs::write(&certificate, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let port = free_port();
    let site = block("nginx")
        .replace("127.0.0.1:5200", &gateway.address().to_string())
        .replace("listen 443", &format!("listen 127.0.0.1:{port}"))
        .replace(
            "/etc/ssl/app.example.pem",
            &certificate.display().to_string(),
        )
        .replace("/etc/ssl/app.example.key", &key.display().to_string());
    let _nginx = Nginx::start_with(&site).await;

    let mut ann = Socket::open(&gateway.socket_url("userId=ann")).await;
    let browser = Browser::start_with(Viewport::default(), &["--ignore-certificate-errors"]).await;
    browser
        .go_to(&format!("https://127.0.0.1:{port}/?name=eve"))
        .await;
    browser
        .until("document.querySelector('#state').dataset.state === 'online'")
        .await;
    browser.type_into("#text", "through nginx").await;
    browser.click("#send").await;
    let heard = ann.receive().await;
    assert_eq!(
        (&heard["message"], &heard["userId"]),
        (&json!("through nginx"), &json!("eve"))
    );
}

/// A shell in a folder that finds the gateway by its name.
fn shell(folder: &Path, command: &str) -> Command {
    let program = gateway::program();
    let path = std::env::var("PATH").expect("a path");
    let mut shell = Command::new("sh");
    shell.args(["-ec", command]).current_dir(folder).env(
        "PATH",
        format!("{}:{path}", program.parent().expect("a folder").display()),
    );
    shell
}

/// The commands that start both programs.
fn start_line() -> String {
    let blocks = blocks("sh");
    let found = blocks.into_iter().find(|block| block.contains("php -S"));
    found.expect("commands that start PHP")
}

fn block(language: &str) -> String {
    blocks(language).remove(0)
}

/// The blocks of a language in the guide.
fn blocks(language: &str) -> Vec<String> {
    let guide = examples().with_file_name("src").join("guide/gateway.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    let fence = format!("```{language}\n");
    let blocks = guide.split(&fence).skip(1);
    let blocks: Vec<_> = blocks
        .map(|rest| rest.split("```\n").next().unwrap_or_default().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "no block of {language}");
    blocks
}
