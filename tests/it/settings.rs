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

#[tokio::test]
async fn s04_files_that_agree_are_one_and_the_core_servers_spelling_counts() {
    let folder = Folder::new("agree");
    folder.write("web.config", &section(&pairs("yes", "WWD")));
    folder.write(CORE, &elements("True", ".wwd"));
    // A file that says nothing of sockets contradicts none.
    folder.write("webconnection-settings.xml", "<s><Name>Shop</Name></s>");
    let server = serve(Config::from_settings_folder(&folder.path).unwrap());
    assert!(server.connect("/").await.is_ok());

    folder.write(CORE, "<s><Name>Shop</Name></s>");
    let server = serve(Config::from_settings_folder(&folder.path).unwrap());
    assert!(
        server.connect("/").await.is_ok(),
        "web.config says so alone"
    );

    folder.write(CORE, &elements("no", "x"));
    folder.write("web.config", &section(&pairs("0", "y")));
    let server = serve(Config::from_settings_folder(&folder.path).unwrap());
    assert!(server.connect("/").await.is_err(), "both turn them off");
}

#[test]
fn s04_files_that_contradict_each_other_are_an_error_that_names_both() {
    let error = Config::from_settings_folder(SAMPLES).unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::SeveralFiles);
    let expected = format!(
        "{SAMPLES}: the settings files contradict each other: WebSocketProcessScriptmap is wwd in {} \
         and chat in {}",
        sample(CORE).display(),
        sample("webconnection-settings.xml").display()
    );
    assert_eq!(error.to_string(), expected);

    let folder = Folder::new("contradict");
    let core = folder.write(CORE, &elements("True", "wwd"));
    let iis = folder.write("web.config", &section(&pairs("False", "wwd")));
    let error = Config::from_settings_folder(&folder.path).unwrap_err();
    let expected = format!(
        "UseWebSockets is True in {} and False in {}",
        core.display(),
        iis.display()
    );
    assert!(error.to_string().ends_with(&expected), "{error}");
}

#[tokio::test]
async fn s04_the_documented_lines_alone_are_a_settings_file() {
    let folder = Folder::new("fragment");
    for (name, text) in [
        ("webconnection-settings.xml", &elements("True", "wwd")[3..]),
        ("web.config", &pairs("True", "wwd")),
    ] {
        let text = text.trim_end_matches("</s>");
        let path = folder.write(name, text);
        let server = serve(Config::from_settings_file(&path).unwrap());
        assert!(server.connect("/").await.is_ok(), "{text}");
    }
}

#[tokio::test]
async fn s04_a_section_in_another_file_is_followed() {
    let folder = Folder::new("followed");
    std::fs::create_dir_all(folder.path.join("config")).unwrap();
    let whole = format!("<{SECTION}>{}</{SECTION}>", pairs("True", "wwd"));
    folder.write("config/x.config", &whole);
    for attribute in [
        r#"configSource="config\x.config""#,
        r#"configSource="config/x.config""#,
        r#"file="config/x.config""#,
    ] {
        let text = format!("<configuration><{SECTION} {attribute}/></configuration>");
        folder.write("web.config", &text);
        let server = serve(Config::from_settings_folder(&folder.path).unwrap());
        assert!(server.connect("/").await.is_ok(), "{attribute}");
    }
    // What the other file says counts, what it leaves out stands in the section.
    let switch = r#"<add key="UseWebSockets" value="True"/>"#;
    folder.write(
        "config/x.config",
        &format!("<{SECTION}>{switch}</{SECTION}>"),
    );
    let text = format!(
        r#"<configuration><{SECTION} file="config/x.config">{}</{SECTION}></configuration>"#,
        pairs("False", "wwd")
    );
    folder.write("web.config", &text);
    let server = serve(Config::from_settings_folder(&folder.path).unwrap());
    assert!(server.connect("/").await.is_ok());
}

