//! Limits on JSON that is kept as it was written, so that other readers can parse it.

use crate::protocol::MessageErrorKind;

/// Refuses deep nesting, lone surrogates and numbers beyond the range of a double.
///
/// `json` is one well-formed value; any other text gives some answer, without a panic. It is
/// iterative: the depth of the input costs no stack.
pub(super) fn check_limits(json: &str) -> Result<(), MessageErrorKind> {
    let bytes = json.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b'"' => end_of_string(bytes, at + 1)?,
            b'-' | b'0'..=b'9' => end_of_number(json, at)?,
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(MessageErrorKind::TooDeep);
                }
                at + 1
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            _ => at + 1,
        };
    }
    Ok(())
}

/// Tells whether a string of the JSON, which may end anywhere, has half of a surrogate pair.
pub(super) fn has_lone_surrogate(json: &[u8]) -> bool {
    let mut at = 0;
    while let Some(quote) = json
        .get(at..)
        .and_then(|rest| rest.iter().position(|&byte| byte == b'"'))
    {
        match end_of_string(json, at + quote + 1) {
            Ok(end) => at = end,
            Err(_) => return true,
        }
    }
    false
}

/// Returns the position after the closing quote of the string whose first character is at `at`.
fn end_of_string(bytes: &[u8], mut at: usize) -> Result<usize, MessageErrorKind> {
    loop {
        match bytes.get(at) {
            Some(b'\\') => match unicode_escape(bytes, at) {
                None => at += 2,
                Some(0xD800..=0xDBFF) => match unicode_escape(bytes, at + 6) {
                    Some(0xDC00..=0xDFFF) => at += 12,
                    _ => return Err(MessageErrorKind::LoneSurrogate),
                },
                Some(0xDC00..=0xDFFF) => return Err(MessageErrorKind::LoneSurrogate),
                Some(_) => at += 6,
            },
            Some(b'"') => return Ok(at + 1),
            Some(_) => at += 1,
            None => return Ok(at),
        }
    }
}

/// Returns the code unit that the six bytes at `at` spell, if they are `\u` and four digits.
fn unicode_escape(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | char::from(digit).to_digit(16)?)
    })
}

/// Returns the position after the number that starts at `at`.
fn end_of_number(json: &str, at: usize) -> Result<usize, MessageErrorKind> {
    let rest = &json[at..];
    let length = rest
        .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
        .unwrap_or(rest.len());
    let number = &rest[..length];
    let suspect = length >= SURELY_FINITE || number.contains(['e', 'E']);
    if suspect && !number.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(MessageErrorKind::NumberOutOfRange);
    }
    Ok(at + length)
}

/// How many lists and objects may be open at once inside one value.
const MAX_DEPTH: usize = 64;

/// A number of fewer bytes without an exponent cannot be infinite.
const SURELY_FINITE: usize = 300;

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn depth_is_counted_without_a_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(check_limits(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(
            check_limits(&nested(MAX_DEPTH + 1)),
            Err(MessageErrorKind::TooDeep)
        );
        assert_eq!(
            check_limits(&nested(1_000_000)),
            Err(MessageErrorKind::TooDeep)
        );
        assert_eq!(
            check_limits(&"[[]],".repeat(100)),
            Ok(()),
            "closed lists do not count"
        );
        assert_eq!(
            check_limits(&format!("\"{}\"", "[".repeat(100))),
            Ok(()),
            "nor does text"
        );
    }

    #[test]
    fn surrogates_come_in_pairs() {
        for (json, expected) in [
            (r#""\ud83d\ude00""#, Ok(())),
            (r#""\uD83D\uDE00 \u00e9 \\ud83d \"\/\u0000""#, Ok(())),
            (r#""\ud83d""#, Err(MessageErrorKind::LoneSurrogate)),
            (r#""\ude00""#, Err(MessageErrorKind::LoneSurrogate)),
            (r#""\ude00\ud83d""#, Err(MessageErrorKind::LoneSurrogate)),
            (
                r#""\ud83d\ud83d\ude00""#,
                Err(MessageErrorKind::LoneSurrogate),
            ),
            (r#""\ud83dx""#, Err(MessageErrorKind::LoneSurrogate)),
            (r#""\\\ud83d""#, Err(MessageErrorKind::LoneSurrogate)),
            (r#"{"\ud83d":1}"#, Err(MessageErrorKind::LoneSurrogate)),
        ] {
            assert_eq!(check_limits(json), expected, "{json}");
            assert_eq!(has_lone_surrogate(json.as_bytes()), expected.is_err());
        }
        for (json, expected) in [
            (r#"{"a":"\ud83d"#, true),
            (r#"{"a":"\ud83d\ude00"#, false),
            (r#"{"a":"\\","b":"\ud83d"#, true),
            (r#"{"\"\ud83d""#, true),
            (r#"{"a":1,"#, false),
            ("", false),
            ("\"", false),
            ("\"\\", false),
        ] {
            assert_eq!(has_lone_surrogate(json.as_bytes()), expected, "{json}");
        }
    }

    #[test]
    fn numbers_are_finite() {
        let out_of_range = Err(MessageErrorKind::NumberOutOfRange);
        for (json, expected) in [
            ("1e308", Ok(())),
            ("[-1.5E+3,0,-0,1e-400]", Ok(())),
            ("1e400", out_of_range),
            ("[1,-1E400]", out_of_range),
            ("0e999999999999", Ok(())),
            ("\"1e400\"", Ok(())),
        ] {
            assert_eq!(check_limits(json), expected, "{json}");
        }
        assert_eq!(check_limits(&"9".repeat(308)), Ok(()));
        assert_eq!(check_limits(&"9".repeat(400)), out_of_range);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = check_limits(&text);
            let _ = has_lone_surrogate(text.as_bytes());
        }

        #[test]
        fn no_string_of_json_punctuation_makes_it_panic(text in r#"[\\u"dD8e0+\-\[\]{}9.,é]{0,40}"#) {
            let _ = check_limits(&text);
        }
    }
}
