//! The type [`BearerToken`]: the secret of a trusted caller, kept as its hash.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A secret that a trusted caller sends as `Authorization: Bearer …`; only its SHA-256 is kept.
///
/// Make it from at least 16 random bytes: the hash is fast, so a guessable token stays guessable.
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::BearerToken;
///
/// let token: BearerToken = "7fCk0yGqXo".parse()?;
/// assert_eq!(format!("{token:?}"), "BearerToken(..)");
/// # Ok::<(), web_connection_socket::config::ParseBearerTokenError>(())
/// ```
#[derive(Clone)]
pub struct BearerToken {
    hash: [u8; 32],
}

impl BearerToken {
    /// Tells whether `sent` is one of `tokens`, in a time that depends on neither.
    pub(crate) fn is_one_of(sent: &[u8], tokens: &[Self]) -> bool {
        let hash: [u8; 32] = Sha256::digest(sent).into();
        tokens
            .iter()
            .fold(Choice::from(0), |found, token| {
                found | token.hash.ct_eq(&hash)
            })
            .into()
    }
}

impl FromStr for BearerToken {
    type Err = ParseBearerTokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A token with other characters could never arrive in a header.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ParseBearerTokenError { _private: () });
        }
        Ok(Self {
            hash: Sha256::digest(text).into(),
        })
    }
}

impl TryFrom<&str> for BearerToken {
    type Error = ParseBearerTokenError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<String> for BearerToken {
    type Error = ParseBearerTokenError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

/// The text is not a bearer token; it is not repeated, since it may be a secret.
///
/// # Examples
///
/// ```
/// use web_connection_socket::config::BearerToken;
///
/// let error = "two words".parse::<BearerToken>().unwrap_err();
/// assert!(!error.to_string().contains("words"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseBearerTokenError {
    _private: (),
}

impl fmt::Display for ParseBearerTokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid bearer token, expected visible ASCII without spaces")
    }
}

impl Error for ParseBearerTokenError {}

#[cfg(test)]
mod tests {
    use super::BearerToken;

    fn tokens(texts: &[&str]) -> Vec<BearerToken> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn any_token_of_the_list_matches_exactly() {
        let tokens = tokens(&["old", "new"]);
        assert!(BearerToken::is_one_of(b"old", &tokens));
        assert!(BearerToken::is_one_of(b"new", &tokens));
        for wrong in ["", "Old", "old ", "oldnew", "ne", "new\0"] {
            assert!(
                !BearerToken::is_one_of(wrong.as_bytes(), &tokens),
                "{wrong:?}"
            );
        }
        assert!(!BearerToken::is_one_of(b"", &[]));
    }

    #[test]
    fn empty_spaced_or_invisible_text_is_not_a_token_and_is_not_repeated() {
        for bad in ["", "se cret", " secret", "secret\n", "gehÄim"] {
            let error = bad.parse::<BearerToken>().unwrap_err();
            assert!(bad.is_empty() || !error.to_string().contains(bad));
        }
    }
}
