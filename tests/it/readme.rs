//! What the README tells: its Rust is compiled as doctests, its commands run in `tests/outside`.

use std::{collections::BTreeSet, fs, path::Path};

use web_connection_socket::{RecipientType, SocketMessage};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("the README")
}

/// The blocks of code in a language.
fn blocks(language: &str) -> Vec<String> {
    let readme = readme();
    let blocks = readme.split("\n```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.strip_prefix(language))
        .map(str::to_owned)
        .collect()
}

#[test]
fn both_commands_are_named_and_exist() {
    let shell = blocks("sh\n");
    for command in ["cargo run --example chat", "tests/run"] {
        let named = shell
            .iter()
            .any(|block| block.lines().any(|line| line == command));
        assert!(named, "{command}");
    }
    assert!(root().join("tests/run").exists());
    assert!(root().join("examples/chat/main.rs").exists());
}

#[test]
fn its_rust_is_compiled_with_the_documentation() {
    assert!(!blocks("rust").is_empty());
    let library = fs::read_to_string(root().join("src/lib.rs")).expect("the crate's root");
    assert!(library.contains(r#"#[doc = include_str!("../README.md")]"#));
    for block in blocks("rust") {
        let language = block.lines().next().unwrap_or_default();
        assert!(!language.contains("ignore"), "{block}");
    }
}

#[test]
fn the_messages_that_it_shows_can_be_read() {
    let shell = blocks("sh\n").concat();
    let bodies: Vec<_> = shell
        .split('\'')
        .filter(|text| text.starts_with('{'))
        .collect();
    assert!(!bodies.is_empty());
    for body in bodies {
        let message = SocketMessage::from_slice(body.as_bytes());
        assert!(
            message.is_ok_and(|message| !message.action.is_empty()),
            "{body}"
        );
    }
}

#[test]
fn every_type_of_recipient_has_a_row() {
    let readme = readme();
    for kind in [
        RecipientType::All,
        RecipientType::Group,
        RecipientType::User,
        RecipientType::Connection,
        RecipientType::AllButGroup,
        RecipientType::AllButUser,
        RecipientType::AllButConnection,
    ] {
        let json = format!("{{\"type\":\"{}\"", kind.as_str());
        assert!(readme.contains(&json), "{json}");
    }
}

#[test]
fn every_option_that_it_names_exists() {
    let source = texts(&root().join("src"));
    let readme = readme();
    let spans: BTreeSet<_> = inline_code(&readme)
        .map(|span| span.split('(').next().unwrap_or_default())
        .filter(|span| span.contains('_') && is_snake_case(span))
        .collect();
    assert!(spans.len() > 5, "{spans:?}");
    // The reverse proxy's own words.
    let is_foreign = |span: &str| span.starts_with("proxy_");
    let is_example = |span: &str| root().join(format!("examples/{span}.rs")).exists();
    for option in spans
        .iter()
        .filter(|span| !is_foreign(span) && !is_example(span))
    {
        assert!(source.contains(&format!("fn {option}")), "{option}");
    }
}

#[test]
fn its_links_work_wherever_it_is_shown() {
    let readme = readme();
    let inline = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let named = readme
        .lines()
        .filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    let mut ours = 0;
    for target in inline.chain(named.map(|(_, target)| target)) {
        assert!(
            target.starts_with("https://") || target.starts_with('#'),
            "{target}"
        );
        if let Some(path) = target.strip_prefix(SOURCE) {
            assert!(root().join(path).exists(), "{target}");
            ours += 1;
        } else if let Some(page) = target.strip_prefix(GUIDE) {
            let page = format!("src/guide/{}.md", page.trim_end_matches('/'));
            assert!(root().join(&page).exists(), "{target}");
            ours += 1;
        }
    }
    assert!(ours > 10, "{ours} links lead into the crate");
}

/// Where docs.rs shows the files of the published crate, and the guide.
const SOURCE: &str = "https://docs.rs/crate/web-connection-socket/latest/source/";
const GUIDE: &str = "https://docs.rs/web-connection-socket/latest/web_connection_socket/guide/";

#[test]
fn every_feature_has_a_row() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let (_, features) = manifest.split_once("[features]\n").expect("features");
    let (features, _) = features.split_once("\n[").expect("what follows");
    let readme = readme();
    let names = features.lines().filter(|line| !line.starts_with('#'));
    for name in names.filter_map(|line| line.split_once(" = ")) {
        let is_named = name.0 == "default" || readme.contains(&format!("| `{}` |", name.0));
        assert!(is_named, "{}", name.0);
    }
}

/// The code in the running text and the tables, outside of blocks.
fn inline_code(readme: &str) -> impl Iterator<Item = &str> {
    let texts = readme.split("\n```").step_by(2);
    texts.flat_map(|text| text.split('`').skip(1).step_by(2))
}

fn is_snake_case(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn texts(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.push_str(&texts(&path));
        } else if let Ok(text) = fs::read_to_string(&path) {
            all.push_str(&text);
        }
    }
    all
}
