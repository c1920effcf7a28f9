use std::{convert::Infallible, hint::black_box};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};
use web_connection_socket::{Config, WebConnectionSocketLayer};

use crate::{Result, line::Line, named};

const CALLS: u32 = 200_000;

pub(super) async fn in_memory() -> Result<Line> {
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let bare = service_fn(answer::<Full<Bytes>>);
        let layered = WebConnectionSocketLayer::new(Config::new()).layer(service_fn(answer));
        rounds.push((nanoseconds(layered).await?, nanoseconds(bare).await?));
    }
    rounds.sort_by_key(|(layered, bare)| layered.saturating_sub(*bare));
    let (layered, bare) = rounds[2];
    Ok(Line::new()
        .figure(
            format!("{layered} ns a call, {bare} ns without the layer"),
            layered.saturating_sub(bare) <= 1_000,
        )
        .and(named::tests(&[("it", "pass_through::"), ("guards", "allocations::")]).await?))
}

async fn answer<B>(_: Request<B>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

async fn nanoseconds<S>(mut service: S) -> Result<u128>
where
    S: Service<Request<Full<Bytes>>, Error = Infallible>,
{
    let begin = Instant::now();
    for _ in 0..CALLS {
        let request = Request::get("/shop/article?no=7").body(Full::default())?;
        std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
        black_box(service.call(request).await?);
    }
    Ok(begin.elapsed().as_nanos() / u128::from(CALLS))
}
