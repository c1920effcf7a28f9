//! Checks what setters are given: literals that must parse, numbers that must not be zero.

use std::fmt::Display;

/// Parses the literal given to an option.
///
/// # Panics
///
/// If the text is bad: a mistake in code, which the message names.
#[track_caller]
pub(super) fn literal<T>(option: &str, value: impl TryInto<T, Error: Display>) -> T {
    match value.try_into() {
        Ok(value) => value,
        Err(error) => panic!("Config::{option}: {error}"),
    }
}

/// Returns the number or duration given to an option at which zero would let no message through.
///
/// # Panics
///
/// If it is zero: a mistake in code, which the message names.
#[track_caller]
pub(super) fn nonzero<T: Default + PartialEq>(option: &str, value: T) -> T {
    assert!(value != T::default(), "Config::{option}: must not be zero");
    value
}

/// Gives a type with `FromStr` its error, and `TryFrom` for the setters.
macro_rules! parsed_from_text {
    ($type:ident, $error:ident, $what:literal, expected $expected:literal) => {
        #[doc = concat!("The text is not ", $what, ".")]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $error {
            text: Box<str>,
        }

        impl $error {
            fn new(text: &str) -> Self {
                Self { text: text.into() }
            }
        }

        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let text = &self.text;
                write!(
                    f,
                    concat!("{text:?} is not ", $what, ", expected ", $expected),
                    text = text
                )
            }
        }

        impl std::error::Error for $error {}

        impl TryFrom<&str> for $type {
            type Error = $error;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}

pub(super) use parsed_from_text;
