//! A path as the most generous server decodes it.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Decodes `%HH` and `%uHHHH` until nothing is left to decode; `None` if that takes more than four
/// rounds.
pub(super) fn decode(path: &[u8]) -> Option<Cow<'_, [u8]>> {
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
pub(super) fn fold(bytes: &[u8]) -> String {
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
