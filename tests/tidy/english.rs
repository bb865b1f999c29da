//! Are the documents free of words that hide who or what is meant?

use std::fs;

use crate::{files, root, shown};

/// Say which one: client, caller, user, attacker; "is not", "embedded".
const WORDS: [&str; 5] = ["whoever", "nobody", "stranger", "is none", "of our own"];
/// What may say "nobody": the Unix user of that name.
const UNIX_USER: [&str; 2] = ["`nobody`", "user nobody"];
/// Folders whose texts are read. Of a `.rs` file, names in its code do not count.
const FOLDERS: [(&str, &str); 4] = [("docs", "md"), ("tests", "md"), ("examples", "rs"), ("src", "rs")];
/// Single files that are read.
const FILES: [&str; 4] = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

/// The forbidden words of a text, each with its line. A part of a name (`reaches_nobody`) is no word.
fn forbidden(text: &str) -> Vec<(usize, &'static str)> {
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = UNIX_USER.iter().fold(line.to_lowercase(), |line, user| line.replace(user, ""));
        for word in WORDS {
            let is_there = line.match_indices(word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !line[at + word.len()..].starts_with('_')
            });
            if is_there {
                all.push((number + 1, word));
            }
        }
    }
    all
}

#[test]
fn the_documents_say_who_is_meant() {
    let mut wrong = Vec::new();
    let folders = FOLDERS.iter().flat_map(|(folder, extension)| files(folder, extension));
    for path in FILES.iter().map(|name| root().join(name)).filter(|path| path.exists()).chain(folders) {
        let text = fs::read_to_string(&path).unwrap();
        wrong.extend(forbidden(&text).into_iter().map(|(line, word)| format!("{}:{line}: {word}", shown(&path))));
    }
    assert!(wrong.is_empty(), "say who or what is meant:\n{}", wrong.join("\n"));
}

#[test]
fn words_are_found_and_names_are_not_words() {
    assert_eq!(
        forbidden("Nobody knows.\nfn reaches_nobody() {}\nfn nobody_reads() {}\nWhat strangers send is none of it."),
        [(1, "nobody"), (4, "stranger"), (4, "is none"),]
    );
    assert_eq!(forbidden("USER nobody\nruns as `nobody`"), []);
}
