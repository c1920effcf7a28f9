//! A program that holds the WebSockets of an application in any language.
//!
//! `cargo run --release --example gateway -- --upstream http://127.0.0.1:8080 --port 5200
//! --broadcast-token T --unsigned`, and the application at port 8080 has sockets at port 5200.
//!
//! A message of a socket becomes a POST to the application's `/__WebSocket.wwd`, which broadcasts with a
//! POST to the URL that it is told in `WebSocket-Broadcast-Url`. Every other request is passed on as it
//! came. The applications in `examples/backends` are in PHP, Python and Node.
//!
//! `--help` lists the options; each can also be set in the environment. With the features `client-tls`
//! and `settings` it speaks TLS and reads the settings files of a Web Connection site; with `redis` or
//! `nats` several gateways are one.

use std::{error::Error, pin::Pin, process::ExitCode, time::Duration};

use http::uri::Scheme;

use web_connection_socket::{Upstream, WebConnectionSocketLayer};

use self::{
    address::Address, headers::Forwarding, options::Options, ports::Ports, serve::Gateway,
    tls::Acceptor,
};

mod address;
mod body;
mod cluster;
mod config;
mod connect;
mod failure;
mod headers;
mod log;
#[cfg_attr(not(feature = "nats"), path = "no_nats.rs")]
mod nats;
mod options;
mod ports;
mod proxy;
#[cfg_attr(not(feature = "redis"), path = "no_redis.rs")]
mod redis;
mod refusals;
mod secrets;
mod serve;
#[cfg_attr(not(feature = "settings"), path = "no_settings.rs")]
mod settings;
#[cfg_attr(not(unix), path = "no_signals.rs")]
mod signals;
mod site;
mod status;
mod switch;
#[cfg_attr(not(feature = "client-tls"), path = "no_tls.rs")]
mod tls;
#[cfg_attr(not(unix), path = "no_unix.rs")]
mod unix;

/// Why the gateway cannot do what it was asked for: one sentence with the option.
type Problem = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::read();
    log::start(options.log_format);
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Checks every option before the first port is opened, then serves until the process is asked to stop.
async fn run(options: &Options) -> Result<(), Problem> {
    let upstream = upstream(options)?;
    let address = Address::parse(&options.upstream)?;
    let config = config::of(options)?;
    let join = cluster::of(options)?;
    let asked = (options.port, options.control_port);
    address::broadcast_url(options, &address, asked)?;
    let tls = match options.tls_cert.as_ref().zip(options.tls_key.as_ref()) {
        Some((certificate, key)) => Some(Acceptor::read(certificate, key)?),
        None => None,
    };

    let ports = Ports::open(options).await?;
    let url = address::broadcast_url(options, &address, ports.numbers()?)?;
    let upstream = upstream
        .broadcast_url(&url)
        .map_err(|error| format!("--broadcast-url {url}: {error}"))?
        .forwarded_proto(scheme(options));
    say_what_is_done(options, &ports, &url)?;
    let layer = WebConnectionSocketLayer::new(config.inner_is_proxy(true)).upstream(upstream);
    let gateway = Gateway {
        layer: join(layer),
        forwarding: Forwarding {
            is_tls: tls.is_some(),
            trusted: options.trusted_proxy.clone().into(),
        },
        address: address.clone(),
        scripts: options.scripts.clone(),
        ports,
        tls,
    };
    let served: Pin<Box<dyn Future<Output = _>>> = match &address.socket {
        Some(path) => Box::pin(gateway.serve(unix::connector(path)?)),
        None if address.scheme == Scheme::HTTPS => {
            let authority = options.upstream_ca.as_deref();
            Box::pin(gateway.serve(tls::connector(connect::tcp(), authority)?))
        }
        None => Box::pin(gateway.serve(connect::tcp())),
    };
    served.await
}

/// Makes the way of the messages to the application.
fn upstream(options: &Options) -> Result<Upstream, Problem> {
    let mut upstream = Upstream::new(&options.upstream)
        .map_err(|error| format!("--upstream {}: {error}", options.upstream))?
        .max_concurrency(options.max_concurrency)
        .hold(Duration::from_secs(options.hold));
    if let Some(authority) = &options.upstream_ca {
        upstream = tls::trust(upstream, authority)?;
    }
    let keys = config::signing_keys(options)?;
    Ok(if keys.is_empty() {
        upstream.unsigned()
    } else {
        upstream.signing_keys(keys)
    })
}

fn scheme(options: &Options) -> Scheme {
    match options.tls_cert {
        Some(_) => Scheme::HTTPS,
        None => Scheme::HTTP,
    }
}

/// Prints where to look, and logs what was understood of the options.
fn say_what_is_done(options: &Options, ports: &Ports, broadcast_url: &str) -> Result<(), Problem> {
    let scheme = scheme(options);
    let listening = ports.public.local_addr()?;
    println!("Open {scheme}://{listening}/; Ctrl+C ends the gateway.");
    tracing::info!(
        upstream = options.upstream,
        broadcast_url,
        signed = !options.unsigned,
        lifecycle_events = options.lifecycle_events,
        "sockets open at {scheme}://{listening}/, their messages and all other requests go to the \
         application"
    );
    Ok(())
}
