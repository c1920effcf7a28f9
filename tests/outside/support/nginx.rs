//! nginx with the settings that sites copy.

use std::net::SocketAddr;
use std::process::Command;

use super::free_port;
use super::process::Process;
use super::scratch::Scratch;

/// A running proxy in front of one server; it ends on drop.
#[derive(Debug)]
pub(crate) struct Nginx {
    port: u16,
    _process: Process,
    _prefix: Scratch,
}

impl Nginx {
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let port = free_port();
        Self::run(port, &site(port, server)).await
    }

    /// Starts it with other blocks of its `http`, which say where it listens.
    pub(crate) async fn start_with(site: &str) -> Self {
        Self::run(0, site).await
    }

    async fn run(port: u16, site: &str) -> Self {
        let prefix = Scratch::new("nginx");
        std::fs::write(prefix.path().join("nginx.conf"), configuration(site))
            .expect("a file in an empty folder");
        let mut command = Command::new("nginx");
        command
            .arg("-p")
            .arg(prefix.path())
            .args(["-c", "nginx.conf", "-e", "stderr"]);
        let mut process = Process::start("nginx", command);
        process.line_with("start worker process ").await;
        Self {
            port,
            _process: process,
            _prefix: prefix,
        }
    }

    /// The URL of `path`, which begins with a slash.
    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }
}

fn configuration(site: &str) -> String {
    format!(
        "daemon off;
        pid nginx.pid;
        error_log stderr notice;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            {site}
        }}
        "
    )
}

fn site(port: u16, server: SocketAddr) -> String {
    format!(
        "server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass http://{server};
                proxy_http_version 1.1;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection \"upgrade\";
            }}
        }}"
    )
}
