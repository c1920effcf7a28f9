//! `use` declarations and other paths, found in code without parsing it.

/// One name that a `use` declaration brings in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// As written: it may begin with `crate`, `self` or `super`.
    pub(super) path: Vec<String>,
    /// What the name is here, or `*`.
    pub(super) name: String,
}

/// Splits code into its `use` declarations, public ones included, and the rest.
pub(super) fn split(code: &str) -> (Vec<Use>, String) {
    let mut uses = Vec::new();
    let mut rest = String::new();
    let mut tree = None::<String>;
    for line in code.lines() {
        let start = match &tree {
            Some(_) => Some(line),
            None => tree_in(line),
        };
        match start {
            None => rest.push_str(line),
            Some(part) => {
                let tree = tree.get_or_insert_default();
                tree.push_str(part.split(';').next().unwrap_or_default());
            }
        }
        rest.push('\n');
        if start.is_some_and(|part| part.contains(';')) {
            let whole = tree.take().unwrap_or_default();
            uses.extend(expanded(&whole).iter().filter_map(|path| read(path)));
        }
    }
    (uses, rest)
}

/// The paths in code that begin with `crate::`, `self::` or `super::`.
pub(super) fn paths(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|sign| is_of_name(sign) || sign == ':') {
                continue;
            }
            let is_of_path = |sign: &char| is_of_name(*sign) || *sign == ':';
            let path: String = code[at..].chars().take_while(is_of_path).collect();
            let segments = path.split("::").filter(|segment| !segment.is_empty());
            paths.push(segments.map(str::to_owned).collect());
        }
    }
    paths
}

/// The tree of a `use` declaration that a line begins.
fn tree_in(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let public = line.strip_prefix("pub").map(|rest| match rest.find(") ") {
        Some(end) if rest.starts_with('(') => &rest[end + 1..],
        _ => rest,
    });
    public.unwrap_or(line).trim_start().strip_prefix("use ")
}

/// Every path of a `use` tree, its braces gone.
fn expanded(tree: &str) -> Vec<String> {
    let Some((prefix, group)) = tree.split_once('{') else {
        return vec![tree.trim().to_owned()];
    };
    let members = members(group).into_iter();
    let paths = members.flat_map(|member| expanded(&format!("{}{}", prefix.trim(), member.trim())));
    paths.collect()
}

/// The members of a group whose opening brace is gone.
fn members(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut members = vec![String::new()];
    for sign in group.chars() {
        match sign {
            '}' if depth == 0 => break,
            ',' if depth == 0 => members.push(String::new()),
            _ => members.last_mut().expect("a member").push(sign),
        }
        depth += i32::from(sign == '{') - i32::from(sign == '}');
    }
    members.retain(|member| !member.trim().is_empty());
    members
}

/// Reads one path of a `use` tree: `a::b`, `a::b as c`, `a::b::self`, `a::*`.
fn read(path: &str) -> Option<Use> {
    let (path, alias) = match path.split_once(" as ") {
        Some((path, alias)) => (path, Some(alias.trim())),
        None => (path, None),
    };
    let mut path: Vec<_> = path
        .split("::")
        .map(|name| name.trim().to_owned())
        .collect();
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = alias.map(str::to_owned).or_else(|| path.last().cloned())?;
    if name == "*" {
        path.pop();
    }
    Some(Use { path, name })
}

fn is_of_name(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}

#[test]
fn imports_are_read_in_every_form() {
    let code = "use std::fmt;\n\
         pub use crate::{hub::{Hub, Entry}, protocol};\n\
         pub(super) use super::{\n    super::{shared::Shared, socket as s},\n    Failure,\n};\n\
         pub(in crate::hub) use self::a::{self, b::*};\n\
         fn f(_: crate::Config) { super::super::g() + some_self::h() + Self::x }";
    let (uses, rest) = split(code);
    let uses: Vec<_> = uses
        .iter()
        .map(|one| format!("{} = {}", one.name, one.path.join("::")))
        .collect();
    let expected = [
        "fmt = std::fmt",
        "Hub = crate::hub::Hub",
        "Entry = crate::hub::Entry",
        "protocol = crate::protocol",
        "Shared = super::super::shared::Shared",
        "s = super::super::socket",
        "Failure = super::Failure",
        "a = self::a",
        "* = self::a::b",
    ];
    assert_eq!(uses, expected);
    let paths: Vec<_> = paths(&rest).iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["crate::Config", "super::super::g"]);
}
