//! The options of the command line and of the environment.

use std::{env, net::IpAddr, path::PathBuf};

use clap::{
    ArgAction, CommandFactory, FromArgMatches, Parser, ValueEnum, builder::BoolishValueParser,
};

use web_connection_socket::config::{HistoryRule, Host, IpNet, Origin, ScriptMap, UrlPath};

/// Holds the WebSockets of an application in any language, and passes all other requests on to it.
///
/// Each message of a socket becomes a POST to the application, which broadcasts with a POST of its own.
#[derive(Debug, Parser)]
#[command(name = "gateway", max_term_width = 100)]
pub(crate) struct Options {
    /// The application: http://host:port, https://host:port or unix:/path/of/the.sock.
    #[arg(long, value_name = "URL", env = "WEBCONNECTION_UPSTREAM")]
    pub(crate) upstream: String,
    /// PEM file with the authority of an https upstream, in place of this machine's.
    #[arg(long, value_name = "FILE", env = "WEBCONNECTION_UPSTREAM_CA")]
    pub(crate) upstream_ca: Option<PathBuf>,

    /// Port to listen on; 0 takes any free one.
    #[arg(long, default_value_t = 5200, env = "WEBCONNECTION_PORT")]
    pub(crate) port: u16,
    /// Address to listen at; 0.0.0.0 or :: for every network.
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1",
        env = "WEBCONNECTION_BIND"
    )]
    pub(crate) bind: IpAddr,
    /// Speak TLS with this certificate and its chain, a PEM file; read again on SIGHUP.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "WEBCONNECTION_TLS_CERT"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of the certificate, a PEM file.
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "WEBCONNECTION_TLS_KEY"
    )]
    pub(crate) tls_key: Option<PathBuf>,

    /// Token with which programs may broadcast; may be repeated. Better in the environment or a file:
    /// other users of this machine can read the command line.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "WEBCONNECTION_BROADCAST_TOKEN",
        hide_env_values = true
    )]
    pub(crate) broadcast_token: Vec<String>,
    /// File with such tokens, one on a line.
    #[arg(long, value_name = "FILE", env = "WEBCONNECTION_BROADCAST_TOKEN_FILE")]
    pub(crate) broadcast_token_file: Option<PathBuf>,
    /// Port of 127.0.0.1 at which broadcasts are taken, without a token unless there is one; the
    /// public port then takes none.
    #[arg(long, value_name = "PORT", env = "WEBCONNECTION_CONTROL_PORT")]
    pub(crate) control_port: Option<u16>,
    /// Network from which programs may broadcast without a token; may be repeated. Never a proxy's.
    #[arg(
        long,
        value_name = "NETWORK",
        value_delimiter = ',',
        env = "WEBCONNECTION_ALLOW_CALLERS_FROM"
    )]
    pub(crate) allow_callers_from: Vec<IpNet>,
    /// URL at which the application broadcasts; known by itself if both are on this machine.
    #[arg(long, value_name = "URL", env = "WEBCONNECTION_BROADCAST_URL")]
    pub(crate) broadcast_url: Option<String>,

    /// Key that signs what the application gets; may be repeated while a key is replaced.
    #[arg(
        long,
        value_name = "KEY",
        env = "WEBCONNECTION_SIGNING_KEY",
        hide_env_values = true
    )]
    pub(crate) signing_key: Vec<String>,
    /// File with such keys, one on a line.
    #[arg(long, value_name = "FILE", env = "WEBCONNECTION_SIGNING_KEY_FILE")]
    pub(crate) signing_key_file: Option<PathBuf>,
    /// Sign nothing: only where nothing but this gateway can reach the application.
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new(),
        env = "WEBCONNECTION_UNSIGNED"
    )]
    pub(crate) unsigned: bool,

    /// Folder with the settings files of a Web Connection site.
    #[arg(long, value_name = "FOLDER", env = "WEBCONNECTION_SETTINGS")]
    pub(crate) settings: Option<PathBuf>,
    /// Extension of the URL that messages are posted to, __WebSocket.<ext>; wwd by default.
    #[arg(
        long,
        value_name = "EXT",
        env = "WEBCONNECTION_WEBSOCKETPROCESSSCRIPTMAP"
    )]
    pub(crate) script_map: Option<ScriptMap>,
    /// The one path at which sockets open; by default every WebSocket upgrade opens one.
    #[arg(long, value_name = "PATH", env = "WEBCONNECTION_WEBSOCKET_PATH")]
    pub(crate) websocket_path: Option<UrlPath>,
    /// Serve the browser client below this path: /scripts/webconnection-websocket.js.
    #[arg(long, value_name = "PATH", value_parser = directory, env = "WEBCONNECTION_SCRIPTS")]
    pub(crate) scripts: Option<String>,
    /// Tell the application of sockets that open and end, too.
    #[arg(
        long,
        action = ArgAction::SetTrue,
        value_parser = BoolishValueParser::new(),
        env = "WEBCONNECTION_LIFECYCLE_EVENTS"
    )]
    pub(crate) lifecycle_events: bool,

    /// Origin whose pages may open sockets, as https://app.example; may be repeated. By default those
    /// of the request's own host.
    #[arg(
        long,
        value_name = "ORIGIN",
        value_delimiter = ',',
        env = "WEBCONNECTION_ORIGIN"
    )]
    pub(crate) origin: Vec<Origin>,
    /// The origin at which browsers see the site, behind a proxy that rewrites Host.
    #[arg(long, value_name = "ORIGIN", env = "WEBCONNECTION_PUBLIC_ORIGIN")]
    pub(crate) public_origin: Option<Origin>,
    /// Host under which sockets open and broadcasts are taken; may be repeated. Any by default.
    #[arg(
        long,
        value_name = "HOST",
        value_delimiter = ',',
        env = "WEBCONNECTION_HOST"
    )]
    pub(crate) host: Vec<Host>,
    /// Network of proxies that say who the visitor is; may be repeated.
    #[arg(
        long,
        value_name = "NETWORK",
        value_delimiter = ',',
        env = "WEBCONNECTION_TRUSTED_PROXY"
    )]
    pub(crate) trusted_proxy: Vec<IpNet>,

    /// Messages that the application gets at one time: the number of its workers.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = at_least_one, env = "WEBCONNECTION_MAX_CONCURRENCY")]
    pub(crate) max_concurrency: usize,
    /// Sockets that may be open; no limit without.
    #[arg(long, value_name = "N", value_parser = at_least_one, env = "WEBCONNECTION_MAX_SOCKETS")]
    pub(crate) max_sockets: Option<usize>,
    /// Seconds that messages wait for an application that restarts.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 15,
        env = "WEBCONNECTION_HOLD"
    )]
    pub(crate) hold: u64,

    /// Keep the last messages to group:NAME, group:PREFIX*, user:NAME, users or all, so that a page that
    /// reconnects gets what it missed; may be repeated.
    #[arg(
        long,
        value_name = "WHOSE",
        value_delimiter = ',',
        value_parser = history,
        env = "WEBCONNECTION_HISTORY"
    )]
    pub(crate) history: Vec<HistoryRule>,
    /// Messages that are kept for each of them.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one, env = "WEBCONNECTION_HISTORY_MESSAGES")]
    pub(crate) history_messages: usize,
    /// Seconds for which they are kept.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = at_least_one, env = "WEBCONNECTION_HISTORY_AGE")]
    pub(crate) history_age: usize,

    /// Redis server that makes several gateways one: redis://user:password@host:port or rediss://…;
    /// those of a Redis Cluster separated by commas. A password is better in the environment or a file.
    #[arg(
        long,
        value_name = "URL",
        env = "WEBCONNECTION_REDIS",
        hide_env_values = true
    )]
    pub(crate) redis: Option<String>,
    /// File with such URLs, one on a line.
    #[arg(long, value_name = "FILE", env = "WEBCONNECTION_REDIS_FILE")]
    pub(crate) redis_file: Option<PathBuf>,
    /// NATS server that makes several gateways one: nats://user:password@host:port or tls://…; those of a
    /// cluster separated by commas. A password is better in the environment or a file.
    #[arg(
        long,
        value_name = "URL",
        env = "WEBCONNECTION_NATS",
        hide_env_values = true
    )]
    pub(crate) nats: Option<String>,
    /// File with such URLs, one on a line.
    #[arg(long, value_name = "FILE", env = "WEBCONNECTION_NATS_FILE")]
    pub(crate) nats_file: Option<PathBuf>,
    /// What keeps the gateways of several sites apart on one broker.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "gateway",
        value_parser = prefix,
        env = "WEBCONNECTION_CLUSTER_PREFIX"
    )]
    pub(crate) cluster_prefix: String,
    /// Key that signs what the gateways tell each other, the same for all of them.
    #[arg(
        long,
        value_name = "KEY",
        env = "WEBCONNECTION_CLUSTER_KEY",
        hide_env_values = true
    )]
    pub(crate) cluster_key: Option<String>,
    /// File with that key.
    #[arg(long, value_name = "FILE", env = "WEBCONNECTION_CLUSTER_KEY_FILE")]
    pub(crate) cluster_key_file: Option<PathBuf>,

    /// Port of 127.0.0.1 that tells in one line what the gateway does.
    #[arg(long, value_name = "PORT", env = "WEBCONNECTION_STATUS_PORT")]
    pub(crate) status_port: Option<u16>,
    /// How log lines look.
    #[arg(long, value_enum, default_value_t, env = "WEBCONNECTION_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object on each line.
    Json,
}

