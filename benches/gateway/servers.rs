//! The servers that are compared, each a process with what it needs below it.

use std::{
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{net::TcpStream, time::sleep};

use crate::{Result, usage};

/// Ports that are free at the start.
pub(crate) struct Ports {
    pub(crate) backend: u16,
    pub(crate) gateway: u16,
    pub(crate) pushpin: u16,
    pub(crate) nginx: u16,
}

impl Default for Ports {
    fn default() -> Self {
        let bound = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [backend, gateway, pushpin, nginx] =
            bound.map(|listener| listener.local_addr().expect("its address").port());
        Self {
            backend,
            gateway,
            pushpin,
            nginx,
        }
    }
}

/// A running server; it ends on drop.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    folder: PathBuf,
}

impl Server {
    pub(crate) fn backend(port: u16) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["backend", &port.to_string()]);
        Self::start("backend", command, folder("backend")?)
    }

    /// The example, as the README starts it, but signed.
    pub(crate) fn gateway(ports: &Ports) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let built = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
            .args(["build", "--release", "--example", "gateway"])
            .current_dir(&root)
            .status()?;
        if !built.success() {
            return Err("the gateway does not build".into());
        }
        let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let mut command = Command::new(target.join("release/examples/gateway"));
        command
            .args(["--upstream", &format!("http://127.0.0.1:{}", ports.backend)])
            .args(["--port", &ports.gateway.to_string()])
            .args(["--broadcast-token", "t", "--signing-key", "k"]);
        Self::start("gateway", command, folder("gateway")?)
    }

    /// Debian's, with its own connection manager and HTTP client, on ports and sockets of its own.
    pub(crate) fn pushpin(ports: &Ports) -> Result<Self> {
        let folder = folder("pushpin")?;
        let at = folder.display();
        let zurl = format!(
            "zurl_out_specs=ipc://{at}/bench-zurl-in\n\
             zurl_out_stream_specs=ipc://{at}/bench-zurl-in-stream\n\
             zurl_in_specs=ipc://{at}/bench-zurl-out\n"
        );
        let push: Vec<_> = (0..4)
            .map(|_| TcpListener::bind("127.0.0.1:0")?.local_addr())
            .collect::<std::io::Result<_>>()?;
        let configuration = format!(
            "[global]\ninclude={{libdir}}/internal.conf\nrundir={at}\nipc_prefix=bench-\n\
             port_offset=0\n[runner]\nservices=condure,zurl,pushpin-proxy,pushpin-handler\n\
             http_port={port}\nlogdir={at}\nlog_level=1\nclient_buffer_size=8192\n\
             client_maxconn=1000\n[proxy]\nroutesfile={at}/routes\n{zurl}[handler]\n\
             push_in_spec=tcp://{}\npush_in_sub_specs=tcp://{}\npush_in_http_addr=127.0.0.1\n\
             push_in_http_port={}\npush_in_http_max_headers_size=10000\n\
             push_in_http_max_body_size=1000000\nstats_spec=ipc://{{rundir}}/{{ipc_prefix}}stats\n\
             command_spec=tcp://{}\nmessage_rate=0\nmessage_hwm=25000\n{zurl}",
            push[0],
            push[1],
            push[2].port(),
            push[3],
            port = ports.pushpin,
        );
        fs::write(folder.join("pushpin.conf"), configuration)?;
        let route = format!("* 127.0.0.1:{},over_http\n", ports.backend);
        fs::write(folder.join("routes"), route)?;
        let mut command = Command::new("pushpin");
        command.arg("--config").arg(folder.join("pushpin.conf"));
        Self::start("pushpin", command, folder)
    }

    /// Debian's, with connections to the backend that are kept.
    pub(crate) fn nginx(ports: &Ports) -> Result<Self> {
        let folder = folder("nginx")?;
        let configuration = format!(
            "daemon off; pid nginx.pid; worker_processes auto; error_log stderr warn;
            events {{}}
            http {{
                access_log off; keepalive_requests 1000000;
                client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
                uwsgi_temp_path uwsgi; scgi_temp_path scgi;
                upstream backend {{ server 127.0.0.1:{}; keepalive 64; keepalive_requests 1000000; }}
                server {{
                    listen 127.0.0.1:{};
                    location / {{
                        proxy_pass http://backend;
                        proxy_http_version 1.1;
                        proxy_set_header Connection \"\";
                    }}
                }}
            }}",
            ports.backend, ports.nginx
        );
        fs::write(folder.join("nginx.conf"), configuration)?;
        let mut command = Command::new("nginx");
        command
            .arg("-p")
            .arg(&folder)
            .args(["-c", "nginx.conf", "-e", "stderr"]);
        Self::start("nginx", command, folder)
    }

    fn start(name: &'static str, mut command: Command, folder: PathBuf) -> Result<Self> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("{name} does not start: {error}"))?;
        Ok(Self {
            name,
            child,
            folder,
        })
    }

    /// Waits until it takes connections.
    pub(crate) async fn listens(&mut self, port: u16) -> Result<()> {
        for _ in 0..200 {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended: {status}", self.name).into());
            }
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{} does not listen", self.name).into())
    }

    /// The processor time that it has used so far, with its descendants.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        usage::cpu(self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Pushpin and nginx end what they started when they are asked to.
        let id = self.child.id().to_string();
        let asked = Command::new("sh")
            .args(["-c", "kill \"$1\"", "sh", &id])
            .status();
        if let Err(error) = asked.and_then(|_| self.child.wait()) {
            eprintln!("gateway: {} is left over: {error}", self.name);
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("gateway: {} stays behind: {error}", self.folder.display());
        }
    }
}

/// An empty folder with a short path: those of Unix sockets have few bytes.
fn folder(name: &str) -> Result<PathBuf> {
    let path = env::temp_dir().join(format!("wcs-bench-{name}-{}", std::process::id()));
    fs::create_dir_all(&path)?;
    Ok(path)
}
