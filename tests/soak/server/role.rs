use std::{
    fs,
    future::pending,
    mem,
    net::{Ipv4Addr, SocketAddr},
    panic,
    sync::Arc,
    thread,
    time::Duration,
};

use axum::{Router, ServiceExt, extract::Request, http::StatusCode, serve::ListenerExt};
use clap::Args;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::{
    net::TcpListener,
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tower::Layer;
use web_connection_socket::{
    CloseReason, Config, Handshake, Hub, Identity, Rejection, Server, ShutdownReport, Socket,
    SocketMessage, WebConnectionSocketLayer,
    backplane::{NatsBackplane, RedisBackplane},
    config::{HistoryRule, PresenceRule},
    history::{JetStreamHistory, RedisHistory},
};

use super::{
    axum_ws, members,
    nodes::{Nodes, Told},
    order::{Answer, End, Figures, Order, Publish, Published, Stopped},
    replies,
};
use crate::{
    Result,
    process::{obey, say},
};

/// Limits that are not the library's own; times in seconds.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Options {
    #[arg(long)]
    write_timeout: Option<u64>,
    #[arg(long)]
    dispatch_timeout: Option<u64>,
    #[arg(long)]
    max_dispatches: Option<usize>,
    #[arg(long)]
    max_hub_queue_bytes: Option<usize>,
    #[arg(long)]
    drop_oldest: bool,
    #[arg(long)]
    max_sockets: Option<usize>,
    #[arg(long)]
    max_sockets_per_client: Option<usize>,
    /// Asks the hub every millisecond how many sockets it has.
    #[arg(long)]
    watch: bool,
    /// Is axum's own WebSockets with a channel instead.
    #[arg(long)]
    axum_ws: bool,
    /// Is a node of a cluster on this Redis server.
    #[arg(long)]
    redis: Option<String>,
    /// Is a node of a cluster on this NATS server.
    #[arg(long)]
    nats: Option<String>,
    /// Keeps the messages to groups, for clients that come again.
    #[arg(long)]
    history: bool,
    /// Says to each socket that opens what one gets that resumes after ten messages.
    #[arg(long)]
    replies: bool,
    /// Keeps track of the members of the lobby and of the groups that begin with `g`.
    #[arg(long)]
    presence: bool,
    /// Keeps the messages to the lobby in this Redis or NATS server.
    #[arg(long)]
    history_store: Option<String>,
    /// Serve with the library's own server, until the process ends.
    #[arg(long)]
    own_server: bool,
}

/// Serves, and obeys the orders that come from the standard input.
pub(crate) async fn run(options: Options) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    // Panics that are asked for would fill the terminal.
    panic::set_hook(Box::new(|_| {}));
    if options.axum_ws {
        return axum_ws::run().await;
    }
    let begin = Instant::now();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::new(Mutex::new(Vec::new()));
    let layer = in_cluster(
        layer(&options, begin, ends.clone()),
        &options,
        events.clone(),
    )?;
    let hub = layer.hub();
    let lens = Arc::new(Mutex::new(Vec::new()));
    if options.watch {
        watch(hub.clone(), lens.clone());
    }

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    say(&listener.local_addr()?)?;
    if options.own_server {
        let server = Server::new(listener, &hub).with_graceful_shutdown(pending());
        let serving = server.serve(layer.layer(Router::new()));
        return beside(serving, only_serve(&hub, begin, &ends)).await;
    }
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("soak: {error}");
        }
    });
    let service = layer.layer(Router::new());
    let service = ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service);
    let (stop, stopped) = oneshot::channel();
    let (told, mut ended) = mpsc::channel(1);
    let closing = hub.clone();
    #[expect(clippy::disallowed_methods, reason = "the server beside its orders")]
    let mut serving = Some(tokio::spawn(async move {
        let graceful = async move {
            let Ok(deadline) = stopped.await else { return };
            let end = closing.shutdown(deadline).await;
            told.send(end).await.expect("the order waits for it");
        };
        axum::serve(listener, service)
            .with_graceful_shutdown(graceful)
            .await
    }));
    let mut stop = Some(stop);
    obey(async |order| {
        Ok(match order {
            Order::Figures => Answer::Figures(Box::new(Figures {
                lens: mem::take(&mut lens.lock()),
                told: mem::take(&mut events.lock()),
                ..figures(&hub, begin, mem::take(&mut ends.lock()))?
            })),
            Order::Publish(publish) => Answer::Published(broadcast(&hub, &publish).await),
            Order::CloseUser(user) => {
                hub.close_user(&user, &CloseReason::NORMAL);
                Answer::Done
            }
            Order::Join => Answer::Joined(members::join(&hub)),
            Order::Rename {
                per_second,
                seconds,
            } => {
                members::rename(&hub, per_second, seconds).await?;
                Answer::Done
            }
            Order::ShutDown { seconds } => {
                let start = Instant::now();
                let deadline = Duration::from_secs(seconds);
                let stop = stop.take().ok_or("it was stopped before")?;
                stop.send(deadline).map_err(|_| "the server has ended")?;
                let end: ShutdownReport = ended.recv().await.ok_or("the server has ended")?;
                let milliseconds = millis(start);
                let second = hub.shutdown(deadline).await;
                if let Some(serving) = serving.take() {
                    timeout(deadline, serving).await???;
                }
                // What ended a moment ago is a task until its thread has looked at it.
                let tasks = || Handle::current().metrics().num_alive_tasks();
                let _in_vain = timeout(Duration::from_secs(1), async {
                    while tasks() > 0 {
                        sleep(Duration::from_millis(1)).await;
                    }
                })
                .await;
                Answer::Stopped(Stopped {
                    closed: end.closed,
                    cut: end.cut,
                    milliseconds,
                    tasks: tasks(),
                    second: second.closed + second.cut,
                })
            }
        })
    })
    .await
}

