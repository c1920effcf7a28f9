//! What readers copy: the examples, and the code in README, guide and documentation.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A page writes all of a message, its action and recipients, too: passed on as it came, it is a
/// message of the application's from whichever page sends it.
#[test]
fn no_example_broadcasts_a_message_as_a_page_wrote_it() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for (path, code) in examples() {
        count += usize::from(code.contains(".broadcast("));
        let is_passed_on = ["broadcast(socket.message()", "socket.message().clone()"]
            .iter()
            .any(|call| code.contains(call));
        // What it makes has the action of the message received.
        let is_blind = code.contains("socket.create_message()")
            && code.contains(".broadcast(")
            && !code.contains("on_action(");
        if is_passed_on || is_blind {
            wrong.push(format!("{}:\n{code}", path.display()));
        }
    }
    assert!(count > 15, "only {count} examples broadcast");
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_blocks_of_a_text_and_of_documentation_are_found() {
    let markdown = "# x\n\n```rust,no_run\none\n```\n\n```sh\ntwo\n```\n";
    assert_eq!(blocks(markdown), ["one\n"]);
    let source = "//! ```\n//! one\n//! ```\nfn f() {}\n    /// ```\n    /// two {\n    /// ```\n";
    assert_eq!(blocks(&documentation(source)), ["one\n", "two {\n"]);
}

fn examples() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    for path in files(&root.join("examples")) {
        if path.extension().is_some_and(|ending| ending == "rs") {
            let code = fs::read_to_string(&path).expect("a source");
            let items = code.split("\n}\n").map(str::to_owned);
            all.extend(items.map(|item| (path.clone(), item)));
        }
    }
    for path in files(&root.join("src"))
        .into_iter()
        .chain([root.join("README.md")])
    {
        let text = fs::read_to_string(&path).expect("a text");
        let text = match path.extension().and_then(|ending| ending.to_str()) {
            Some("rs") => documentation(&text),
            Some("md") => text,
            _ => continue,
        };
        all.extend(blocks(&text).into_iter().map(|block| (path.clone(), block)));
    }
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all
}

/// The documentation of a source, as Markdown.
fn documentation(source: &str) -> String {
    let lines = source.lines().map(str::trim_start);
    let lines = lines.filter_map(|line| line.strip_prefix("///").or(line.strip_prefix("//!")));
    let lines: Vec<_> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    lines.join("\n") + "\n"
}

/// The blocks of Rust in a Markdown text.
fn blocks(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in markdown.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                let is_rust =
                    language.is_empty() || language.starts_with("rust") || language == "no_run";
                open = Some((is_rust, String::new()));
            }
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (Some(_), Some(_)) => {
                if let Some((true, block)) = open.take() {
                    blocks.push(block);
                }
            }
            (None, None) => {}
        }
    }
    blocks
}
