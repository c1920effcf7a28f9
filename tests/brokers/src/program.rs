//! A server as a child process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
};

use crate::wait::wait_until;

/// A running server; it is killed on drop.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    folder: Folder,
}

impl Program {
    /// Starts a server and waits until its output says that it is ready.
    ///
    /// # Panics
    ///
    /// If the program is not installed, ends, or is not ready within 30 s.
    pub(crate) fn start(name: &str, arguments: &[String], ready: &str) -> Self {
        let folder = Folder::new(name);
        let log = File::create(folder.0.join("log")).expect("a log in an empty folder");
        let child = Command::new(name)
            .args(arguments)
            .current_dir(&folder.0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle for the log"))
            .stderr(log)
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{name} does not start ({error}); tests/run installs what is missing")
        });
        let mut program = Self { child, folder };
        wait_until(&format!("{name} is ready"), || {
            let ended = program.child.try_wait().expect("the state of a child");
            assert!(ended.is_none(), "{name} ended: {}", program.log());
            program.log().contains(ready)
        });
        program
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &id])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.0.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A server that has ended already cannot be killed.
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("a broker could not be killed: {error}");
        }
        if thread::panicking() {
            eprintln!("---- a broker printed ----\n{}", self.log());
        }
    }
}

/// A folder of a server's own.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Relaxed);
        let name = format!("{name}-{}-{serial}", process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(Path::new(&self.0)) {
            eprintln!("{} stays behind: {error}", self.0.display());
        }
    }
}
