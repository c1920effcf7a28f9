//! Names as servers know them besides their own spelling.

use crate::{
    config::Routes,
    middleware::route::{BROADCAST, PRESENCE, WEB_SOCKET},
};

/// Tells whether a server could take a segment in lower case for a reserved name.
pub(super) fn is_reserved(routes: &Routes, segment: &str) -> bool {
    // Each name has an extension.
    segment.contains('.')
        && [
            &[BROADCAST][..],
            &[PRESENCE],
            &[WEB_SOCKET, routes.script_map.as_str()],
        ]
        .iter()
        .any(|name| reads_as(segment, &name.concat().to_ascii_lowercase()))
}

/// Tells whether a server could take a segment for this name, both in lower case: as it is, as its short
/// form, or because it writes the nearest letters of its own for those that it does not have.
pub(super) fn reads_as(segment: &str, name: &str) -> bool {
    let (stem, extension) = split(segment);
    let (own_stem, own_extension) = split(name);
    let short = own_extension.get(..3).unwrap_or(own_extension);
    is_near(stem, own_stem) && is_near(extension, own_extension)
        || extension == short && is_short(stem, own_stem)
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or((name, ""))
}

/// Tells whether a text is a name in which some letters may be replaced by others that are near to them,
/// such as `\u{175}` for `w`. Scripts without such letters begin at U+2E80.
fn is_near(text: &str, name: &str) -> bool {
    let near = |(seen, own)| seen == own || !char::is_ascii(&seen) && seen < '\u{2e80}';
    text.chars().count() == name.chars().count() && text.chars().zip(name.chars()).all(near)
}

/// Tells whether a stem such as `__webs~1` or `__a1b2~1` is a short form of a longer name.
fn is_short(stem: &str, name: &str) -> bool {
    let Some((head, number)) = stem.split_once('~') else {
        return false;
    };
    let name = name.replace(['.', ' '], "");
    let begins = |head: &str| !head.is_empty() && name.starts_with(head);
    let is_hash = || {
        let (own, hash) = head.split_at_checked(2).unwrap_or((head, ""));
        begins(own) && hash.len() == 4 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (head.len() <= 6 && begins(head) || is_hash())
}
