//! A web site with a page and the browser client, served by the test itself.

use std::net::SocketAddr;

use axum::Router;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use web_connection_socket::{WebConnectionSocketLayer, script};

/// A running site; it ends on drop.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Site {
    /// Serves `app` inside the layer, with the client below `/scripts`.
    pub(crate) async fn start(layer: WebConnectionSocketLayer, app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port of the loopback interface");
        let address = listener
            .local_addr()
            .expect("the address of a bound socket");
        let app = app.nest_service("/scripts", script::service());
        let task = tokio::spawn(async move {
            web_connection_socket::serve(listener, layer, app)
                .await
                .expect("a server that goes on");
        });
        Self { address, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of `path`, which begins with a slash.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A page at `path`, and `page.js` beside it, under a policy that lets the site's own files run alone.
pub(crate) fn page(path: &str, html: &'static str, script: &'static str) -> Router {
    let (directory, _) = path.rsplit_once('/').expect("a path with a slash");
    let policy = "default-src 'none'; script-src 'self'; connect-src 'self'";
    let html = ([(CONTENT_SECURITY_POLICY, policy)], Html(html));
    let script = ([(CONTENT_TYPE, "text/javascript")], script);
    Router::new()
        .route(path, get(async || html.into_response()))
        .route(
            &format!("{directory}/page.js"),
            get(async || script.into_response()),
        )
}