impl Options {
    /// Reads the command line, and the environment where the command line says nothing. A variable that
    /// is blank counts as missing. Ends the process with a message if an option is wrong.
    pub(crate) fn read() -> Self {
        let mut command = Self::command();
        let variables: Vec<_> = command
            .get_arguments()
            .filter_map(|argument| {
                Some((argument.get_id().clone(), argument.get_env()?.to_owned()))
            })
            .collect();
        for (id, variable) in variables {
            if env::var(&variable).is_ok_and(|value| value.trim().is_empty()) {
                command = command.mut_arg(id, |argument| argument.env(None::<&str>));
            }
        }
        let matches = command.get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

/// Reads whose messages are kept.
fn history(text: &str) -> Result<HistoryRule, String> {
    match text.split_once(':') {
        Some(("group", group)) if !group.is_empty() => Ok(HistoryRule::group(group)),
        Some(("user", user)) if !user.is_empty() => Ok(HistoryRule::user(user)),
        None if text == "users" => Ok(HistoryRule::users()),
        None if text == "all" => Ok(HistoryRule::all()),
        _ => Err("must be group:NAME, group:PREFIX*, user:NAME, users or all".to_owned()),
    }
}

/// Reads what the names of channels may begin with on every broker.
fn prefix(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
    if (1..=64).contains(&text.len()) && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 64 ASCII letters, digits, -, _ or :".to_owned())
    }
}

/// Reads a path, and ends it with one slash.
fn directory(text: &str) -> Result<String, String> {
    let path = text.trim_end_matches('/');
    let read: Result<UrlPath, _> = path.parse();
    read.map(|_| format!("{path}/"))
        .map_err(|error| error.to_string())
}
