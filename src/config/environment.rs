//! The options that environment variables override.

use std::env::VarError;

use super::bool::parse_bool;
use super::error::ParseValueError;
use super::{Config, ConfigError, ConfigErrorKind};

impl Config {
    /// Overrides options from environment variables.
    ///
    /// | variable | overrides |
    /// |---|---|
    /// | `WEBCONNECTION_USEWEBSOCKETS` | [`enabled`](Self::enabled): `True`, `1`, `yes` or `False`, `0`, `no` |
    /// | `WEBCONNECTION_WEBSOCKETPROCESSSCRIPTMAP` | [`script_map`](Self::script_map) |
    /// | `WEBCONNECTION_BROADCAST_TOKEN` | all [`bearer_tokens`](Self::bearer_tokens) |
    /// | `WEBCONNECTION_PUBLIC_ORIGIN` | [`public_origin`](Self::public_origin) |
    ///
    /// A variable that is missing or blank changes nothing; space around a value is dropped.
    ///
    /// # Errors
    ///
    /// If a variable is not Unicode, or does not parse as the yes or no, script map, token or origin
    /// that it sets.
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
        if let Some(enabled) = read_variable(&variable, USE_WEB_SOCKETS, parse_bool)? {
            self.enabled = enabled;
        }
        if let Some(script_map) = read_variable(&variable, PROCESS_SCRIPT_MAP, str::parse)? {
            self.routes.script_map = script_map;
        }
        if let Some(token) = read_variable(&variable, BROADCAST_TOKEN, str::parse)? {
            self.access.bearer_tokens = vec![token];
        }
        if let Some(origin) = read_variable(&variable, PUBLIC_ORIGIN, str::parse)? {
            self.access.public_origin = Some(origin);
        }
        Ok(self)
    }
}

fn read_variable<T, E: Into<ParseValueError>>(
    variable: impl Fn(&str) -> Result<String, VarError>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, ConfigError> {
    match variable(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => match parse(value.trim()) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(refused(name, &error.into())),
        },
        Err(VarError::NotPresent) => Ok(None),
        // The error does not repeat the bytes of the variable: they may be a token.
        Err(VarError::NotUnicode(_)) => Err(ConfigError::new(
            ConfigErrorKind::NotUnicode,
            format_args!("environment variable {name}: not Unicode"),
        )),
    }
}

fn refused(name: &str, error: &ParseValueError) -> ConfigError {
    let text = format_args!("environment variable {name}: {error}");
    ConfigError::new(error.kind(), text)
}

const USE_WEB_SOCKETS: &str = "WEBCONNECTION_USEWEBSOCKETS";
const PROCESS_SCRIPT_MAP: &str = "WEBCONNECTION_WEBSOCKETPROCESSSCRIPTMAP";
const BROADCAST_TOKEN: &str = "WEBCONNECTION_BROADCAST_TOKEN";
const PUBLIC_ORIGIN: &str = "WEBCONNECTION_PUBLIC_ORIGIN";

#[cfg(test)]
mod tests {
    use std::env::VarError;

    use super::{
        BROADCAST_TOKEN, Config, ConfigError, PROCESS_SCRIPT_MAP, PUBLIC_ORIGIN, USE_WEB_SOCKETS,
    };
    use crate::config::{BearerToken, ConfigErrorKind};

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
    fn s04_the_west_wind_names_are_variables_too() {
        let variables = [(USE_WEB_SOCKETS, "False"), (PROCESS_SCRIPT_MAP, ".wc")];
        let config = with(Config::new().script_map("code"), &variables).unwrap();
        assert!(!config.enabled);
        assert_eq!(config.routes.script_map.as_str(), "wc");

        let config = with(Config::new().enabled(false), &[(USE_WEB_SOCKETS, "1")]).unwrap();
        assert!(config.enabled);
    }

    #[test]
    fn s04_a_bad_bool_or_script_map_is_named_with_its_variable() {
        for (name, value, kind) in [
            (USE_WEB_SOCKETS, "maybe", ConfigErrorKind::Bool),
            (PROCESS_SCRIPT_MAP, "w/d", ConfigErrorKind::ScriptMap),
        ] {
            let error = with(Config::new(), &[(name, value)]).unwrap_err();
            assert_eq!(error.kind(), kind);
            let text = format!("environment variable {name}: {value:?} is not a");
            assert!(error.to_string().starts_with(&text), "{error}");
        }
    }

    #[test]
    fn a_variable_that_is_not_unicode_is_named_and_not_repeated() {
        let error = Config::new()
            .with_variables(|_| Err(VarError::NotUnicode("sec\u{FFFD}ret".into())))
            .unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::NotUnicode);
        assert!(!format!("{error} {error:?}").contains("sec"), "{error:?}");
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
        assert!(
            error
                .to_string()
                .contains("\"app.example\" is not an origin")
        );

        let error = with(Config::new(), &[(BROADCAST_TOKEN, "sec ret")]).unwrap_err();
        assert_eq!(error.kind(), ConfigErrorKind::Token);
        assert!(!format!("{error:?}").contains("sec ret"));
    }
}
