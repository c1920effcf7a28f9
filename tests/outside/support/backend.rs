//! The chats of `examples/backends`, behind the servers that run such programs.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::gateway::{KEY, TOKEN};
use super::process::{Process, script};
use super::scratch::Scratch;
use super::{eventually, outside_dir};

/// A running application; it ends on drop.
#[derive(Debug)]
pub(crate) struct Backend {
    kind: Kind,
    address: SocketAddr,
    program: String,
    processes: Vec<Process>,
    scratch: Scratch,
}

/// The languages and servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PHP's built-in server.
    Php,
    /// PHP's process manager behind nginx.
    PhpFpm,
    /// Python's standard library.
    Python,
    /// Flask under gunicorn.
    Flask,
    Node,
}

impl Kind {
    /// The host of this machine that it listens at: no two share one.
    fn host(self) -> Ipv4Addr {
        Ipv4Addr::new(127, 0, 0, 2 + self as u8)
    }

    fn chat(self) -> PathBuf {
        let file = match self {
            // Keeps ids on a machine without APCu, too.
            Self::Php | Self::PhpFpm => return script("gateway/php_chat.php"),
            Self::Python => "python/chat.py",
            Self::Flask => return script("gateway/flask_chat.py"),
            Self::Node => "node/chat.mjs",
        };
        examples().join("backends").join(file)
    }
}

impl Backend {
    /// Starts the chat.
    pub(crate) async fn chat(kind: Kind) -> Self {
        Self::start(kind, &kind.chat()).await
    }

    /// Starts another program of the same kind.
    pub(crate) async fn start(kind: Kind, program: &Path) -> Self {
        let host = kind.host();
        let listener = TcpListener::bind((host, 0)).expect("a port of the loopback interface");
        let address = listener
            .local_addr()
            .expect("the address of a bound socket");
        drop(listener);
        let mut backend = Self {
            kind,
            address,
            program: program.display().to_string(),
            processes: Vec::new(),
            scratch: Scratch::new("backend"),
        };
        backend.start_again().await;
        backend
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The lines that a program wrote into the file which it finds in `COUNTING_LOG`.
    pub(crate) fn counted(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    fn log(&self) -> PathBuf {
        self.scratch.path().join("counted")
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.processes.clear();
    }

    /// Starts it again after it was killed, at the same address.
    pub(crate) async fn start_again(&mut self) {
        let address = self.address;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let page = examples().join("chat").display().to_string();
        let program = &self.program;
        self.processes = match self.kind {
            Kind::Php => {
                vec![self.start_program("php", &["-S", &address.to_string(), "-t", &page, program])]
            }
            Kind::PhpFpm => self.start_fpm(&page),
            Kind::Python => vec![self.start_program("python3", &[program, &host, &port])],
            Kind::Flask => {
                let (folder, name) = program.rsplit_once('/').expect("a path");
                let python = outside_dir().join("venv/bin/python").display().to_string();
                let app = format!("{}:app", name.trim_end_matches(".py"));
                let bind = address.to_string();
                vec![self.start_program(
                    &python,
                    &[
                        "-m",
                        "gunicorn",
                        "--chdir",
                        folder,
                        "--threads",
                        "8",
                        "--bind",
                        &bind,
                        &app,
                    ],
                )]
            }
            Kind::Node => vec![self.start_program("node", &[program, &host, &port])],
        };
        let what = format!("{:?} listens at {address}", self.kind);
        eventually(&what, super::PATIENCE, async || {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
    }

    fn start_fpm(&self, page: &str) -> Vec<Process> {
        let folder = self.scratch.path();
        let folder_name = folder.display();
        let socket = folder.join("fpm.sock").display().to_string();
        let program = &self.program;
        // The chat's files are nginx's; another program gets every request.
        let is_chat = program.ends_with("chat.php");
        let location = if is_chat { "= /__WebSocket.wwd" } else { "/" };
        // Others may not be allowed to read the checkout. A tester who is not root cannot be another.
        let (user, group) = (own_name("-un"), own_name("-gn"));
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a file in the scratch folder");
            path.display().to_string()
        };
        let pool = write(
            "fpm.conf",
            format!(
                "[global]\nerror_log = /dev/stderr\ndaemonize = no\n[www]\nlisten = {socket}\npm = static\n\
                 pm.max_children = 8\nclear_env = no\nlisten.mode = 0666\nuser = {user}\ngroup = {group}\n"
            ),
        );
        let site = write(
            "nginx.conf",
            format!(
                "daemon off; user {user} {group}; pid {folder_name}/nginx.pid; error_log stderr;
                events {{}}
                http {{
                    access_log off;
                    client_body_temp_path {folder_name}/body;
                    proxy_temp_path {folder_name}/proxy;
                    fastcgi_temp_path {folder_name}/fastcgi;
                    uwsgi_temp_path {folder_name}/uwsgi;
                    scgi_temp_path {folder_name}/scgi;
                    types {{ text/html html; text/css css; text/javascript js; }}
                    server {{
                        listen {};
                        root {page};
                        index index.html;
                        location {location} {{
                            include /etc/nginx/fastcgi_params;
                            fastcgi_param SCRIPT_FILENAME {program};
                            fastcgi_param SEEN_URI $uri;
                            fastcgi_pass unix:{socket};
                        }}
                    }}
                }}",
                self.address,
            ),
        );
        vec![
            self.start_program(
                &fpm(),
                &[
                    "--nodaemonize",
                    "--allow-to-run-as-root",
                    "--fpm-config",
                    &pool,
                ],
            ),
            self.start_program("nginx", &["-c", &site, "-e", "stderr"]),
        ]
    }

    fn start_program(&self, program: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("WEBCONNECTION_BROADCAST_TOKEN", TOKEN)
            .env("WEBCONNECTION_SIGNING_KEY", KEY)
            .env("COUNTING_LOG", self.log())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Process::start("backend", command)
    }
}

fn own_name(which: &str) -> String {
    let named = Command::new("id").arg(which).output().expect("coreutils");
    String::from_utf8_lossy(&named.stdout).trim().to_owned()
}

/// Debian names the program after the version of PHP.
fn fpm() -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .flat_map(std::fs::read_dir)
        .flatten()
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().starts_with("php-fpm"));
    let found = found.expect("php-fpm; tests/run installs what is missing");
    found.path().display().to_string()
}

pub(crate) fn examples() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.with_file_name("examples")
}
