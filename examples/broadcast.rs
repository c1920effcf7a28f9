//! Sends a message to the sockets of a server from the command line.
//!
//! `cargo run --example chat` in one terminal, then in another
//! `cargo run --example broadcast -- --action note --message "Lunch is ready."`

use std::{
    error::Error,
    io::{self, Read},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{CommandFactory, Parser, error::ErrorKind};

use web_connection_socket::{BroadcastReport, Broadcaster, SocketMessage};

/// Sends a message to the sockets of a server. Without a recipient every socket gets it.
#[derive(Parser)]
struct Options {
    /// The application's URL, up to its virtual directory.
    #[arg(long, default_value = "http://localhost:5200/")]
    url: String,
    /// Bearer token. Other users of this machine can read it on the command line: better set it in
    /// the environment.
    #[arg(long, env = "WEBCONNECTION_BROADCAST_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// PEM file with a further certificate authority to trust.
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Seconds that the server has to answer.
    #[arg(long, default_value_t = 10)]
    timeout: u64,
    /// What the message is about.
    #[arg(long)]
    action: Option<String>,
    /// The message's text.
    #[arg(long)]
    message: Option<String>,
    /// Group that gets the message; may be repeated.
    #[arg(long)]
    group: Vec<String>,
    /// User that gets the message; may be repeated.
    #[arg(long)]
    user: Vec<String>,
    /// User that does not get the message; may be repeated.
    #[arg(long)]
    except_user: Vec<String>,
    /// File with a whole message as JSON, `-` for the standard input; the other options are added.
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    if options.action.is_none() && options.json.is_none() {
        Options::command()
            .error(
                ErrorKind::MissingRequiredArgument,
                "--action or --json is needed",
            )
            .exit();
    }
    match run(&options).await {
        Ok(report) => {
            let forwarded = match report.forwarded().await.as_bool() {
                Some(forwarded) => forwarded.to_string(),
                None => "unknown".to_owned(),
            };
            println!(
                "matched {}, queued {}, dropped {}, forwarded {forwarded}",
                report.matched, report.queued, report.dropped
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<BroadcastReport, Box<dyn Error>> {
    let mut broadcaster =
        Broadcaster::new(&options.url)?.timeout(Duration::from_secs(options.timeout));
    if let Some(path) = &options.ca {
        broadcaster = broadcaster.root_certificates(&std::fs::read(path)?)?;
    }
    if let Some(token) = &options.token {
        broadcaster = broadcaster.bearer_token(token)?;
    }
    Ok(broadcaster.broadcast(&message(options)?).await?)
}

fn message(options: &Options) -> Result<SocketMessage, Box<dyn Error>> {
    let mut message = match &options.json {
        Some(path) => SocketMessage::from_slice(&read(path)?)?,
        None => SocketMessage::default(),
    };
    if let Some(action) = &options.action {
        message.action.clone_from(action);
    }
    if let Some(text) = &options.message {
        message.message.clone_from(text);
    }
    for group in &options.group {
        message = message.to_group(group.as_str());
    }
    for user in &options.user {
        message = message.to_user(user.as_str());
    }
    for user in &options.except_user {
        message = message.except_user(user.as_str());
    }
    Ok(message)
}

fn read(path: &PathBuf) -> io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}
