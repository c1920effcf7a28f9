//! The check of requests that are forwarded to another server.

use http::{HeaderName, Method, request::Parts};

use super::{
    decode::{decode, fold},
    names::{is_reserved, reads_as},
};
use crate::{
    config::Routes,
    middleware::{
        rejection::{Cause, Rejection},
        request::{plain, reads_like_ours},
    },
};

/// Checks a request that is forwarded to another server, and removes headers that read like ours.
pub(in crate::middleware) fn guard(routes: &Routes, parts: &mut Parts) -> Result<(), Rejection> {
    check(routes, &parts.method, parts.uri.path())?;
    let is_post = parts.method == Method::POST;
    let forged = |name: &&HeaderName| {
        let name = name.as_str();
        reads_like_ours(name) || renames(name) || !is_post && makes_post(name)
    };
    while let Some(name) = parts.headers.keys().find(forged).cloned() {
        parts.headers.remove(name);
    }
    Ok(())
}

/// Tells whether some frameworks take the path out of this header, in lower case.
fn renames(name: &str) -> bool {
    ["x-original-url", "x-rewrite-url"].contains(&&*plain(name))
}

/// Tells whether some frameworks take the method out of this header, in lower case.
fn makes_post(name: &str) -> bool {
    let names = [
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
    ];
    names.contains(&&*plain(name))
}

