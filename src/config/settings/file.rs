//! Reads a settings file as text, in whichever encoding it was saved.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::flaw::Cause;

/// Reads a whole file as text.
pub(super) fn read_text(path: &Path) -> Result<String, Cause> {
    // Opening a named pipe would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(Cause::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Cause::TooLarge { limit: MAX_BYTES });
    }
    Ok(decode(&bytes))
}

/// Decodes the text and replaces what cannot be decoded.
///
/// Everything that matters in a settings file is ASCII: the rest stands in a comment, in a setting of
/// other programs, or in a value that is refused anyway.
pub(super) fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => decode_utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => decode_utf16(rest, u16::from_be_bytes),
        // XML 1.0, appendix F: without a mark the first character tells. Read as ASCII, such a file
        // would hold no settings.
        [b'<', 0, ..] => decode_utf16(bytes, u16::from_le_bytes),
        [0, b'<', ..] => decode_utf16(bytes, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks(2).map(|pair| match *pair {
        [first, second] => unit([first, second]),
        // Half of a unit at the end.
        _ => char::REPLACEMENT_CHARACTER as u16,
    });
    char::decode_utf16(units)
        .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// A settings file with everything that Web Connection puts into one has some 10 KiB.
const MAX_BYTES: u64 = 1_024 * 1_024;

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn a_byte_order_mark_is_not_text() {
        let text = "<a>ü</a>";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode(text.as_bytes()), text);
        assert_eq!(decode(&[b"\xEF\xBB\xBF", text.as_bytes()].concat()), text);
        assert_eq!(decode(&[&b"\xFF\xFE"[..], &little].concat()), text);
        assert_eq!(decode(&[&b"\xFE\xFF"[..], &big].concat()), text);
        assert_eq!(decode(&little), text);
        assert_eq!(decode(&big), text);
    }

    #[test]
    fn what_cannot_be_decoded_is_replaced() {
        assert_eq!(decode(b"a\xFCb"), "a\u{FFFD}b");
        assert_eq!(decode(b"\xFF\xFEa\0\x3D\xD8b\0c"), "a\u{FFFD}b\u{FFFD}");
    }
}
