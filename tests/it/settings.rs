//! The settings that a Web Connection site already has.

use std::path::{Path, PathBuf};

use axum::Router;
use http::StatusCode;
use tower::Layer;
use web_connection_socket::{
    Config, SocketMessage, WebConnectionSocketLayer, config::ConfigErrorKind, testing::Server,
};

use crate::support::http::{WEB_SOCKET, fetch, post};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/settings");

#[tokio::test]
async fn s04_use_web_sockets_of_a_file_turns_sockets_on() {
    for name in [
        "WebConnectionWebServerSettings.xml",
        "webconnection-settings.xml",
        "web.config",
    ] {
        let config = Config::from_settings_file(sample(name)).unwrap();
        let server = serve(config);
        assert!(server.connect("/").await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn s04_web_socket_process_scriptmap_of_a_file_names_the_applications_url() {
    let config = Config::from_settings_file(sample("webconnection-settings.xml")).unwrap();
    let server = serve(config.trust_local_callers());
    let message = SocketMessage::new("hello").encode();
    let taken = post(&server, "/__WebSocket.chat", message.clone()).await;
    let passed = post(&server, WEB_SOCKET, message).await;
    assert_eq!(taken.status(), StatusCode::OK);
    assert_eq!(passed.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn s04_a_file_that_leaves_use_web_sockets_out_turns_sockets_off() {
    let folder = Folder::new("left-out");
    folder.write("webconnection-settings.xml", "<s><Name>Shop</Name></s>");
    let server = serve(Config::from_settings_folder(&folder.path).unwrap());
    assert!(server.connect("/").await.is_err());
    let probe = fetch(&server, "/__initializeSocket.wc").await;
    assert_eq!(probe.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_has_the_last_word_over_the_code_before_it() {
    let before = Config::new().enabled(false).script_map("code");
    let config = before.with_settings_folder(SAMPLES_ONE).unwrap();
    let server = serve(config.trust_local_callers());
    let message = SocketMessage::new("hello").encode();
    let taken = post(&server, WEB_SOCKET, message).await;
    assert_eq!(taken.status(), StatusCode::OK);
}

#[test]
fn several_files_in_one_folder_are_an_error_that_names_them() {
    let error = Config::from_settings_folder(SAMPLES).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::SeveralFiles);
    let text = error.to_string();
    for name in [
        "WebConnectionWebServerSettings.xml",
        "webconnection-settings.xml",
        "web.config",
    ] {
        assert!(text.contains(&sample(name).display().to_string()), "{text}");
    }
}

#[test]
fn the_web_config_of_iis_does_not_count_in_a_folder() {
    let folder = Folder::new("iis");
    folder.write(
        "Web.config",
        "<configuration><system.webServer/></configuration>",
    );
    let error = Config::from_settings_folder(&folder.path).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::NoSection);

    folder.write("WEBCONNECTION-SETTINGS.XML", "<s/>");
    assert!(Config::from_settings_folder(&folder.path).is_ok());
}

#[test]
fn a_broken_file_is_named_with_line_and_key() {
    let folder = Folder::new("broken");
    let path = folder.write(
        "web.config",
        "<s>\n<UseWebSockets>perhaps</UseWebSockets>\n</s>",
    );
    let error = Config::from_settings_folder(&folder.path).unwrap_err();
    let expected = format!(
        "{}, line 2, UseWebSockets: \"perhaps\" is no switch, expected True or False",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_is_missing_no_file_or_too_large_is_an_error_that_names_it() {
    let folder = Folder::new("unreadable");
    let large = folder.write(
        "large.xml",
        &format!("<s>{}</s>", " ".repeat(1_024 * 1_024)),
    );
    let missing = folder.path.join("missing.xml");
    for (path, kind) in [
        (&missing, ConfigErrorKind::NotFound),
        (&folder.path, ConfigErrorKind::Unreadable),
        (&large, ConfigErrorKind::TooLarge),
    ] {
        let error = Config::from_settings_file(path).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("{}: ", path.display()))
        );
    }
    let empty = Config::from_settings_folder(&folder.path).unwrap_err();
    assert_eq!(empty.kind(), ConfigErrorKind::NotFound);
    assert!(empty.to_string().contains("web.config"), "{empty}");
    let missing = Config::from_settings_folder(&missing).unwrap_err();
    assert_eq!(missing.kind(), ConfigErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn a_device_is_no_settings_file() {
    let error = Config::from_settings_file("/dev/zero").unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Unreadable);
}

const SAMPLES_ONE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/it/settings/one");

fn sample(name: &str) -> PathBuf {
    Path::new(SAMPLES).join(name)
}

fn serve(config: Config) -> Server {
    let layer = WebConnectionSocketLayer::new(config).on_web_socket(|_| async {});
    Server::new(layer.layer(Router::new()))
}

/// A folder of its own for one test, gone with it.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = scratch.join(format!("settings-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("cargo's scratch folder");
        Self { path }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, text).expect("a folder to write to");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.path).expect("the folder that was made");
    }
}
