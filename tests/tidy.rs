//! Reads the source tree and fails on what the house forbids: upward imports, impure decisions, long files, an untrue map.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::string_slice,
    reason = "a test may stop the moment something is not as expected"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

mod tidy {
    mod attacks;
    mod comments;
    mod cycles;
    mod documents;
    mod english;
    mod ids;
    mod links;
    mod map;
    mod security;
    mod types;
}

/// From the bottom to the top: an import goes downward or stays.
const LAYERS: [&str; 9] =
    ["base", "decide", "observe", "outbound", "authorization_server", "inbound", "config", "app", "cli"];
/// The layers that take values and give values.
const PURE: [&str; 2] = ["base", "decide"];
/// What a pure layer cannot name.
const IMPURE: [&str; 18] = [
    "tokio",
    "hyper",
    "hyper_util",
    "http_body",
    "http_body_util",
    "tracing",
    "rand",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "aws_lc_rs::rand",
];
/// The same where a path is not written out.
const IMPURE_WORDS: [&str; 4] = ["SystemTime::", "Instant::now", "SystemRandom", "println!"];
/// Lines of one file.
const LINES_MAX: usize = 400;
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
            if path.is_dir() && !hidden && !path.ends_with("node_modules") && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                all.push(path);
            }
        }
    }
    all.sort();
    all
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The module path of a source file, without `crate`.
fn module(path: &Path) -> Vec<String> {
    let relative = path.strip_prefix(root().join("src")).unwrap().with_extension("");
    relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
}

fn is_test_code(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.ends_with("tests.rs")
        || path.ends_with("testing.rs")
}

/// The code of a file that ships: without comments, and up to the first test module written in it.
fn shipped(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = match text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => &text[..at],
        None => &text,
    };
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Every path that the `use` items of some code name, their trees written out.
fn used(code: &str) -> Vec<String> {
    let mut all = Vec::new();
    for item in code.split("use ").skip(1) {
        if let Some(tree) = item.split(';').next() {
            let tree: String = tree.chars().filter(|c| !c.is_whitespace()).collect();
            write_out("", &tree, &mut all);
        }
    }
    all
}

fn write_out(prefix: &str, tree: &str, all: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        all.push(format!("{prefix}{tree}"));
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let inner = tree[open + 1..].strip_suffix('}').unwrap_or(&tree[open + 1..]);
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                write_out(&prefix, &inner[start..at], all);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < inner.len() {
        write_out(&prefix, &inner[start..], all);
    }
}

fn names(path: &str, forbidden: &str) -> bool {
    path == forbidden || path.strip_prefix(forbidden).is_some_and(|rest| rest.starts_with("::"))
}

#[test]
fn imports_go_downward_only() {
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        let module = module(&path);
        let Some(rank) = LAYERS.iter().position(|layer| *layer == module[0]) else { continue };
        let code = shipped(&path);
        let inline =
            code.split("crate::").skip(1).map(|rest| rest.split([':', ';', ',', ' ', '(', ')', '{', '>']).next());
        let inline = inline.flatten().map(|name| format!("crate::{name}"));
        for import in used(&code).into_iter().chain(inline) {
            let layer = import.strip_prefix("crate::").and_then(|rest| rest.split("::").next());
            if LAYERS.iter().skip(rank + 1).any(|upper| Some(*upper) == layer) {
                wrong.push(format!("{}: {import}", shown(&path)));
            }
        }
        let climb = "super::".repeat(module.len());
        if code.contains(&climb) && !is_test_code(&path) {
            wrong.push(format!("{}: climbs to the root with super", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "upward imports:\n{}", wrong.join("\n"));
}

#[test]
fn base_and_decide_are_pure() {
    let mut wrong = Vec::new();
    for path in files("src", "rs").iter().filter(|path| PURE.contains(&module(path)[0].as_str()) && !is_test_code(path))
    {
        let code = shipped(path);
        let imports = used(&code);
        for forbidden in IMPURE {
            let written = [" ", "(", "<", "&"].iter().any(|before| code.contains(&format!("{before}{forbidden}::")));
            if written && !imports.iter().any(|import| names(import, forbidden)) {
                wrong.push(format!("{}: {forbidden}", shown(path)));
            }
            wrong.extend(
                imports
                    .iter()
                    .filter(|import| names(import, forbidden))
                    .map(|import| format!("{}: {import}", shown(path))),
            );
        }
        wrong.extend(
            IMPURE_WORDS.iter().filter(|word| code.contains(**word)).map(|word| format!("{}: {word}", shown(path))),
        );
    }
    assert!(wrong.is_empty(), "impure:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_answers_and_fits() {
    let mut wrong = Vec::new();
    for path in [files("src", "rs"), files("tests", "rs"), files("examples", "rs")].concat() {
        let text = fs::read_to_string(&path).unwrap();
        let opening: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
        let ends = opening.iter().any(|line| line.ends_with(['.', '?']) || line.contains(". "));
        if opening.is_empty() || !ends {
            wrong.push(format!("{}: opens with no `//! ` sentence", shown(&path)));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines", shown(&path)));
        }
        if path.ends_with("mod.rs") {
            wrong.push(format!("{}: write foo.rs beside foo/", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_unfinished_or_excused() {
    let words =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("HA", "CK:"), concat!("todo", "!("), concat!("dbg", "!(")];
    let mut wrong = Vec::new();
    for path in [files("src", "rs"), files("tests", "rs")].concat() {
        let text = fs::read_to_string(&path).unwrap();
        for word in words.iter().filter(|word| text.contains(**word)) {
            wrong.push(format!("{}: {word}", shown(&path)));
        }
        let excused = text
            .split(concat!("#[al", "low("))
            .skip(1)
            .any(|rest| !rest.split(")]").next().unwrap_or_default().contains("reason"));
        if excused {
            wrong.push(format!("{}: an allow without a reason", shown(&path)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut wrong = Vec::new();
    let mut all =
        vec![root().join("Cargo.toml"), root().join("README.md"), root().join("gateway.yaml"), root().join(".ci/run")];
    all.extend(["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name)));
    for extension in ["rs", "md", "py", "mjs", "yaml", "toml"] {
        for folder in ["src", "tests", "examples", "docs"] {
            all.extend(files(folder, extension));
        }
    }
    for path in all {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        wrong.extend(
            places.iter().filter(|place| text.contains(**place)).map(|place| format!("{}: {place}", shown(&path))),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_names_every_layer() {
    let map = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let map: String = map.lines().filter(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
    let contributing = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root().join("src")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if matches!(name.as_str(), "lib" | "main" | "build") || !path.is_file() {
            continue;
        }
        if !LAYERS.contains(&name.as_str()) {
            wrong.push(format!("src/{name}.rs is no layer that this test knows"));
        }
        for (place, text) in [("src/lib.rs", &map), ("CONTRIBUTING.md", &contributing)] {
            if !text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name) {
                wrong.push(format!("{place} does not name {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The functions of the tree, by name, each with its text.
fn functions() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for path in [files("src", "rs"), files("tests", "rs")].concat() {
        let text = fs::read_to_string(path).unwrap();
        for (at, _) in text.match_indices("fn ") {
            let rest = &text[at + 3..];
            let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            let line = &text[text[..at].rfind('\n').map_or(0, |start| start + 1)..];
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = rest.find(&format!("\n{indent}}}")).unwrap_or(rest.len());
            all.insert(name, rest[..end].to_owned());
        }
    }
    all
}
