//! The service that serves the browser client.

use std::{
    convert::Infallible,
    fmt::Write,
    future::{Ready, ready},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use http_body_util::Full;
use sha2::{Digest, Sha256};
use tower::Service;

use super::{SOURCE, TYPES};

/// Creates the service that serves the browser client.
///
/// It reads only the last segment of the path, so it can be mounted as a directory or at one of its
/// names: `webconnection-websocket.js`, `web-connection-websocket.js` (the same), and
/// `webconnection-websocket.d.ts`, `web-connection-websocket.d.ts`. Other names are answered with 404,
/// methods other than GET and HEAD with 405. Browsers keep the file and ask each time whether it
/// changed (`ETag`), so pages use a new version of this crate at their next visit.
///
/// # Examples
///
/// ```
/// use axum::Router;
/// use web_connection_socket::script;
///
/// let app: Router = Router::new()
///     .nest_service("/scripts", script::service())
///     .route_service("/webconnection-websocket.js", script::service());
/// ```
#[must_use]
pub fn service() -> ServeScript {
    ServeScript {
        source: File::new(SOURCE, "text/javascript; charset=utf-8"),
        // For people: browsers show this type, and scripts never load it.
        types: File::new(TYPES, "text/plain; charset=utf-8"),
    }
}

/// The service that serves the browser client, from [`service`].
///
/// # Examples
///
/// ```
/// use http::Request;
/// use tower::ServiceExt;
/// use web_connection_socket::script;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let request = Request::new(());
/// let Ok(response) = script::service().oneshot(request).await;
/// assert_eq!(response.status(), 404);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ServeScript {
    source: File,
    types: File,
}

impl ServeScript {
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
        let Some(file) = self.file(path) else {
            return empty(StatusCode::NOT_FOUND);
        };
        match *method {
            Method::GET | Method::HEAD if file.is_known(headers) => file.not_modified(),
            Method::GET => file.response(Bytes::from_static(file.text.as_bytes())),
            Method::HEAD => file.response(Bytes::new()),
            _ => {
                let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
                let allowed = HeaderValue::from_static("GET, HEAD");
                response.headers_mut().insert(ALLOW, allowed);
                response
            }
        }
    }

    fn file(&self, path: &str) -> Option<&File> {
        let (_, name) = path.rsplit_once('/')?;
        // Sites from Windows write names in any case.
        let (stem, extension) = name.split_once('.')?;
        let is_ours = STEMS.iter().any(|ours| stem.eq_ignore_ascii_case(ours));
        match extension {
            _ if !is_ours => None,
            _ if extension.eq_ignore_ascii_case("js") => Some(&self.source),
            _ if extension.eq_ignore_ascii_case("d.ts") => Some(&self.types),
            _ => None,
        }
    }
}

const STEMS: [&str; 2] = ["webconnection-websocket", "web-connection-websocket"];

impl<B> Service<Request<B>> for ServeScript {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let answer = self.answer(request.method(), request.uri().path(), request.headers());
        ready(Ok(answer))
    }
}

#[derive(Clone, Debug)]
struct File {
    text: &'static str,
    content_type: HeaderValue,
    etag: HeaderValue,
}

impl File {
    fn new(text: &'static str, content_type: &'static str) -> Self {
        Self {
            text,
            content_type: HeaderValue::from_static(content_type),
            etag: etag(text),
        }
    }

    /// Tells whether the client has this version already.
    fn is_known(&self, headers: &HeaderMap) -> bool {
        // RFC 9110 §13.1.2: a list, compared weakly.
        let mut tags = headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii);
        tags.any(|tag| tag == b"*" || self.etag == tag.strip_prefix(b"W/").unwrap_or(tag))
    }

    fn not_modified(&self) -> Response<Full<Bytes>> {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        self.add_validators(response.headers_mut());
        response
    }

    fn response(&self, body: Bytes) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(body));
        let headers = response.headers_mut();
        self.add_validators(headers);
        headers.insert(CONTENT_LENGTH, self.text.len().into());
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
        response
    }

    fn add_validators(&self, headers: &mut HeaderMap) {
        headers.insert(ETAG, self.etag.clone());
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}

fn etag(text: &str) -> HeaderValue {
    let mut tag = String::from("\"");
    for byte in &Sha256::digest(text)[..8] {
        write!(tag, "{byte:02x}").expect("a string takes every write");
    }
    tag.push('"');
    HeaderValue::from_str(&tag).expect("hexadecimal digits are a header value")
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn ask(method: &Method, path: &str, known: Option<&str>) -> (Response<()>, Bytes) {
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
        }
        let (parts, body) = service().answer(method, path, &headers).into_parts();
        let body = futures_util::FutureExt::now_or_never(body.collect());
        (
            Response::from_parts(parts, ()),
            body.unwrap().unwrap().to_bytes(),
        )
    }

    fn get(path: &str) -> (Response<()>, Bytes) {
        ask(&Method::GET, path, None)
    }

    #[test]
    fn both_names_are_the_same_script() {
        for path in [
            "/webconnection-websocket.js",
            "/web-connection-websocket.js",
            "/scripts/Web-Connection-WebSocket.js",
        ] {
            let (response, body) = get(path);
            assert_eq!(
                (response.status(), &body[..]),
                (StatusCode::OK, SOURCE.as_bytes())
            );
            let headers = response.headers();
            assert_eq!(headers[CONTENT_TYPE], "text/javascript; charset=utf-8");
            assert_eq!(headers[CONTENT_LENGTH], SOURCE.len().to_string());
            assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(headers[CACHE_CONTROL], "no-cache");
        }
        let (_, body) = get("/webconnection-websocket.d.ts");
        assert_eq!(body, TYPES);
    }

    #[test]
    fn head_tells_what_get_would_and_sends_nothing() {
        let path = "/webconnection-websocket.js";
        let (response, body) = ask(&Method::HEAD, path, None);
        assert_eq!(response.headers(), get(path).0.headers());
        assert!(body.is_empty());
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        let path = "/webconnection-websocket.js";
        let (response, _) = get(path);
        let tag = response.headers()[ETAG].to_str().unwrap();
        for known in [tag, "*", &format!("W/{tag}"), &format!("\"old\", {tag}")] {
            let (response, body) = ask(&Method::GET, path, Some(known));
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(response.headers()[ETAG], tag);
            assert!(body.is_empty());
        }
        let (response, _) = ask(&Method::GET, path, Some("\"old\""));
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[test]
    fn other_names_and_methods_are_refused() {
        for path in [
            "/",
            "/webconnection-websocket",
            "/mod.rs",
            "/webconnection-websocket.js/x",
            "*",
        ] {
            assert_eq!(get(path).0.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let (response, _) = ask(&Method::POST, "/webconnection-websocket.js", None);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
    }
}