/// Serves until there are no more orders.
async fn beside(
    serving: impl Future<Output: Send + 'static> + Send + 'static,
    orders: impl Future<Output = Result<()>>,
) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the server beside its orders")]
    let serving = tokio::spawn(serving);
    orders.await?;
    serving.abort();
    Ok(())
}

/// Obeys the orders that the crate's own server takes.
async fn only_serve(hub: &Arc<Hub>, begin: Instant, ends: &Mutex<Vec<End>>) -> Result<()> {
    obey(async |order| {
        Ok(match order {
            Order::Figures => {
                let figures = figures(hub, begin, mem::take(&mut ends.lock()))?;
                Answer::Figures(Box::new(figures))
            }
            Order::Publish(publish) => Answer::Published(broadcast(hub, &publish).await),
            Order::CloseUser(_) | Order::Join | Order::Rename { .. } | Order::ShutDown { .. } => {
                return Err("this server only serves".into());
            }
        })
    })
    .await
}

/// Asks again and again, from a thread that does nothing else, how many sockets there are.
fn watch(hub: Arc<Hub>, lens: Arc<Mutex<Vec<u64>>>) {
    thread::spawn(move || {
        loop {
            let begin = Instant::now();
            let _sockets = hub.len();
            let took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
            lens.lock().push(took);
            thread::sleep(Duration::from_millis(1));
        }
    });
}

fn layer(
    options: &Options,
    begin: Instant,
    ends: Arc<Mutex<Vec<End>>>,
) -> WebConnectionSocketLayer {
    let mut layer = WebConnectionSocketLayer::new(config(options));
    if options.replies {
        layer = layer.on_open(replies::say);
    }
    layer
        .identify(identify)
        .on_action("echo", |socket: Socket| async move {
            socket.reply(socket.message())
        })
        .on_action("panic", |socket: Socket| async move {
            assert!(
                socket.message().action.is_empty(),
                "a secret of the application"
            );
        })
        .on_action("slow", |_: Socket| sleep(Duration::from_secs(2)))
        .on_action("hang", |_: Socket| std::future::pending::<()>())
        .on_web_socket(|socket: Socket| async move {
            socket.broadcast(socket.message());
        })
        .on_disconnect(move |socket: Socket| {
            let ends = ends.clone();
            async move {
                let message = socket.message().parse_json::<Close>();
                let close = message.map_err(|error| error.to_string())?;
                ends.lock().push(End {
                    user: socket.user().to_string(),
                    code: close.code,
                    reason: close.reason,
                    undelivered: close.undelivered,
                    at: millis(begin),
                });
                Ok::<_, String>(())
            }
        })
}

/// Makes the server a node of a cluster, if it is to be one.
fn in_cluster(
    layer: WebConnectionSocketLayer,
    options: &Options,
    told: Arc<Mutex<Vec<Told>>>,
) -> Result<WebConnectionSocketLayer> {
    // With a function of its own a node hears of all groups.
    let layer = if options.presence {
        layer.on_presence(|_| {})
    } else {
        layer
    };
    let layer = layer.on_cluster_event(move |event| told.lock().extend(Told::of(&event)));
    let layer = match &options.history_store {
        Some(url) if url.starts_with("nats") => layer.history_store(JetStreamHistory::new(url)?),
        Some(url) => layer.history_store(RedisHistory::new(url)?),
        None => layer,
    };
    Ok(match (&options.redis, &options.nats) {
        (Some(url), _) => layer.backplane(RedisBackplane::new(url)?),
        (None, Some(url)) => layer.backplane(NatsBackplane::new(url)?),
        (None, None) => layer,
    })
}

