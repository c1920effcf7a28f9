//! Reads the yes or no of a setting that is written as text.

use std::{error::Error, fmt};

/// Reads `True`, `yes`, `1` and their opposites, in any case.
pub(super) fn parse_bool(text: &str) -> Result<bool, ParseBoolError> {
    let is = |word: &&str| text.eq_ignore_ascii_case(word);
    if ["true", "yes", "1"].iter().any(is) {
        Ok(true)
    } else if ["false", "no", "0"].iter().any(is) {
        Ok(false)
    } else {
        Err(ParseBoolError { text: text.into() })
    }
}

/// The text is neither a yes nor a no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParseBoolError {
    text: Box<str>,
}

impl fmt::Display for ParseBoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(f, "{text:?} is not a yes or no, expected True or False")
    }
}

impl Error for ParseBoolError {}

#[cfg(test)]
mod tests {
    use super::parse_bool;

    #[test]
    fn s04_true_1_and_yes_are_on_and_false_0_and_no_are_off_in_any_case() {
        for on in ["True", "true", "TRUE", "1", "yes", "Yes"] {
            assert_eq!(parse_bool(on), Ok(true), "{on}");
        }
        for off in ["False", "false", "FALSE", "0", "no", "No"] {
            assert_eq!(parse_bool(off), Ok(false), "{off}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "", " ", "on", "off", "2", "01", "-1", "truex", "t", ".T.", "ja",
        ] {
            let error = parse_bool(bad).unwrap_err();
            assert!(error.to_string().starts_with(&format!("{bad:?}")));
        }
    }
}
