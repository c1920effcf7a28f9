use std::env::VarError;
use std::error::Error;
use std::fmt;

use super::{BearerToken, Config, Origin, ParseBearerTokenError, ParseOriginError};

const BROADCAST_TOKEN: &str = "WEBCONNECTION_BROADCAST_TOKEN";
const PUBLIC_ORIGIN: &str = "WEBCONNECTION_PUBLIC_ORIGIN";

impl Config {
    /// Lets the environment have the last word.
    ///
    /// `WEBCONNECTION_BROADCAST_TOKEN` takes the place of all
    /// [`bearer_tokens`](Self::bearer_tokens) set in code, `WEBCONNECTION_PUBLIC_ORIGIN` that of
    /// [`public_origin`](Self::public_origin). A variable that is missing or blank changes nothing;
    /// space around a value is dropped.
    ///
    /// # Errors
    ///
    /// If a variable is not Unicode, or is not the token or origin that it should be.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::Config;
    /// use web_connection_socket::config::ConfigError;
    ///
    /// let config = Config::new().with_env()?;
    /// # Ok::<(), ConfigError>(())
    /// ```
    pub fn with_env(self) -> Result<Self, ConfigError> {
        self.with_variables(|name| std::env::var(name))
    }

    fn with_variables(
        mut self,
        variable: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<Self, ConfigError> {
        let value = |name| match variable(name) {
            Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(error) => Err(ConfigError {
                name,
                cause: Cause::NotUnicode(error),
            }),
        };
        if let Some(text) = value(BROADCAST_TOKEN)? {
            let token: BearerToken = text.parse().map_err(|error| ConfigError {
                name: BROADCAST_TOKEN,
                cause: Cause::Token(error),
            })?;
            self.access.bearer_tokens = vec![token];
        }
        if let Some(text) = value(PUBLIC_ORIGIN)? {
            let origin: Origin = text.parse().map_err(|error| ConfigError {
                name: PUBLIC_ORIGIN,
                cause: Cause::Origin(error),
            })?;
            self.access.public_origin = Some(origin);
        }
        Ok(self)
    }
}

/// A setting from outside the code cannot be used.
#[derive(Clone, Debug)]
pub struct ConfigError {
    name: &'static str,
    cause: Cause,
}

impl ConfigError {
    /// Returns what is wrong with the setting.
    ///
    /// # Examples
    ///
    /// ```
    /// use web_connection_socket::config::{ConfigError, ConfigErrorKind};
    ///
    /// fn is_typo(error: &ConfigError) -> bool {
    ///     error.kind() == ConfigErrorKind::Origin
    /// }
    /// ```
    #[must_use]
    pub fn kind(&self) -> ConfigErrorKind {
        match self.cause {
            Cause::NotUnicode(_) => ConfigErrorKind::NotUnicode,
            Cause::Token(_) => ConfigErrorKind::Token,
            Cause::Origin(_) => ConfigErrorKind::Origin,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {} cannot be used", self.name)
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match &self.cause {
            Cause::NotUnicode(error) => error,
            Cause::Token(error) => error,
            Cause::Origin(error) => error,
        })
    }
}

/// What is wrong with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigErrorKind {
    /// It is not Unicode.
    NotUnicode,
    /// It is not a bearer token.
    Token,
    /// It is not an origin.
    Origin,
}

#[derive(Clone, Debug)]
enum Cause {
    NotUnicode(VarError),
    Token(ParseBearerTokenError),
    Origin(ParseOriginError),
}

#[cfg(test)]
mod tests {
    use std::env::VarError;
    use std::error::Error;

    use super::{BROADCAST_TOKEN, Config, ConfigError, ConfigErrorKind, PUBLIC_ORIGIN};
    use crate::config::BearerToken;

    fn with(config: Config, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        config.with_variables(|asked| {
            variables
                .iter()
                .find(|(name, _)| *name == asked)
                .map(|(_, value)| (*value).to_owned())
                .ok_or(VarError::NotPresent)
        })
    }

    #[test]
    fn variables_take_the_place_of_code() {
        let config = Config::new()
            .bearer_tokens(["code"])
            .public_origin("https://code.example");
        let variables = [
            (BROADCAST_TOKEN, " env\n"),
            (PUBLIC_ORIGIN, "https://env.example"),
        ];
        let config = with(config, &variables).unwrap();
        assert!(BearerToken::is_one_of(b"env", &config.access.bearer_tokens));
        assert!(!BearerToken::is_one_of(
            b"code",
            &config.access.bearer_tokens
        ));
        let origin = config.access.public_origin.unwrap();
        assert_eq!(origin.to_string(), "https://env.example");
    }

    #[test]
    fn missing_and_blank_variables_change_nothing() {
        for variables in [&[][..], &[(BROADCAST_TOKEN, " "), (PUBLIC_ORIGIN, "")]] {
            let config = with(Config::new().bearer_tokens(["code"]), variables).unwrap();
            assert!(BearerToken::is_one_of(
                b"code",
                &config.access.bearer_tokens
            ));
            assert!(config.access.public_origin.is_none());
        }
    }

    #[test]
    fn a_bad_variable_is_named_and_a_bad_token_not_repeated() {
        let error = with(Config::new(), &[(PUBLIC_ORIGIN, "app.example")]).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Origin);
        assert!(error.to_string().contains(PUBLIC_ORIGIN));
        assert!(error.source().unwrap().to_string().contains("app.example"));

        let error = with(Config::new(), &[(BROADCAST_TOKEN, "sec ret")]).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Token);
        assert!(!format!("{error:?}").contains("sec ret"));
    }
}
