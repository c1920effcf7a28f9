//! The positions in a query, which say where a client was in its streams.

/// Returns a URL's path and query without the positions, which say nothing once the socket is open.
pub(super) fn without_positions(path_and_query: &str) -> String {
    let Some((path, query)) = path_and_query.split_once('?') else {
        return path_and_query.to_owned();
    };
    // As they are read: the name may be spelled `p%6fsition`.
    let is_position = |pair: &&str| {
        let mut names = form_urlencoded::parse(pair.as_bytes());
        names.any(|(name, _)| name.eq_ignore_ascii_case(POSITION))
    };
    let mut kept = String::with_capacity(path.len() + 32);
    kept.push_str(path);
    for (number, pair) in query
        .split('&')
        .filter(|pair| !is_position(pair))
        .enumerate()
    {
        kept.push(if number == 0 { '?' } else { '&' });
        kept.push_str(pair);
    }
    kept
}

pub(super) const POSITION: &str = "position";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positions_are_left_out() {
        for (url, expected) in [
            ("/a", "/a"),
            ("/a?", "/a?"),
            ("/a?position=1.2.3.4", "/a"),
            (
                "/a?userId=ann&resume=1&POSITION=1.2.3.4&position=&x=position",
                "/a?userId=ann&resume=1&x=position",
            ),
            ("/a?positions=1&position", "/a?positions=1"),
            ("/a?p%6fsition=1.2.3.4&%50OSITION=1&x=1", "/a?x=1"),
            ("/a?%70osition%3D=1", "/a?%70osition%3D=1"),
        ] {
            assert_eq!(without_positions(url), expected);
        }
    }
}
