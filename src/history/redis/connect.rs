//! Opens a link: finds the server of the keys, and gives it the scripts.

use redis::{
    AsyncConnectionConfig, Pipeline, RedisConnectionInfo, ServerError, ServerErrorKind, Value,
    aio::MultiplexedConnection,
};

use super::{
    link::{self, RedisLink, Replication, TRUSTED},
    place::RedisServer,
    scripts::{self, Hashes},
};
use crate::{backplane::remote::Address, history::remote::Driver};

/// Opens a link to the next of the servers, or to the one of its cluster that has the keys.
pub(super) async fn connect(server: &RedisServer) -> Result<(RedisLink, Driver), String> {
    let mut address = server.endpoints.next().clone();
    for _ in 0..=MAX_MOVES {
        let opened = open(server, &address).await;
        match opened.map_err(|why| format!("{address} {why}"))? {
            Opened::Link(link, driver) => return Ok((link, driver)),
            Opened::Moved(host, port) => {
                // Without a host, it is another port of this one.
                if !host.is_empty() {
                    address.host = host;
                }
                address.port = port;
            }
        }
    }
    Err(format!(
        "{address} is one of a cluster that is about to change"
    ))
}

enum Opened {
    Link(RedisLink, Driver),
    /// Another server of the cluster has the keys.
    Moved(String, u16),
}

async fn open(server: &RedisServer, address: &Address) -> Result<Opened, String> {
    let login = RedisConnectionInfo::default().set_db(server.database);
    let config = AsyncConnectionConfig::new();
    let (connection, mut driver) = server.endpoints.open(address, login, config).await?;
    let greeted = tokio::select! {
        greeted = greet(server, &connection) => greeted?,
        () = &mut driver => return Err("has closed the connection".to_owned()),
    };
    Ok(match greeted {
        Greeted::Moved(host, port) => Opened::Moved(host, port),
        Greeted::Ready { generation, hashes } => {
            let link = RedisLink::new(connection, generation.into(), hashes);
            let driver = link.driver(driver);
            Opened::Link(link, driver)
        }
    })
}

enum Greeted {
    Ready { generation: String, hashes: Hashes },
    Moved(String, u16),
}

async fn greet(
    server: &RedisServer,
    connection: &MultiplexedConnection,
) -> Result<Greeted, String> {
    let mut questions = Pipeline::new();
    questions.cmd("INFO").arg("replication");
    questions.cmd("EXISTS").arg(server.keys.any());
    for script in [scripts::APPEND, scripts::READ] {
        questions.cmd("SCRIPT").arg("LOAD").arg(script);
    }
    let answers = link::ask(connection, &questions).await?;
    let Ok([replication, exists, append, read]) = <[Value; 4]>::try_from(answers) else {
        return Err("does not answer each command".to_owned());
    };
    if let Value::ServerError(error) = &exists {
        if let Some((host, port)) = moved(error) {
            return Ok(Greeted::Moved(host, port));
        }
    }
    let replication = Replication::of(Some(&replication))?;
    if !replication.is_primary {
        return Err(
            "is a replica: name the primary, or all servers, separated by commas".to_owned(),
        );
    }
    let generation = if server.trusts_restarts {
        TRUSTED.to_owned()
    } else {
        replication.id
    };
    if generation.is_empty() {
        return Err(
            "does not say when it was started (master_replid), so that it may have lost entries \
             unseen: set `trust_restarts` if it loses none"
                .to_owned(),
        );
    }
    let hashes = Hashes {
        append: hash(append)?,
        read: hash(read)?,
    };
    // While the keys move to another server, those that are there yet are this one's.
    if !matches!(&exists, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::Ask)) {
        accepted(exists)?;
    }
    Ok(Greeted::Ready { generation, hashes })
}

fn hash(answer: Value) -> Result<String, String> {
    match accepted(answer)? {
        Value::BulkString(hash) => Ok(String::from_utf8_lossy(&hash).into_owned()),
        Value::SimpleString(hash) => Ok(hash),
        _ => Err("does not name the scripts that it was given".to_owned()),
    }
}

fn accepted(answer: Value) -> Result<Value, String> {
    match answer {
        Value::ServerError(error) => Err(link::refused(&error)),
        answer => Ok(answer),
    }
}

/// Returns where the keys are: `3999 10.0.0.6:7001`.
fn moved(error: &ServerError) -> Option<(String, u16)> {
    if error.kind() != Some(ServerErrorKind::Moved) {
        return None;
    }
    let (_, address) = error.details()?.split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_matches(['[', ']']);
    Some((host.to_owned(), port.parse().ok()?))
}

const MAX_MOVES: usize = 3;