#[test]
fn a_section_that_cannot_be_followed_is_an_error_with_file_line_and_attribute() {
    let folder = Folder::new("unfollowed");
    let at = |name: &str| folder.path.join(name);
    let web_config = at("web.config").display().to_string();
    let other = at("x.config").display().to_string();
    for (attribute, content, kind, expected) in [
        (
            r#"configSource="missing.config""#,
            None,
            ConfigErrorKind::NotFound,
            format!(
                "{web_config}, line 2, configSource: {}: cannot be read",
                at("missing.config").display()
            ),
        ),
        (
            r#"file="../x.config""#,
            None,
            ConfigErrorKind::Elsewhere,
            format!("{web_config}, line 2, file: \"../x.config\" is outside the folder"),
        ),
        (
            r#"configSource="/etc/hosts""#,
            None,
            ConfigErrorKind::Elsewhere,
            format!("{web_config}, line 2, configSource: \"/etc/hosts\" is outside the folder"),
        ),
        (
            r#"configProtectionProvider="RsaProtectedConfigurationProvider""#,
            None,
            ConfigErrorKind::Elsewhere,
            format!("{web_config}, line 2, configProtectionProvider: encrypted sections"),
        ),
        // A circle of one, and of two.
        (
            r#"file="web.config""#,
            None,
            ConfigErrorKind::Elsewhere,
            format!("{web_config}, line 2, file: another file refers to this one"),
        ),
        (
            r#"file="x.config""#,
            Some(format!("\n\n<{SECTION} file='web.config'/>")),
            ConfigErrorKind::Elsewhere,
            format!("{other}, line 3, file: another file refers to this one"),
        ),
        (
            r#"configSource="x.config""#,
            Some(format!("<{SECTION}>\n</{SECTION}>")),
            ConfigErrorKind::Empty,
            format!("{other}, line 1, {SECTION}: empty"),
        ),
        (
            r#"configSource="x.config""#,
            Some("<appSettings><add key='a' value='b'/></appSettings>".to_owned()),
            ConfigErrorKind::Empty,
            format!("{other}: empty"),
        ),
        (
            r#"configSource="x.config""#,
            Some(format!("<{SECTION}>\n{}</{SECTION}>", pairs("True", ""))),
            ConfigErrorKind::NoScriptMap,
            format!("{other}, line 2, WebSocketProcessScriptmap: missing"),
        ),
        (
            r#"configSource="x.config""#,
            Some(format!(
                "<{SECTION}>{}</{SECTION}>",
                pairs("perhaps", "wwd")
            )),
            ConfigErrorKind::Bool,
            format!("{other}, line 1, UseWebSockets: \"perhaps\""),
        ),
    ] {
        folder.write(
            "web.config",
            &format!("<configuration>\n<{SECTION} {attribute}/></configuration>"),
        );
        if let Some(content) = content {
            folder.write("x.config", &content);
        }
        let error = Config::from_settings_folder(&folder.path).unwrap_err();
        assert_eq!(error.kind(), kind, "{attribute}: {error}");
        assert!(
            error.to_string().starts_with(&expected),
            "{error}\n{expected}"
        );
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

    folder.write("WEBCONNECTION-SETTINGS.XML", "<s><Name/></s>");
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
        "{}, line 2, UseWebSockets: \"perhaps\" is not a yes or no, expected True or False",
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

const CORE: &str = "WebConnectionWebServerSettings.xml";

const SECTION: &str = "webConnectionConfiguration";

fn elements(switch: &str, map: &str) -> String {
    format!(
        "<s><UseWebSockets>{switch}</UseWebSockets>\n\
         <WebSocketProcessScriptmap>{map}</WebSocketProcessScriptmap></s>"
    )
}

fn pairs(switch: &str, map: &str) -> String {
    format!(
        "<add key=\"UseWebSockets\" value=\"{switch}\" />\n\
         <add key=\"WebSocketProcessScriptmap\" value=\"{map}\" />"
    )
}

fn section(content: &str) -> String {
    format!("<configuration><{SECTION}>{content}</{SECTION}></configuration>")
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
