//! Sockets without axum's server: five hosts, each in a few lines.
//!
//! `cargo run --example custom_host` opens sockets in each of them, prints what they receive, and ends.

#![expect(
    clippy::disallowed_methods,
    reason = "a host owns the tasks that it spawns"
)]

use std::{convert::Infallible, error::Error, sync::mpsc, thread};

use axum::Router;
use futures_util::{SinkExt, StreamExt};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE},
};
use http_body_util::Empty;
use hyper::{
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, duplex},
    runtime::Builder,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};
use tower::Layer;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use web_connection_socket::{
    Config, Socket, SocketMessage, WebConnectionSocket, WebConnectionSocketLayer, testing::Server,
};

fn main() -> Outcome {
    // Logs refusals and failures to stderr, and more with RUST_LOG=debug.
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::builder()
                .with_default_directive(LevelFilter::INFO.into())
                .from_env_lossy(),
        )
        .with_writer(std::io::stderr)
        .init();
    in_one_runtime()?;
    in_several_runtimes()
}

#[tokio::main]
async fn in_one_runtime() -> Outcome {
    #[cfg(unix)]
    over_a_unix_socket().await?;
    after_an_upgrade_of_its_own().await?;
    without_http().await?;
    two_hubs_on_one_application().await
}

/// The whole server on a Unix socket, for a proxy on the same machine.
#[cfg(unix)]
async fn over_a_unix_socket() -> Outcome {
    use tokio::net::{UnixListener, UnixStream};

    let name = format!("custom_host-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let listener = UnixListener::bind(&path)?;
    let layer = loud(Config::new());
    let server = web_connection_socket::Server::new(listener, &layer.hub());
    let server = tokio::spawn(server.serve(layer.layer(Router::new())));

    let stream = UnixStream::connect(&path).await?;
    let (mut socket, _) = client_async("ws://localhost/", stream).await?;
    let heard = ask(&mut socket, "hello").await?;
    println!("Over a Unix socket: {heard}");
    server.abort();
    Ok(std::fs::remove_file(&path)?)
}

/// A host that sends the 101 itself and hands over the stream after it.
async fn after_an_upgrade_of_its_own() -> Outcome {
    let (client, server) = duplex(1_024);
    let service = loud(Config::new()).layer(Router::new());
    let host = service_fn(move |request| upgrade(service.clone(), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(server), host)
        .with_upgrades();
    tokio::spawn(connection);

    let (mut socket, _) = client_async("ws://localhost/", client).await?;
    let heard = ask(&mut socket, "hello").await?;
    println!("After an upgrade of the host's own: {heard}");
    Ok(())
}

/// Upgrades a request in place of the layer. Here a host can choose, limit or log upgrades.
async fn upgrade(
    service: WebConnectionSocket<Router>,
    mut request: Request<Incoming>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut answer = Response::new(Empty::new());
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(answer);
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    tokio::spawn(async move {
        let stream = match upgraded.await {
            Ok(stream) => TokioIo::new(stream),
            Err(error) => return eprintln!("A connection was lost: {error}"),
        };
        if let Err(refused) = service.accept::<Incoming, _, _>(parts, stream).await {
            eprintln!("A socket was refused: {refused}");
        }
    });

    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.extend([
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
    ]);
    if let Ok(accept) = accept.parse() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok(answer)
}

/// A stream without HTTP: the host makes up the request.
async fn without_http() -> Outcome {
    let (client, server) = duplex(1_024);
    let layer = loud(Config::new());
    let service = layer.layer(Router::new());
    let request = Request::get("/?userId=ann").header("host", "localhost");
    let (parts, ()) = request.body(())?.into_parts();
    let life = tokio::spawn(async move { service.accept::<Incoming, _, _>(parts, server).await });

    let mut socket = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let heard = ask(&mut socket, "hello").await?;
    println!("Without HTTP: {heard}, {:?}", layer.hub().users());
    drop(socket);
    println!("Its end: {}", life.await??);
    Ok(())
}

/// Two hubs on one application, each below a path of its own.
async fn two_hubs_on_one_application() -> Outcome {
    let shop = loud(Config::new().base_path("/shop"));
    let office = loud(Config::new().base_path("/office"));
    let server = Server::new(shop.layer(office.layer(Router::new())));
    let mut ann = server.connect("/shop/__initializeSocket.wc").await?;
    let mut bob = server.connect("/office/__initializeSocket.wc").await?;

    shop.hub()
        .broadcast(&SocketMessage::new("news").text("sale"));
    office
        .hub()
        .broadcast(&SocketMessage::new("news").text("lunch"));
    let (in_shop, in_office) = (ann.receive().await?, bob.receive().await?);
    println!("Two hubs: {}, {}", in_shop.message, in_office.message);
    Ok(())
}

/// One hub for threads with a runtime each, and a broadcast from a thread without one.
fn in_several_runtimes() -> Outcome {
    let layer = loud(Config::new());
    let (opened, opening) = mpsc::channel();
    let mut threads = Vec::new();
    for user in ["ann", "bob"] {
        let server = Server::new(layer.layer(Router::new()));
        let opened = opened.clone();
        threads.push(thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut socket = server.connect(&format!("/?userId={user}")).await?;
                opened.send(())?;
                let heard = socket.receive().await?;
                Ok::<_, AnyError>(format!("{user}: {}", heard.message))
            })
        }));
    }
    for _ in &threads {
        opening.recv()?;
    }
    let report = layer
        .hub()
        .broadcast(&SocketMessage::new("news").text("for all"));
    println!("Two runtimes, {} sockets", report.queued);
    for thread in threads {
        println!("- {}", thread.join().map_err(|_| "a thread panicked")??);
    }
    Ok(())
}

/// The layer of each host: it broadcasts messages in upper case.
fn loud(config: Config) -> WebConnectionSocketLayer {
    WebConnectionSocketLayer::new(config).on_web_socket(|socket: Socket| async move {
        let louder = socket.text().to_uppercase();
        socket.reply(&socket.create_message().text(louder))
    })
}

/// Sends a message and waits for the next one.
async fn ask<IO>(socket: &mut WebSocketStream<IO>, text: &str) -> Result<String, AnyError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let message = SocketMessage::new("say").text(text);
    let text = String::from_utf8(message.encode())?;
    socket.send(Message::text(text)).await?;
    let answer = socket.next().await.ok_or("the socket closed")??;
    Ok(SocketMessage::from_slice(&answer.into_data())?.message)
}

type AnyError = Box<dyn Error + Send + Sync>;

type Outcome = Result<(), AnyError>;
