//! Other spellings of the reserved URLs, which a server behind a proxy could take for them.

use std::borrow::Cow;

use http::{HeaderName, Method, request::Parts};
use percent_encoding::percent_decode;

use super::{
    rejection::{Cause, Rejection},
    request::reads_like_ours,
    route::{BROADCAST, WEB_SOCKET},
};
use crate::config::Routes;

/// Checks a request that is forwarded to another server, and removes headers that read like ours.
pub(super) fn guard(routes: &Routes, parts: &mut Parts) -> Result<(), Rejection> {
    check(routes, &parts.method, parts.uri.path())?;
    let forged = |name: &&HeaderName| reads_like_ours(name.as_str());
    while let Some(name) = parts.headers.keys().find(forged).cloned() {
        parts.headers.remove(name);
    }
    Ok(())
}

/// Checks that no server reads this path, which we do not serve, as a reserved URL.
///
/// Servers decode a path up to three times, read `\` as `/`, cut a segment at `;`, `:`, `?`, `#` or a
/// control byte, drop dots and blanks at its ends, give what follows a file to that file, and know short
/// names (8.3). So does this, all at once; then a segment that *equals* a reserved name is one.
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
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
    match &routes.dispatch {
        // The application's own page may have this URL.
        Some(dispatch) if !reads && !dispatch.is(path) => {
            let ours = fold(dispatch.as_str().as_bytes());
            let ours: Vec<_> = ours.split('/').filter(|name| !name.is_empty()).collect();
            if !ours.is_empty() && segments.starts_with(&ours) {
                return Err(Cause::Alias);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Tells whether a segment in lower case is a reserved name, or a short form of one.
fn is_reserved(routes: &Routes, segment: &str) -> bool {
    if !segment.starts_with("__") {
        return false;
    }
    let script_map = routes.script_map.as_str().to_ascii_lowercase();
    let web_socket = (WEB_SOCKET.trim_end_matches('.'), script_map.as_str());
    let broadcast = BROADCAST.split_once('.').unwrap_or((BROADCAST, ""));
    let Some((stem, extension)) = segment.rsplit_once('.') else {
        return false;
    };
    [web_socket, broadcast].iter().any(|(name, ending)| {
        let name = name.to_ascii_lowercase();
        let short = ending.get(..3).unwrap_or(ending);
        stem == name && extension == *ending || extension == short && is_short(stem, &name)
    })
}

/// Tells whether a stem such as `__webs~1` or `__a1b2~1` is a short form of a longer name.
fn is_short(stem: &str, name: &str) -> bool {
    let Some((head, number)) = stem.split_once('~') else {
        return false;
    };
    let is_hash = || head.len() == 6 && head[2..].bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && head.is_ascii() && (head.len() <= 6 && name.starts_with(head) || is_hash())
}

/// Decodes `%HH` and `%uHHHH` until nothing is left to decode; `None` if that takes more than four
/// rounds.
fn decode(path: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut decoded = Cow::Borrowed(path);
    for _ in 0..=ROUNDS {
        if !decoded.contains(&b'%') {
            return Some(decoded);
        }
        let next = decode_once(&decoded);
        if next == *decoded {
            return Some(decoded);
        }
        decoded = Cow::Owned(next);
    }
    None
}

fn decode_once(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest
        .windows(2)
        .position(|pair| pair.eq_ignore_ascii_case(b"%u"))
    {
        decoded.extend(percent_decode(&rest[..at]));
        let code = rest.get(at + 2..at + 6).and_then(hexadecimal);
        match code {
            Some(code) => {
                let sign = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                decoded.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[at + 6..];
            }
            None => {
                decoded.extend_from_slice(&rest[at..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    decoded.extend(percent_decode(rest));
    decoded
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(digits).ok()?;
    let are_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| are_digits)
}

/// Puts into lower case what some server takes for an ASCII letter or sign: overlong UTF-8, full-width
/// forms, the long s and the Kelvin sign.
fn fold(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let (sign, length) = match (first, after) {
            (0xc0 | 0xc1, [second, ..]) => ((first & 1) << 6 | second & 0x3f, 2),
            (0xe0, [second @ (0x80 | 0x81), third, ..]) => ((second & 1) << 6 | third & 0x3f, 3),
            _ => (first, 1),
        };
        plain.push(sign);
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&plain)
        .chars()
        .map(|sign| match sign {
            '\u{ff01}'..='\u{ff5e}' => {
                char::from_u32(sign as u32 - 0xfee0).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => sign,
        })
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

const ROUNDS: usize = 4;

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
        for name in ["__WebSocket.wwd", "__broadcastWebSocket.wc"] {
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
            ("/index.php", 200),
            ("/x/chat/index.php", 200),
            ("/chat", 200),
        ] {
            assert_eq!(verdict(&config, &Method::POST, path), expected, "{path}");
            assert_eq!(verdict(&config, &Method::GET, path), 200, "{path}");
        }
        assert_eq!(verdict(&config, &Method::PUT, "/chat/index.php"), 200);
    }

    #[test]
    fn headers_that_read_like_ours_do_not_pass() {
        let request = Request::get("/")
            .header("websocket_user_id", "boss")
            .header("WebSocket-Event", "message")
            .header("signature", "x")
            .header("Signature_Input", "x")
            .header("x-user", "ann");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        guard(&Config::new().routes, &mut parts).unwrap();
        assert_eq!(parts.headers.len(), 1);
        assert_eq!(parts.headers["x-user"], "ann");
    }
}
