//! Our layer around a router, as an application would use it.

use axum::{Router, ServiceExt, extract::Request};
use tower::Layer;

use web_connection_socket::{Config, WebConnectionSocketLayer};

use super::{echo, host::listen};
use crate::{endpoints::TOKEN, error::Result};

pub(super) async fn serve() -> Result<()> {
    // The charge counts a frame once per socket: 10 000 sockets with 32 messages of 4 KiB in flight
    // are above the default, though they share the frames.
    let config = Config::new()
        .bearer_tokens([TOKEN])
        .max_hub_queue_bytes(4 << 30);
    let app = WebConnectionSocketLayer::new(config).layer(Router::new().merge(echo::route()));
    let app = ServiceExt::<Request>::into_make_service(app);
    axum::serve(listen().await?, app).await?;
    Ok(())
}