/// Checks that no server reads this path, which we do not serve, as a reserved URL.
///
/// Servers decode a path up to three times, read `\` as `/`, cut a segment at `;`, `:`, `?`, `#` or a
/// control byte, drop dots and blanks at its ends, give what follows a file to that file, and know short
/// names (8.3) and the nearest letters of their code page. So does this, all at once; then a segment that
/// *equals* a reserved name is one.
fn check(routes: &Routes, method: &Method, path: &str) -> Result<(), Cause> {
    let is_plain = path.is_ascii() && !path.contains('%') && !path.contains("__");
    if is_plain && routes.dispatch.is_none() {
        return Ok(());
    }
    let decoded = decode(path.as_bytes()).ok_or(Cause::EncodedTooOften)?;
    let text = fold(&decoded);
    let mut segments = Vec::new();
    for segment in text.split(['/', '\\']) {
        let end = segment.find(|sign: char| ";:?#".contains(sign) || sign.is_control());
        let segment = &segment[..end.unwrap_or(segment.len())];
        let name = segment.trim_matches(|sign: char| sign == '.' || sign.is_whitespace());
        if is_reserved(routes, name) {
            return Err(Cause::Alias);
        }
        match (segment, name) {
            ("..", _) => drop(segments.pop()),
            (_, "") => {}
            _ => segments.push(name),
        }
    }
    // A proxy makes a GET of a CONNECT for a WebSocket.
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS, Method::CONNECT].contains(method);
    match &routes.dispatch {
        // The application's own page may have this URL, and a POST to it is a message. Nothing else is.
        Some(dispatch) if !reads => {
            let ours = fold(dispatch.as_str().as_bytes());
            let ours: Vec<_> = ours.split('/').filter(|name| !name.is_empty()).collect();
            let mut pairs = segments.iter().zip(&ours);
            if !ours.is_empty()
                && segments.len() >= ours.len()
                && pairs.all(|(segment, name)| reads_as(segment, name))
            {
                return Err(Cause::Alias);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::config::Config;

    fn verdict(config: &Config, method: &Method, path: &str) -> u16 {
        let checked = check(&config.routes, method, path);
        checked.map_or_else(|cause| Rejection::from(cause).status().as_u16(), |()| 200)
    }

    fn post(path: &str) -> u16 {
        verdict(&Config::new(), &Method::POST, path)
    }

    #[test]
    fn what_a_server_could_read_as_a_reserved_name_is_refused() {
        for name in [
            "__WebSocket.wwd",
            "__broadcastWebSocket.wc",
            "__presence.wc",
        ] {
            let encode = |sign: &str, code: &str| name.replace(sign, code);
            for spelling in [
                format!("/{name}/"),
                format!("/{name}/."),
                format!("/{name}/x"),
                format!("/{name}/../x"),
                format!("/{name};a=b"),
                format!("/{name};"),
                format!("/{name}%3fx"),
                format!("/{name}%23x"),
                format!("/{name}%20"),
                format!("/{name}%00"),
                format!("/{name}%00.html"),
                format!("/{name}%0d%0a"),
                format!("/{name}%09"),
                format!("/{name}."),
                format!("/{name}...%20."),
                format!("/{name}::$DATA"),
                format!("/{name}:stream"),
                format!("/%2f{name}"),
                format!("/a%2f{name}"),
                format!("/a%2F..%2f{name}"),
                format!("/a%252f{name}"),
                format!("/a\\{name}"),
                format!("/a%5c{name}"),
                format!("/a/..;/{name}"),
                format!("/%20{name}"),
                format!("/.{name}"),
                format!("/%00/{name}/"),
                format!("/{}/", name.to_ascii_uppercase()),
                format!("/{}", encode("_", "%255f")),
                format!("/{}", encode("_", "%25255f")),
                format!("/{}", encode("_", "%25%35%66")),
                format!("/{}", encode("_", "%u005f")),
                format!("/{}", encode("_", "%U005F")),
                format!("/{}", encode("_", "%uff3f")),
                format!("/{}", encode("_", "%25u005f")),
                format!("/{}", encode("_", "%c1%9f")),
                format!("/{}", encode("_", "%e0%81%9f")),
                format!("/{}", encode("S", "%c5%bf")),
                format!("/{}", encode("S", "\u{17f}")),
                format!("/{}", encode("k", "\u{212a}")),
                format!("/{}", encode("_", "\u{ff3f}")),
                format!("/{}", encode("k", "\u{137}")),
                format!("/{}", encode("k", "%c4%b7")),
                format!("/{}", encode(".w", ".\u{175}")),
            ] {
                assert_eq!(post(&spelling), 403, "{spelling}");
                assert_eq!(verdict(&Config::new(), &Method::GET, &spelling), 403);
            }
        }
        for short in [
            "/__WEBS~1.WWD",
            "/__webs~1.wwd",
            "/__WEB~12.WWD",
            "/__A1B2~1.WWD",
            "/__BROA~1.WC",
            "/__broa~3.wc/x",
            "/__PRES~1.WC",
        ] {
            assert_eq!(post(short), 403, "{short}");
        }
    }

    #[test]
    fn the_script_map_is_part_of_the_name() {
        let php = Config::new().script_map("php");
        for (path, expected) in [
            ("/__WebSocket.php/x", 403),
            ("/__websocket.PHP%20", 403),
            ("/__WebSocket.wwd/", 200),
            ("/__webs~1.php", 403),
        ] {
            assert_eq!(verdict(&php, &Method::POST, path), expected, "{path}");
        }
        let long = Config::new().script_map("html5");
        assert_eq!(verdict(&long, &Method::POST, "/__webs~1.htm"), 403);
    }

    #[test]
    fn what_only_resembles_a_reserved_name_passes() {
        for path in [
            "/",
            "*",
            "",
            "/docs/__WebSocket.html",
            "/files/a;b",
            "/x%2520y",
            "/x%25252520y",
            "/100%",
            "/%zz/%u12",
            "/x__WebSocket.wwd",
            "/__WebSocket.wwdx",
            "/__WebSocket",
            "/__WebSocket.",
            "/__WebSocket%5.wwd",
            "/__initializeSocket.wc",
            "/~ann/__web.wwd",
            "/__WEBSO~1.WWD",
            "/__webs~x.wwd",
            "/gr%c3%bc%c3%9fe",
            "/%ff%fe",
            "/\u{430}\u{431}\u{432}\u{433}\u{434}\u{435}\u{436}\u{437}\u{438}\u{439}\u{43a}.txt",
            "/~1.wwd",
            "/?/__WebSocket.wwd",
        ] {
            let path = path.split('?').next().unwrap_or_default();
            assert_eq!(post(path), 200, "{path}");
        }
    }

    #[test]
    fn what_is_encoded_more_than_four_times_is_refused() {
        assert_eq!(post("/x%2525252520y"), 400);
        assert_eq!(post(&format!("/x%{}20", "25".repeat(1_000))), 400);
    }

    #[test]
    fn a_dispatch_path_of_ones_own_is_guarded_against_all_but_reading() {
        let config = Config::new().dispatch_path("/chat/index.php");
        for (path, expected) in [
            ("/chat/index.php/x", 403),
            ("/CHAT//index.php%20", 403),
            ("/x/../chat/%69ndex.php;a", 403),
            ("/chat/\u{129}ndex.php", 403),
            ("/index.php", 200),
            ("/x/chat/index.php", 200),
            ("/chat", 200),
        ] {
            assert_eq!(verdict(&config, &Method::POST, path), expected, "{path}");
            assert_eq!(verdict(&config, &Method::GET, path), 200, "{path}");
        }
        let long = Config::new().dispatch_path("/conversations/messages.html");
        for path in ["/CONVER~1/MESSAG~1.HTM", "/COA1B2~1/messages.html/x"] {
            assert_eq!(verdict(&long, &Method::POST, path), 403, "{path}");
            assert_eq!(verdict(&long, &Method::GET, path), 200, "{path}");
        }
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert_eq!(
                verdict(&config, &method, "/chat/index.php"),
                403,
                "{method}"
            );
        }
    }

    #[test]
    fn headers_that_read_like_ours_do_not_pass() {
        let request = Request::get("/")
            .header("websocket_user_id", "boss")
            .header("WebSocket-Event", "message")
            .header("signature", "x")
            .header("Signature_Input", "x")
            .header("x-original-url", "/__WebSocket.wwd")
            .header("x_rewrite.url", "/__WebSocket.wwd")
            .header("x-http-method-override", "POST")
            .header("x-user", "ann");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        guard(&Config::new().routes, &mut parts).unwrap();
        assert_eq!(parts.headers.len(), 1);
        assert_eq!(parts.headers["x-user"], "ann");
    }

    #[test]
    fn a_post_may_still_be_read_as_another_method() {
        let request = Request::post("/").header("x-http-method-override", "PATCH");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        guard(&Config::new().routes, &mut parts).unwrap();
        assert_eq!(parts.headers.len(), 1);
    }
}
