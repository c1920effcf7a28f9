//! The middleware's configuration, of the gateway's options.

use std::time::Duration;

use web_connection_socket::{Config, config::BearerToken};

use crate::{Problem, options::Options, secrets, settings};

/// Makes the configuration: settings files, then the environment, then the command line.
pub(crate) fn of(options: &Options) -> Result<Config, Problem> {
    let mut config = Config::new()
        .lifecycle_events(options.lifecycle_events)
        .trusted_proxies(options.trusted_proxy.iter().copied())
        .allow_callers_from(options.allow_callers_from.iter().copied())
        .hosts(options.host.iter().cloned())
        .control_service_only(options.control_port.is_some());
    if let Some(folder) = &options.settings {
        config = settings::read(config, folder)?;
    }
    config = config.with_env()?;
    if let Some(map) = &options.script_map {
        config = config.script_map(map.clone());
    }
    if let Some(path) = &options.websocket_path {
        config = config.socket_path(path.clone());
    }
    if !options.origin.is_empty() {
        config = config.origins(options.origin.iter().cloned());
    }
    if let Some(origin) = &options.public_origin {
        config = config.public_origin(origin.clone());
    }
    if let Some(sockets) = options.max_sockets {
        config = config.max_sockets(sockets);
    }
    let age = Duration::from_secs(options.history_age as u64);
    for rule in &options.history {
        let rule = rule.clone().messages(options.history_messages);
        config = config.history(rule.age(age));
    }
    let file = options.cluster_key_file.as_ref();
    let keys = secrets::collect("cluster-key", options.cluster_key.as_slice(), file)?;
    match &keys[..] {
        [] => {}
        [key] => config = config.cluster_key(key),
        _ => {
            return Err("--cluster-key: there is more than one, and all gateways share one".into());
        }
    }
    let tokens = tokens(options)?;
    if tokens.is_empty() && options.control_port.is_none() && options.allow_callers_from.is_empty()
    {
        return Err(
            "--broadcast-token or --control-port is needed: without either, the application \
                    could not broadcast"
                .into(),
        );
    }
    Ok(config.bearer_tokens(tokens))
}

fn tokens(options: &Options) -> Result<Vec<BearerToken>, Problem> {
    let file = options.broadcast_token_file.as_ref();
    let texts = secrets::collect("broadcast-token", &options.broadcast_token, file)?;
    let tokens = texts.iter().map(|text| text.parse());
    tokens
        .collect::<Result<_, _>>()
        .map_err(|error| format!("--broadcast-token: {error}").into())
}

/// Collects the keys that sign requests; none if nothing is to be signed.
pub(crate) fn signing_keys(options: &Options) -> Result<Vec<String>, Problem> {
    let file = options.signing_key_file.as_ref();
    let keys = secrets::collect("signing-key", &options.signing_key, file)?;
    match (keys.is_empty(), options.unsigned) {
        (true, false) => Err(
            "--signing-key or --unsigned is needed: without a signature, every \
                              program that reaches the application can speak as any user"
                .into(),
        ),
        (false, true) => Err("--signing-key and --unsigned exclude each other".into()),
        _ => Ok(keys),
    }
}
