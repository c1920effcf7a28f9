//! An example in a process of its own, as a careful operator starts it.

use std::{
    env, fmt,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Kind {
    Chat,
    HyperHost,
}

impl Kind {
    fn program(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::HyperHost => "hyper_host",
        }
    }

    /// A message that goes to all that are in the room.
    pub(super) fn said(self, text: &str) -> String {
        match self {
            Self::Chat => {
                format!(r#"{{"action":"broadcastchatmessage","message":"{text}","recipients":[]}}"#)
            }
            Self::HyperHost => format!(r#"{{"action":"say","message":"{text}"}}"#),
        }
    }

    /// A message that costs the application as much, and goes to few where the example lets the
    /// sender choose.
    pub(super) fn muttered(self, text: &str) -> String {
        match self {
            Self::Chat => format!(
                r#"{{"action":"broadcastchatmessage","message":"{text}","recipients":[{{"type":"group","value":"nowhere"}}]}}"#
            ),
            Self::HyperHost => self.said(text),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// What a careful operator sets; of messages and bytes five times as many may come at once.
const LIMITS: [&str; 8] = [
    "--max-sockets",
    "1000",
    "--max-sockets-per-client",
    "20",
    "--message-rate",
    "10",
    "--byte-rate",
    "16384",
];

/// Builds the examples and tells where they are.
pub(super) async fn build() -> Result<PathBuf> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut build = Command::new(cargo);
    build
        .args(["build", "--release", "--workspace", "--all-features"])
        .args(["--example", "chat", "--example", "hyper_host"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if !build.status().await?.success() {
        return Err("the examples cannot be built, as is said above".into());
    }
    Ok(folder()?.join("examples"))
}

/// The folder of programs that are built like this one, which is in `target/release/deps`.
pub(super) fn folder() -> Result<PathBuf> {
    let program = env::current_exe()?;
    let folder = program.ancestors().nth(2);
    Ok(folder
        .ok_or("this program is in no target folder")?
        .to_owned())
}

pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    /// What it notes of who comes and goes.
    pub(super) log: PathBuf,
    pub(super) id: u32,
    child: Child,
}

impl Target {
    pub(super) async fn start(kind: Kind, examples: &Path, logs: &Path) -> Result<Self> {
        fs::create_dir_all(logs)?;
        let log = logs.join(format!("{kind}.log"));
        let said = logs.join(format!("{kind}.out"));
        let mut child = Command::new(examples.join(kind.program()))
            .args(["--port", "0"])
            .args(LIMITS)
            .env("RUST_LOG", "info,chat=debug,hyper_host=debug")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            // Files, so that it waits for no reader.
            .stdout(File::create(&said)?)
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().ok_or("the example has ended")?;
        let address = async {
            loop {
                if let Some(port) = port(&fs::read_to_string(&said)?) {
                    return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
                }
                if let Some(status) = child.try_wait()? {
                    return Err(format!("{kind} ended: {status}").into());
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        let address: Result<_> = timeout(Duration::from_secs(60), address).await?;
        let address = address?;
        Ok(Self {
            kind,
            address,
            log,
            id,
            child,
        })
    }

    pub(super) fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }
}

/// The port in `Open http://127.0.0.1:5200/ in two browsers`.
fn port(said: &str) -> Option<u16> {
    let (address, _) = said.split_once("/ in two browsers")?;
    let (_, port) = address.rsplit_once(':')?;
    port.parse().ok()
}

/// Memory in KiB and when it was used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    pub(super) most: usize,
    pub(super) at: Duration,
    pub(super) last: usize,
}

/// Watches what memory a process has in use, ten times a second.
pub(super) async fn watch(
    process: u32,
    begin: Instant,
    mut stopped: watch::Receiver<bool>,
) -> Result<Memory> {
    let mut memory = Memory::default();
    loop {
        memory.last = kib(process, "VmRSS:")?;
        if memory.last > memory.most {
            memory.most = memory.last;
            memory.at = begin.elapsed();
        }
        tokio::select! {
            () = sleep(Duration::from_millis(100)) => {}
            _ = stopped.changed() => break,
        }
    }
    // No moment is missed.
    memory.most = kib(process, "VmHWM:")?;
    Ok(memory)
}

fn kib(process: u32, name: &str) -> Result<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word.ok_or("the process has ended")?.parse()?)
}

/// How many seconds of a processor a process has used.
pub(super) fn processor(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Its name, in parentheses, may hold anything.
    let (_, numbers) = stat.rsplit_once(')').ok_or("the process has ended")?;
    let mut numbers = numbers.split_whitespace().skip(11);
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    let (user, system) = next().zip(next()).ok_or("Linux counts a process's time")?;
    // Linux tells user space hundredths of seconds, whatever its own clock is.
    Ok(f64::from(user + system) / 100.0)
}