fn config(options: &Options) -> Config {
    let mut config = Config::new().trust_local_callers();
    if options.history_store.is_some() {
        config = config.history(HistoryRule::group("lobby").messages(1_000));
    }
    if let Some(seconds) = options.write_timeout {
        config = config.write_timeout(Duration::from_secs(seconds));
    }
    if let Some(seconds) = options.dispatch_timeout {
        config = config.dispatch_timeout(Duration::from_secs(seconds));
    }
    if let Some(n) = options.max_dispatches {
        config = config.max_dispatches(n);
    }
    if let Some(n) = options.max_sockets {
        config = config.max_sockets(n);
    }
    if let Some(n) = options.max_sockets_per_client {
        config = config.max_sockets_per_client(n);
    }
    if options.history {
        config = config.history(HistoryRule::group("*"));
    }
    if options.presence {
        for group in ["lobby", "g*"] {
            config = config.presence(PresenceRule::group(group));
        }
    }
    if let Some(bytes) = options.max_hub_queue_bytes {
        config = config.max_hub_queue_bytes(bytes);
    }
    config
}

/// Believes what the query says, as only a test may.
async fn identify(handshake: Handshake) -> std::result::Result<Identity, Rejection> {
    let uri = handshake.uri();
    let query = uri.query().unwrap_or_default();
    assert!(!query.contains("panic"), "a secret of the application");
    let mut user = "";
    let mut groups = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("userId", name)) => user = name,
            Some(("groupId", name)) => groups.push(name),
            Some(("refuse", _)) => return Err(Rejection::new(StatusCode::FORBIDDEN)),
            _ => {}
        }
    }
    let identity = Identity::user(user);
    Ok(groups.into_iter().fold(identity, Identity::group))
}

async fn broadcast(hub: &Hub, publish: &Publish) -> Published {
    let mut total = Published::default();
    let mut add = |message: &SocketMessage| {
        let begin = Instant::now();
        let report = hub.broadcast(message);
        let took = begin.elapsed().as_micros();
        total.matched += report.matched;
        total.queued += report.queued;
        total.dropped += report.dropped;
        total.longest = total.longest.max(u64::try_from(took).unwrap_or(u64::MAX));
    };
    for number in 0..publish.count {
        let text = || format!("server {number} {}", "x".repeat(publish.size));
        if let Some(group) = &publish.group {
            add(&SocketMessage::new("news")
                .text(text())
                .to_group(group.as_str()));
        } else if publish.users.is_empty() {
            add(&SocketMessage::new("news").text(text()));
        }
        for user in &publish.users {
            add(&SocketMessage::new("news")
                .text(text())
                .to_user(user.as_str()));
        }
    }
    total
}

fn figures(hub: &Hub, begin: Instant, ends: Vec<End>) -> Result<Figures> {
    let kib = |file: &str, name: &str| {
        let text = fs::read_to_string(file)?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|line| line.split_whitespace().next());
        let word = word.ok_or("Linux says how much memory a process has")?;
        Ok::<usize, tower::BoxError>(word.parse()?)
    };
    let stats = hub.stats();
    Ok(Figures {
        // The sum over the mappings is exact; what `status` says of it is not.
        memory: kib("/proc/self/smaps_rollup", "Rss:")?,
        peak: kib("/proc/self/status", "VmHWM:")?,
        cpu: cpu()?,
        descriptors: fs::read_dir("/proc/self/fd")?.count(),
        tasks: Handle::current().metrics().num_alive_tasks(),
        sockets: hub.len(),
        bytes_queued: stats.bytes_queued,
        messages_out: stats.messages_out,
        dropped: stats.dropped,
        undelivered: stats.undelivered,
        members: stats.presence.members,
        dispatches: stats.dispatches_running,
        waiting: stats.dispatches_waiting,
        messages_in: stats.messages_in,
        failed: stats.dispatches_failed,
        lens: Vec::new(),
        cluster: stats.cluster.map(Nodes::from),
        told: Vec::new(),
        ends,
        now: millis(begin),
    })
}

/// What the threads have run, as the kernel accounts it.
fn cpu() -> Result<u64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let schedule = fs::read_to_string(thread?.path().join("schedstat"))?;
        let on_cpu = schedule.split(' ').next().unwrap_or_default();
        nanoseconds += on_cpu.parse::<u64>()?;
    }
    Ok(nanoseconds / 1_000)
}

fn millis(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The text of a disconnect event.
#[derive(Deserialize)]
struct Close {
    code: u16,
    reason: String,
    undelivered: u64,
}
