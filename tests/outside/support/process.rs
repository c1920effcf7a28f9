//! Programs that a test starts.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::scratch::Scratch;
use super::{PATIENCE, eventually};

/// A running program; it and its descendants are killed on drop.
///
/// What it prints is kept, to be waited for and to be shown when the test fails.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    scratch: Scratch,
}

impl Process {
    /// Starts `command` with a scratch folder of its own as `TMPDIR`.
    ///
    /// # Panics
    ///
    /// When the program is not installed.
    pub(crate) fn start(name: &'static str, mut command: Command) -> Self {
        let scratch = Scratch::new(name);
        let log = File::create(scratch.path().join("log")).expect("a log in an empty folder");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle for the log"))
            .stderr(log)
            .env("TMPDIR", scratch.path())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{name} does not start ({error}); tests/run installs what is missing")
            });
        Self {
            name,
            child,
            scratch,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that was printed so far.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.log_path()).expect("the log of a started program");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Waits for a complete line that holds `text`.
    pub(crate) async fn line_with(&mut self, text: &str) -> String {
        let what = format!("{} prints {text:?}", self.name);
        eventually(&what, PATIENCE, async || {
            let ended = self.status();
            let log = self.log();
            let mut lines = log.split_inclusive('\n');
            let line = lines.find(|line| line.ends_with('\n') && line.contains(text));
            assert!(
                line.is_some() || ended.is_none(),
                "{what}, but it ended: {ended:?}"
            );
            line.map(str::to_owned)
        })
        .await
    }

    /// Waits until the program ends by itself, which it has to do without an error.
    pub(crate) async fn succeeds(&mut self) {
        self.succeeds_within(PATIENCE).await;
    }

    /// Waits that long until the program ends by itself, which it has to do without an error.
    pub(crate) async fn succeeds_within(&mut self, time: Duration) {
        let what = format!("{} ends", self.name);
        let status = eventually(&what, time, async || self.status()).await;
        assert!(status.success(), "{} failed: {status}", self.name);
    }

    /// Kills the program as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let descendants = descendants(self.child.id());
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait().map(drop)) {
            eprintln!("{} could not be killed: {error}", self.name);
        }
        if !descendants.is_empty() {
            // Those that ended with their parent make `kill` complain, which is no news.
            let killed = Command::new("sh")
                .args(["-c", "kill -KILL \"$@\" 2>/dev/null", "sh"])
                .args(descendants)
                .status();
            assert!(killed.is_ok(), "there is no shell: {killed:?}");
        }
    }

    /// Sends the program a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &id])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{}", self.name);
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the state of a child")
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- {} printed ----\n{}", self.name, self.log());
        }
    }
}

/// Where a program of these tests in another language lies.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("outside")
        .join(name)
}

// Every thread of a program may have children of its own.
fn descendants(id: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{id}/task"))
        .into_iter()
        .flatten()
        .flatten();
    let mut all = Vec::new();
    for thread in threads {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_ascii_whitespace() {
            all.push(child.to_owned());
            all.extend(child.parse().map(descendants).unwrap_or_default());
        }
    }
    all
}
