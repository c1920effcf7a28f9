//! How a file is laid out.

use super::{source::sources, violations, violations_in_finished};

const LONGEST_FILE: usize = 400;

/// The longest of those that wait.
const LONGEST_UNFINISHED: usize = 450;

#[test]
fn a_file_is_one_idea() {
    let longer = |most| {
        move |file: &super::Source| {
            let lines = file.text.lines().count();
            (lines > most).then(|| format!("{lines} lines"))
        }
    };
    let mut wrong = violations_in_finished(longer(LONGEST_FILE));
    wrong.extend(violations(longer(LONGEST_UNFINISHED)));
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_file_begins_with_a_sentence_that_says_what_belongs_in_it() {
    let wrong = violations_in_finished(|file| {
        let docs = file
            .text
            .lines()
            .map_while(|line| line.strip_prefix("//! "));
        let sentence = docs.collect::<Vec<_>>().join(" ");
        let inner = sentence.trim_end_matches(['.', ':']);
        let is_one = inner.len() < sentence.len() && !inner.contains(". ");
        (!is_one).then(|| format!("not one sentence: {sentence:?}"))
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_file_of_a_folder_is_a_table_of_contents() {
    let wrong = violations_in_finished(|file| {
        if !file.path.ends_with("/mod.rs") {
            return None;
        }
        let code = without_groups(&file.code).replace(" {}", ";");
        let mut statements = code.split(';');
        let other = statements.find(|statement| !is_of_contents(statement));
        other.map(|statement| statement.trim().to_owned())
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn a_folder_has_its_file_inside() {
    let files = sources();
    let wrong = violations_in_finished(|file| {
        let folder = format!("{}/", file.path.trim_end_matches(".rs"));
        let beside = files.iter().any(|other| other.path.starts_with(&folder));
        beside.then(|| format!("belongs into {folder} as mod.rs"))
    });
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn nothing_is_left_for_later_or_printed() {
    let wrong = violations(|file| {
        let later = ["TODO", "FIXME", "XXX"];
        let later = later.into_iter().find(|word| file.text.contains(word));
        let left = ["dbg!", "println!", "eprintln!", "todo!", "unimplemented!"];
        let left = left.into_iter().find(|call| file.code.contains(call));
        later.or(left).map(str::to_owned)
    });
    assert_eq!(wrong, [""; 0]);
}

/// Whether a statement declares a module or re-exports, attributes aside.
fn is_of_contents(statement: &str) -> bool {
    let lines = statement.lines().map(str::trim);
    let code: Vec<_> = lines.filter(|line| !line.starts_with("#[")).collect();
    let code = code.join(" ");
    let code = code.trim();
    let declares = code.split(' ').any(|word| word == "mod");
    code.is_empty() || declares || code.starts_with("pub") && code.contains("use ")
}

/// Empties all braces.
fn without_groups(code: &str) -> String {
    let mut depth = 0;
    let mut outside = String::new();
    for sign in code.chars() {
        depth -= i32::from(sign == '}');
        if depth == 0 {
            outside.push(sign);
        }
        depth += i32::from(sign == '{');
    }
    outside
}

#[test]
fn contents_are_told_from_code() {
    let is_table = |code: &str| {
        let code = without_groups(code).replace(" {}", ";");
        code.split(';').all(is_of_contents)
    };
    assert!(is_table(
        "mod a;\n#[cfg(test)]\nmod b;\npub use self::{\n    a::{A, B},\n    b::C,\n};"
    ));
    assert!(is_table(
        "#[doc = include_str!(\"a.md\")]\npub mod a {}\npub(super) use self::a::A;"
    ));
    assert!(!is_table("mod a;\nuse self::a::A;"));
    assert!(!is_table("mod a;\npub const A: u8 = 1;"));
    assert!(!is_table("mod a;\nimpl A {\n    fn a() { b(); }\n}"));
}
