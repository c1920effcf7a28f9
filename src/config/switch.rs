use std::str::FromStr;
use std::{error::Error, fmt};

/// A yes or no, as people write it into settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Switch(pub(super) bool);

impl FromStr for Switch {
    type Err = ParseSwitchError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is = |word: &&str| text.eq_ignore_ascii_case(word);
        if ["true", "yes", "1"].iter().any(is) {
            Ok(Self(true))
        } else if ["false", "no", "0"].iter().any(is) {
            Ok(Self(false))
        } else {
            Err(ParseSwitchError { text: text.into() })
        }
    }
}

/// The text is neither a yes nor a no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ParseSwitchError {
    text: Box<str>,
}

impl fmt::Display for ParseSwitchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(f, "{text:?} is no switch, expected True or False")
    }
}

impl Error for ParseSwitchError {}

#[cfg(test)]
mod tests {
    use super::Switch;

    #[test]
    fn s04_true_1_and_yes_are_on_and_false_0_and_no_are_off_in_any_case() {
        for on in ["True", "true", "TRUE", "1", "yes", "Yes"] {
            assert_eq!(on.parse(), Ok(Switch(true)), "{on}");
        }
        for off in ["False", "false", "FALSE", "0", "no", "No"] {
            assert_eq!(off.parse(), Ok(Switch(false)), "{off}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "", " ", "on", "off", "2", "01", "-1", "truex", "t", ".T.", "ja",
        ] {
            let error = bad.parse::<Switch>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("{bad:?}")));
        }
    }
}
