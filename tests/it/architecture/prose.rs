//! How comments speak.

use super::violations_in_finished;

/// Pronouns that hide who acts: the client, the peer, the caller, the handler, the application.
const INDEFINITE: &[&str] = &[
    "whoever",
    "whom",
    "nobody",
    "anybody",
    "somebody",
    "everybody",
];

#[test]
fn comments_name_who_acts() {
    let wrong = violations_in_finished(|file| {
        let mut comments = file.comments();
        let hidden = |(_, comment): &(usize, &str)| {
            let words = comment.split(|sign: char| !sign.is_ascii_alphabetic());
            let mut words = words.map(str::to_ascii_lowercase);
            words.any(|word| INDEFINITE.contains(&word.as_str()))
        };
        let (line, comment) = comments.find(hidden)?;
        Some(format!("line {line}: {}", comment.trim()))
    });
    assert_eq!(wrong, [""; 0]);
}
