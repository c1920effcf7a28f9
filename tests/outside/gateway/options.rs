//! What the gateway says at its start, and how it ends.

use crate::support::gateway::output;

#[test]
fn it_refuses_to_start_with_one_sentence_that_names_the_option() {
    let upstream = ["--upstream", "http://127.0.0.1:8080", "--port", "0"];
    let closed = ["--broadcast-token", "t", "--unsigned"];
    let missing = "/nothing/here.pem";
    for (arguments, said) in [
        (&[] as &[&str], "--upstream"),
        (
            &["--unsigned"],
            "--broadcast-token or --control-port is needed",
        ),
        (
            &["--broadcast-token", "t"],
            "--signing-key or --unsigned is needed",
        ),
        (
            &["--broadcast-token", "t", "--unsigned", "--signing-key", "k"],
            "--signing-key and --unsigned exclude each other",
        ),
        (
            &[&closed[..], &["--tls-cert", missing, "--tls-key", missing]].concat(),
            "--control-port or --broadcast-url is needed",
        ),
        (
            &[
                &closed[..],
                &[
                    "--control-port",
                    "0",
                    "--tls-cert",
                    missing,
                    "--tls-key",
                    missing,
                ],
            ]
            .concat(),
            "--tls-cert /nothing/here.pem: No such file",
        ),
        (
            &["--unsigned", "--broadcast-token-file", missing],
            "--broadcast-token-file /nothing/here.pem cannot be read",
        ),
        (
            &["--unsigned", "--broadcast-token", "to ken"],
            "--broadcast-token: ",
        ),
        (
            &[&closed[..], &["--upstream-ca", missing]].concat(),
            "--upstream-ca /nothing/here.pem: No such file",
        ),
        (
            &[&closed[..], &["--settings", "/nothing"]].concat(),
            "/nothing",
        ),
    ] {
        let all = if arguments.is_empty() {
            Vec::new()
        } else {
            [&upstream[..], arguments].concat()
        };
        assert_refused(&all, said);
    }
    for (url, said) in [
        (
            "127.0.0.1:8080",
            "--upstream 127.0.0.1:8080: the URL must be http://host",
        ),
        (
            "ftp://host",
            "--upstream ftp://host: the URL must be http://host",
        ),
        (
            "unix:here",
            "--upstream unix:here: unix: needs the absolute path",
        ),
        ("http://app.internal:8080", "--broadcast-url is needed"),
    ] {
        let arguments = [&["--upstream", url, "--port", "0"][..], &closed].concat();
        assert_refused(&arguments, said);
    }
}

#[test]
fn it_refuses_a_broker_that_cannot_be_and_repeats_no_password() {
    let upstream = ["--upstream", "http://127.0.0.1:8080", "--port", "0"];
    let closed = [&upstream[..], &["--broadcast-token", "t", "--unsigned"]].concat();
    for (arguments, said) in [
        (
            &["--redis", "localhost:6379"] as &[&str],
            "--redis: the broker's URL cannot be used and is not tried: it does not begin with redis://",
        ),
        (
            &["--redis", "redis://:to ken@localhost"],
            "--redis: the broker's URL cannot be used",
        ),
        (
            &["--nats", "nats://a,http://b"],
            "--nats: the broker's URL cannot be used and is not tried: it does not begin with nats://",
        ),
        (
            &["--nats", "nats://a", "--redis", "redis://a"],
            "--redis and --nats exclude each other",
        ),
        (
            &["--redis-file", "/nothing/here.pem"],
            "--redis-file /nothing/here.pem cannot be read",
        ),
        (
            &["--history", "users,lobby"],
            "must be group:NAME, group:PREFIX*, user:NAME, users or all",
        ),
        (
            &["--history", "all", "--history-age", "0"],
            "must be at least 1",
        ),
        (
            &["--cluster-prefix", "a.b"],
            "must be 1 to 64 ASCII letters, digits, -, _ or :",
        ),
    ] {
        assert_refused(&[&closed[..], arguments].concat(), said);
    }
}

fn assert_refused(arguments: &[&str], said: &str) {
    let ended = output(arguments);
    let printed = String::from_utf8_lossy(&ended.stderr);
    assert!(printed.contains(said), "{arguments:?}: {printed}");
    assert!(!printed.contains("to ken"), "{printed}");
    assert!(!ended.status.success(), "{arguments:?}");
}

#[test]
fn its_help_has_one_paragraph_for_each_option() {
    let help = output(&["--help"]);
    let help = String::from_utf8_lossy(&help.stdout);
    for option in [
        "upstream",
        "port",
        "bind",
        "script-map",
        "broadcast-token",
        "control-port",
        "signing-key",
        "unsigned",
        "origin",
        "websocket-path",
        "tls-cert",
        "tls-key",
        "status-port",
        "lifecycle-events",
        "hold",
        "trusted-proxy",
        "host",
        "broadcast-url",
        "upstream-ca",
        "max-concurrency",
        "max-sockets",
        "history",
        "history-messages",
        "history-age",
        "broadcast-token-file",
        "signing-key-file",
        "log-format",
        "settings",
        "redis",
        "redis-file",
        "nats",
        "nats-file",
        "cluster-prefix",
        "cluster-key",
        "cluster-key-file",
    ] {
        assert!(help.contains(&format!("--{option}")), "{option}: {help}");
    }
    assert!(help.contains("[env: WEBCONNECTION_UPSTREAM"), "{help}");
}
