//! Sockets in a plain hyper server.
//!
//! `cargo run --features client-tls --example hyper_host`, then open the printed address in two browsers.
//!
//! Both show the messages of each. HTTP/1.1 and HTTP/2 share the port. With
//! `-- --certificate cert.pem --key key.pem` it speaks TLS: a browser then uses HTTP/2 and opens the
//! socket as a stream of its connection. Ctrl+C closes the sockets first, then the server.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use bytes::Bytes;
use clap::Parser;
use http::{Extensions, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tower::{Layer, service_fn, util::MapRequest};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use web_connection_socket::{
    Config, RequestBody, Server, Socket, SocketMessage, WebConnectionSocketLayer,
};

/// A plain hyper server with sockets.
#[derive(Parser)]
struct Options {
    /// Port to listen on, at 127.0.0.1 only; 0 takes any free one.
    #[arg(long, default_value_t = 5201)]
    port: u16,
    /// Speak TLS with this certificate and its chain, a PEM file.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The private key of the certificate, a PEM file.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// How many sockets may be open, of all clients; no limit without.
    #[arg(long)]
    max_sockets: Option<usize>,
    /// How many sockets one client may have open; no limit without. Not for a server behind a proxy.
    #[arg(long)]
    max_sockets_per_client: Option<usize>,
    /// Messages per second that a browser may send, five times as many at once; no limit without.
    #[arg(long)]
    message_rate: Option<u32>,
    /// Bytes per second that a browser may send, five times as many at once; no limit without.
    #[arg(long)]
    byte_rate: Option<u32>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    // Logs refusals and failures to stderr, and more with RUST_LOG=debug.
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(LevelFilter::INFO.into())
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .init();
    let layer = WebConnectionSocketLayer::new(config(&options))
        .on_open(note)
        .on_disconnect(note);
    let hub = layer.hub();
    let service = layer.layer(service_fn(app::<RequestBody<Incoming>>));
    // Outside of the layer: sees requests, but no messages of sockets.
    let service = MapRequest::new(service, show);

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen at {address}"))?;
    let port = listener.local_addr()?.port();
    let tls = match options.certificate.zip(options.key) {
        Some((certificate, key)) => Some(acceptor(&certificate, &key)?),
        None => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    println!("Open {scheme}://localhost:{port}/ in two browsers; Ctrl+C ends the server.");

    // The server accepts connections, times them and stops.
    let server = Server::new(listener, &hub);
    if let Some(tls) = tls {
        server
            .serve_tls(move |tcp| tls.accept(tcp), service)
            .await?;
    } else {
        server.serve(service).await?;
    }
    println!("The server has ended; {} sockets are left.", hub.len());
    Ok(())
}

fn config(options: &Options) -> Config {
    let mut config = Config::new();
    if let Some(n) = options.max_sockets {
        config = config.max_sockets(n);
    }
    if let Some(n) = options.max_sockets_per_client {
        config = config.max_sockets_per_client(n);
    }
    if let Some(messages) = options.message_rate {
        config = config.message_rate(messages, messages.saturating_mul(5));
    }
    if let Some(bytes) = options.byte_rate {
        config = config.byte_rate(bytes, bytes.saturating_mul(5));
    }
    config
}

/// Notes in the log who comes and who goes.
async fn note(socket: Socket) {
    let what = socket.event().as_str();
    let id = socket.id().map(tracing::field::display);
    tracing::debug!(what, id, user = ?socket.user(), "who is here has changed");
}

/// Prints each request.
fn show(request: Request<Incoming>) -> Request<Incoming> {
    let (method, path) = (request.method(), request.uri().path());
    println!("{:?} {method} {path}", request.version());
    request
}

/// The application. The layer makes requests as well, so it is generic over their body: only hyper can
/// make an `Incoming`.
async fn app<B: Body>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => page(),
        (&Method::POST, "/__WebSocket.wwd") => on_web_socket(request.extensions()),
        _ => answer(StatusCode::NOT_FOUND),
    })
}

/// Broadcasts the message of a browser.
fn on_web_socket(extensions: &Extensions) -> Response<Full<Bytes>> {
    match Socket::from_extensions(extensions) {
        Ok(socket) => {
            // A new message: the received one could have any action and any recipients.
            let said = socket.text();
            socket.broadcast(&SocketMessage::new("said").text(said));
            answer(StatusCode::NO_CONTENT)
        }
        Err(rejection) => rejection.into_response(),
    }
}

fn page() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(PAGE));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

fn answer(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// Reads the certificate and its key, and offers both versions of HTTP.
fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>Sockets in plain hyper</title>
<h1>Sockets in plain hyper</h1>
<p>The socket is <output>opening</output>.
<form><input aria-label="Message" autofocus> <button>Send</button></form>
<ul></ul>
<script>
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/__initializeSocket.wc");
  const state = text => document.querySelector("output").textContent = text;
  socket.onopen = () => state("open");
  socket.onclose = event => state(`closed (${event.code})`);
  socket.onmessage = event => {
    const line = document.createElement("li");
    line.textContent = JSON.parse(event.data).message;
    document.querySelector("ul").append(line);
  };
  document.querySelector("form").onsubmit = event => {
    const text = document.querySelector("input");
    socket.send(JSON.stringify({ action: "say", message: text.value }));
    text.value = "";
    event.preventDefault();
  };
</script>
</html>
"#;
